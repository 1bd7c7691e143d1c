"""Wrong arguments: refused with a message that says what is due, before anything is written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from places import KINDS, make, open_store
from run_model import KeepOdd

from ckptstore import BackendError, Checkpoint, CheckpointStore, KeepLast
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place

BAD_RUNS = [
    "",
    ".",
    "..",
    "../x",
    "/x",
    "a/b",
    "a\\b",
    ".x",
    "x.",
    "a b",
    "a\0b",
    "a\n",
    "ä",
    "a:b",
    "x" * 201,
    "x" * 300,
    "con",
    "NUL.txt",
    "Com1",
    "lpt9.log.gz",
    "~",
    "*",
    "%2e%2e",
]
GOOD_RUNS = ["a", "A-1_b=c@d+e.f", "1", "-", "_", "x" * 200, "console", "nul1", "con-1", "latest.json"]
OPERATIONS: dict[str, Callable[[CheckpointStore, Any], object]] = {
    "save": lambda store, run: store.save(run, 1),
    "load": lambda store, run: store.load(run, default=None),
    "load at": lambda store, run: store.load(run, at=1, default=None),
    "latest": lambda store, run: store.latest(run),
    "checkpoints": lambda store, run: store.checkpoints(run),
    "delete": lambda store, run: store.delete(run, 1),
    "delete_run": lambda store, run: store.delete_run(run),
    "prune": lambda store, run: store.prune(run),
    "verify": lambda store, run: store.verify(run),
    "open_writer": lambda store, run: store.open_writer(run),
    "open_reader": lambda store, run: store.open_reader(run),
}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unsafe_run_names_are_refused(tmp_path: Path, operation: str) -> None:
    """No operation takes a name that is not safe on every storage, and nothing appears anywhere."""
    (tmp_path / "root").mkdir()
    (tmp_path / "x").mkdir()
    store = CheckpointStore(tmp_path / "root")
    for run in BAD_RUNS:
        with pytest.raises(ValueError, match="is not a safe name"):
            OPERATIONS[operation](store, run)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["root", "x"]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("run", [None, 1, b"run", ["run"]], ids=repr)
def test_a_run_name_is_a_str(operation: str, run: object) -> None:
    """Anything else is a `TypeError`, as are bytes."""
    with pytest.raises(TypeError, match="run must be a str"):
        OPERATIONS[operation](CheckpointStore("memory://"), run)


def test_long_names_are_cut_in_the_message() -> None:
    """A name of a megabyte does not make a message of one."""
    with pytest.raises(ValueError, match=r"xxx.*\(1000000 characters\)") as caught:
        CheckpointStore("memory://").save("x" * 1_000_000, 1)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("run", GOOD_RUNS)
def test_all_safe_names_work(place: Place, run: str) -> None:
    """What the rules allow can be saved, listed and loaded on every storage."""
    open_store(place).save(run, "state")

    assert open_store(place).runs() == [run]
    assert open_store(place).load(run) == "state"


class Job(str, Enum):  # noqa: UP042 - a StrEnum is written as it is
    """A str that a format string does not write as it is."""

    RUN = "run"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_name_is_what_it_equals(place: Place, operation: str) -> None:
    """A member of an Enum of str names the run of its value, however it is shown."""
    open_store(place).save("run", 1)
    open_store(place).save("run", 2)
    store = open_store(place)

    OPERATIONS[operation](store, Job.RUN)
    store.save(Job.RUN, "state")

    assert {key.partition("/")[0] for key in place.objects()} == {"run"}
    assert open_store(place).load("run") == store.load(Job.RUN) == "state"
    record = store.latest(Job.RUN)
    assert record is not None
    assert type(record.run) is str


def foreign(store: CheckpointStore) -> Checkpoint:
    """A record of another run."""
    return store.save("other", 1)


CALLS: dict[str, tuple[type[Exception], str, Callable[[CheckpointStore], object]]] = {
    "load at naive": (ValueError, "has no time zone", lambda s: s.load("run", at=datetime(2026, 1, 1))),  # noqa: DTZ001 - the mistake
    "load at date": (TypeError, "not date", lambda s: s.load("run", at=date(2026, 1, 1))),  # type: ignore[call-overload]
    "load at 0": (ValueError, "at must be 1 or more, not 0", lambda s: s.load("run", at=0)),
    "load at -1": (ValueError, "at must be 1 or more, not -1", lambda s: s.load("run", at=-1)),
    "load at True": (TypeError, "at must be .* not bool", lambda s: s.load("run", at=True)),
    "load at str": (TypeError, "Checkpoint or an aware datetime, not str", lambda s: s.load("run", at="1")),  # type: ignore[call-overload]
    "load at float": (TypeError, "not float", lambda s: s.load("run", at=1.0)),  # type: ignore[call-overload]
    "load at foreign": (ValueError, "of run 'other', not of 'run'", lambda s: s.load("run", at=foreign(s))),
    "read at 0": (ValueError, "at must be 1 or more", lambda s: s.open_reader("run", at=0)),
    "save after -1": (ValueError, "after must be 0 or more", lambda s: s.save("run", 1, after=-1)),
    "save after True": (TypeError, "after must be .* not bool", lambda s: s.save("run", 1, after=True)),
    "save after str": (TypeError, "int or a Checkpoint, not str", lambda s: s.save("run", 1, after="1")),  # type: ignore[arg-type]
    "save after foreign": (ValueError, "of run 'other', not of 'run'", lambda s: s.save("run", 1, after=foreign(s))),
    "metadata list": (TypeError, "metadata must be a mapping", lambda s: s.save("run", 1, metadata=[1])),  # type: ignore[arg-type]
    "metadata keys": (TypeError, "metadata must be .* str keys", lambda s: s.save("run", 1, metadata={1: 1})),  # type: ignore[dict-item]
    "metadata value": (
        TypeError,
        r'^metadata\["a"\]\[0\]: object',
        lambda s: s.save("run", 1, metadata={"a": [object()]}),
    ),
    "limit -1": (ValueError, "limit must be 0 or more", lambda s: s.checkpoints("run", limit=-1)),
    "limit True": (TypeError, "limit must be an int", lambda s: s.checkpoints("run", limit=True)),
    "delete 0": (ValueError, "number must be 1 or more", lambda s: s.delete("run", 0)),
    "delete str": (TypeError, "number must be an int", lambda s: s.delete("run", "1")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments_are_refused(place: Place, call: str) -> None:
    """A wrong argument is a `ValueError` or `TypeError` that says what is due; the run is as it was."""
    kind, message, do = CALLS[call]
    store = open_store(place)
    store.save("run", 1)
    before = {key: data for key, data in place.objects().items() if key.startswith("run/")}

    with pytest.raises(kind, match=message) as caught:
        do(store)
    assert type(caught.value) is kind
    assert {key: data for key, data in place.objects().items() if key.startswith("run/")} == before
    assert store.save("run", 2).number == 2


class Named:
    """A serializer with a name."""

    def __init__(self, name: object) -> None:
        self.name = name

    def dumps(self, state: object) -> bytes:
        """Nothing."""
        return b""

    def loads(self, data: bytes) -> object:
        """Nothing."""
        return None


SETTINGS: dict[str, tuple[type[Exception], str, dict[str, object]]] = {
    "retention 0": (ValueError, "at least one", {"retention": 0}),
    "retention -1": (ValueError, "at least one", {"retention": -1}),
    "retention True": (TypeError, "must be an int, not True", {"retention": True}),
    "retention str": (TypeError, "an int or a policy", {"retention": "3"}),
    "retention float": (TypeError, "an int or a policy", {"retention": 3.0}),
    "retention class": (TypeError, "an int or a policy", {"retention": KeepLast}),
    "serializer unknown": (ValueError, "serializer 'yaml' is unknown: use \"json\"", {"serializer": "yaml"}),
    "serializer class": (TypeError, "serializer must be", {"serializer": JsonSerializer}),
    "serializer object": (TypeError, "serializer must be", {"serializer": object()}),
    "serializer None": (TypeError, "serializer must be", {"serializer": None}),
    "serializer nameless": (TypeError, "needs a name", {"serializer": Named("")}),
    "serializer named by int": (TypeError, "needs a name", {"serializer": Named(1)}),
    "serializer taken": (ValueError, "'json', which is taken", {"serializer": Named("json")}),
    "storage_options": (ValueError, "storage_options mean nothing to", {"storage_options": {"key": "x"}}),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_wrong_settings_are_refused(place: Place, setting: str) -> None:
    """A store that cannot work as told is not opened."""
    kind, message, settings = SETTINGS[setting]

    with pytest.raises(kind, match=message):
        open_store(place, **settings)
    assert place.objects() == {}


@pytest.mark.parametrize(
    ("kind", "message", "url"),
    [
        (ValueError, "no backend serves s4:// URLs; there are: a path, file://, memory://", "s4://bucket"),
        (ValueError, "no backend serves ://", "://x"),
        (ValueError, "is no place for a store", ""),
        (ValueError, "is no place for a store", "a\0b"),
        (ValueError, "names a host or a relative path", "file://host/path"),
        (ValueError, "names a host or a relative path", "file://path"),
        (ValueError, "is not a key", "memory://a/../b"),
        (ValueError, "is not a key", "memory://a//b"),
        (TypeError, "must be a str or a path, not NoneType", None),
        (TypeError, "must be a str or a path, not bytes", b"ckpts"),
        (TypeError, "must be a str or a path, not int", 3),
    ],
)
def test_wrong_urls_are_refused(kind: type[Exception], message: str, url: Any) -> None:  # noqa: ANN401 - whatever is passed
    """What is no place for a store is refused when it is opened, not at the first save."""
    with pytest.raises(kind, match=message):
        CheckpointStore(url)


def cycle() -> list[object]:
    """A list in itself."""
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("kind", "message", "state"),
    [
        (TypeError, r'^state\["orders"\]\[1\]\["x"\]: object cannot be stored', {"orders": [0, {"x": object()}]}),
        (TypeError, r"^state: Mine cannot be stored", type("Mine", (), {})()),
        (ValueError, r'state\["a"\]\[0\] is state\["a"\] again: a cycle', {"a": cycle()}),
    ],
)
def test_unstorable_states_name_their_path(place: Place, kind: type[Exception], message: str, state: object) -> None:
    """The message names the place inside the state; nothing is written and the store goes on."""
    store = open_store(place)
    store.save("run", KeepOdd())
    before = place.objects()

    with pytest.raises(kind, match=message):
        store.save("run", state)
    assert place.objects() == before
    assert store.save("run", 2).number == 2


@pytest.mark.parametrize("state", ["text", [1], None])
def test_the_bytes_serializer_takes_bytes_alone(place: Place, state: object) -> None:
    """Nothing is encoded by a guess."""
    with pytest.raises(TypeError, match="stores bytes, bytearray or memoryview"):
        open_store(place, serializer="bytes").save("run", state)
    assert place.objects() == {}


def test_a_bad_argument_of_a_writer_leaves_nothing(place: Place) -> None:
    """What was written to a stream is not saved with wrong metadata."""
    with (
        pytest.raises(TypeError, match="metadata must be"),
        open_store(place).open_writer("run", metadata={1: 2}) as file,  # type: ignore[dict-item]
    ):
        file.write(b"x")

    assert place.objects() == {}


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    """A save below a file is a `BackendError` that names the run, and the file stays as it is."""
    root = tmp_path / "file"
    root.write_bytes(b"mine")

    store = CheckpointStore(root)
    with pytest.raises(BackendError, match=r"^run 'run', checkpoint 1: could not be saved: .*Not a directory"):
        store.save("run", datetime(2026, 1, 1, tzinfo=UTC))
    assert root.read_bytes() == b"mine"
    assert store.load("run", default=None) is None
