"""What does not belong in a run: half-written manifests, files and folders of others, runs of nearly the same name."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from harm import HINT, STATES, three
from places import KINDS, InFolder, make, open_store, slot, through
from spies import IgnoringCase

from ckptstore import CheckpointConflict, CheckpointCorrupt, CheckpointError, CheckpointStore, history
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a run of three checkpoints, of each kind."""
    return three(request.param, tmp_path)


# A half-written manifest at a new slot


@pytest.mark.parametrize("data", [b"", b'{"sha256": "', b"\0" * 4096, b'{"step": 4}\n'])
def test_half_a_manifest_is_no_checkpoint(place: Place, data: bytes) -> None:
    """What a broken copy left above the newest is named, passed over by a new store, and hides nothing below."""
    place.poke(slot(4), data)
    store = open_store(place)

    with pytest.raises(CheckpointCorrupt, match=r"^run 'run', checkpoint 4: .*load\(…, at=3\).*new store is 5$"):
        store.load("run")
    with pytest.raises(CheckpointCorrupt, match=r"load\(…, at=3\)"):
        store.latest("run")
    assert [record.number for record in store.checkpoints("run")] == [3, 2, 1]
    assert [store.load("run", at=n) for n in STATES] == [*STATES.values()]
    assert [problem.key for problem in store.verify("run").problems] == [slot(4)]
    assert store.save("run", "next").number == 5
    assert open_store(place).load("run") == "next"


def test_a_store_at_work_does_not_overwrite_what_it_cannot_read(place: Place) -> None:
    """It may be somebody's checkpoint: the save is refused, and the message says both ways on."""
    store = open_store(place)
    store.load("run")
    place.poke(slot(4), b"half")

    with pytest.raises(CheckpointConflict, match=r"number 4 .* cannot be read .*Remove it .*save\(…, after=4\)"):
        store.save("run", "next")
    assert place.objects()[slot(4)] == b"half"
    assert store.save("run", "next", after=4).number == 5
    place.poke(slot(4), None)
    assert open_store(place).load("run") == "next"


# Files of others

FOREIGN = [
    ".DS_Store",
    "000000000000.json",
    "00000000004.json",
    "0000000000004.json",
    "000000000002.json.bak",
    "000000000003 (1).json",
    "000000000004.JSON",
    "000000000005",
    "999999999999",
    "LATEST.json~",
    "latest.json.swp",
    "notes.txt",
    "packs/readme",
    "packs/000000000002",
    "packs/sub/folder",
    "sub/000000000009.json",
    "~$000000000003.json",
    "Ünïcode",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_left_alone(place: Place, name: str) -> None:
    """It is neither read nor counted nor removed, but named by verify."""
    place.poke(f"run/{name}", b"mine")
    store = open_store(place, retention=1)

    assert [problem.key for problem in store.verify("run").problems] == [f"run/{name}"]
    assert [record.number for record in store.checkpoints("run")] == [3, 2, 1]
    assert (store.load("run"), store.runs()) == (STATES[3], ["run"])
    assert store.save("run", "next").number == 4
    assert (store.prune("run").kept, store.prune("run").leftovers) == ([4], ())
    store.delete_run("run")
    assert place.objects().keys() == {f"run/{name}", slot(4)}


def test_all_of_them_together_hide_nothing(place: Place) -> None:
    """However much lies about, at the root too, everything works, with a hint and without."""
    for name in FOREIGN:
        place.poke(f"run/{name}", b"mine")
        place.poke(name.replace("/", "-"), b"mine")
    for _ in range(2):
        store = open_store(place)
        assert [store.load("run", at=at) for at in (None, 1, 2, 3)] == [STATES[n] for n in (3, 1, 2, 3)]
        assert (store.runs(), store.verify("run").checked) == (["run"], 3)
        if HINT in place.objects():
            place.poke(HINT, None)


@pytest.mark.parametrize("jump", [1, 2, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_runs_are_listed_by_name(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """All runs and nothing else, sorted, however many objects they have and whatever sorts beside a slash."""
    monkeypatch.setattr(history, "JUMP", jump)
    place = make(kind, tmp_path)
    store = open_store(place)
    names = ["A", "a", "a+b", "a-", "a-b", "a.b", "a0", "a=", "a@", "b"]
    for name in names:
        for n in range(3):
            store.save(name, n)
    for foreign in ("notes.txt", "empty/notes.txt", "un safe/000000000001.json", "late/packs/x", ".hidden/latest.json"):
        place.poke(foreign, b"{}")

    assert store.runs() == names


# Folders in the way


@pytest.fixture
def folder(tmp_path: Path) -> InFolder:
    """Give a folder with a run of three checkpoints."""
    three("folder", tmp_path)
    return InFolder(tmp_path / "store")


def test_a_folder_in_the_place_of_the_next_number(folder: InFolder) -> None:
    """What is saved stays readable, verify names the folder, and without it work goes on."""
    (folder.root / slot(4)).mkdir()
    store = open_store(folder)

    assert (store.load("run"), store.load("run", at=2)) == (STATES[3], STATES[2])
    assert [record.number for record in store.checkpoints("run")] == [3, 2, 1]
    assert [problem.key for problem in store.verify("run").problems] == [slot(4)]
    with pytest.raises(CheckpointConflict, match=r"number 4 is taken.*a folder stands in its place.*remove it"):
        store.save("run", "next")
    (folder.root / slot(4)).rmdir()
    assert store.save("run", "next").number == 4


def test_a_folder_in_the_way_says_what_to_do(folder: InFolder) -> None:
    """No way out is offered that does not work."""
    (folder.root / slot(4)).mkdir()
    store = open_store(folder)
    with pytest.raises(CheckpointConflict) as caught:
        store.save("run", "next")

    if "after=4" in str(caught.value):
        assert store.save("run", "next", after=4).number == 5


def test_a_folder_in_the_place_of_a_checkpoint(folder: InFolder) -> None:
    """A checkpoint that was replaced by a folder is corrupt, and the others stay."""
    (folder.root / slot(2)).unlink()
    (folder.root / slot(2)).mkdir()
    store = open_store(folder)

    with pytest.raises(CheckpointCorrupt, match="checkpoint 2: a folder stands in its place"):
        store.load("run", at=2)
    assert [store.load("run", at=n) for n in (1, 3)] == [STATES[1], STATES[3]]
    assert store.save("run", "next").number == 4


def test_a_folder_in_the_place_of_the_hint(folder: InFolder) -> None:
    """It costs a listing, and a warning at each save; verify names it."""
    (folder.root / HINT).unlink()
    (folder.root / HINT).mkdir()
    store = open_store(folder)

    assert store.load("run") == STATES[3]
    assert [problem.key for problem in store.verify("run").problems] == [HINT]
    with pytest.warns(RuntimeWarning, match=r"checkpoint 4 is saved, but latest\.json could not be written"):
        store.save("run", "next")
    assert open_store(folder).load("run") == "next"


# Disks that ignore case


def ignoring_case(disk: MemoryBackend, retention: int | None = None) -> CheckpointStore:
    """A store on a disk on which names that differ only in case are one."""
    return through(CheckpointStore("memory://", retention=retention), lambda _: IgnoringCase(disk))


OPERATIONS = ("save Run", "save run", "load Run", "load run", "prune run", "delete_run Run", "delete_run run")


@pytest.mark.parametrize("first", OPERATIONS)
def test_runs_that_differ_in_case_never_mix(first: str) -> None:
    """In whatever order two such runs are used, none gets the other's state, and nothing that is acknowledged goes."""
    for rest in product(OPERATIONS, repeat=3):
        disk, acknowledged = MemoryBackend(), dict[int, str]()
        for count, operation in enumerate((first, *rest)):
            verb, run = operation.split()
            store = ignoring_case(disk, retention=1) if verb == "prune" else ignoring_case(disk)
            try:
                if verb == "save":
                    number = store.save(run, f"{run} {count}").number
                    acknowledged |= {number: f"{run} {count}"} if run == "Run" else {}
                elif verb == "load":
                    assert store.load(run, default=run).startswith(run)
                elif verb == "prune":
                    store.prune(run)
                else:
                    store.delete_run(run)
                    acknowledged = acknowledged if run == "run" else {}
            except (CheckpointError, ValueError):
                continue
        assert {n: ignoring_case(disk).load("Run", at=n, default=None) for n in acknowledged} == acknowledged


def test_deleting_a_run_spares_one_that_differs_in_case() -> None:
    """`delete_run` removes checkpoints of that run alone."""
    disk = MemoryBackend()
    for n in range(3):
        ignoring_case(disk).save("Run", n)
    with pytest.raises((CheckpointError, ValueError)):
        ignoring_case(disk).delete_run("run")

    assert [ignoring_case(disk).load("Run", at=n) for n in (1, 2, 3)] == [0, 1, 2]
