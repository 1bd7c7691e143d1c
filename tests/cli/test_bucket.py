"""The command line against a store in a bucket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from bucket import KEYS, PATIENT
from places import InBucket, open_store

from ckptstore.cli import child, demo, exits, options, player, prices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place

SHORT = 30  # ticks of the demo's job
WORKER = f"""
import signal, sys
from ckptstore.cli import player, prices
every = prices.read()
prices.read = lambda: every[:{SHORT}]
tell = player._tell
resumed = None
def halting(event):  # wait for the kill in the middle of the first life: a slow machine would be late
    global resumed
    tell(event)
    what, *numbers = event.split()
    if what == "resumed":
        resumed = int(numbers[0])
    elif what == "saved" and resumed == 0 and int(numbers[0]) == {SHORT // 2}:
        signal.pause()
player._tell = halting
sys.exit(player.main(*sys.argv[1:]))
"""


@pytest.fixture
def place() -> InBucket:
    """An empty store."""
    return InBucket()


def given(place: InBucket, **others: object) -> list[str]:
    """The options of a command that reach `place`, some of them replaced."""
    reach = {"endpoint_url": place.bucket.url, "client_kwargs": {"region_name": "us-east-1"}, "config_kwargs": PATIENT}
    named = {**KEYS, **reach, **others}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in named.items()}
    return [word for name, text in texts.items() for word in ("--storage-option", f"{name}={text}")]


@pytest.fixture
def ckptstore(run: Callable[..., Any], place: InBucket) -> Callable[..., Any]:
    """Run a command on `place`, with storage options of its own if given."""

    def ckptstore(*args: str, **others: object) -> Any:  # noqa: ANN401 - what it left behind
        return run(*args, *([] if "--url" in args else ["--url", place.url]), *given(place, **others))

    return ckptstore


def three(place: Place) -> None:
    """Save three checkpoints of a job."""
    store = open_store(place)
    for step in (1, 2, 3):
        store.save("job", {"step": step}, metadata={"step": step})


def test_looking_into_a_bucket(ckptstore: Callable[..., Any], place: InBucket) -> None:
    """`ls`, `show` and `verify` tell of a bucket what they tell of a folder."""
    three(place)

    assert [each["newest"]["number"] for each in ckptstore("ls", "--json").json["runs"]] == [3]
    assert [each["number"] for each in ckptstore("ls", "job", "--json").json["checkpoints"]] == [3, 2, 1]
    assert ckptstore("show", "job", "2", "--json").json["state"] == {"step": 2}
    assert (ckptstore("verify", "--json").code, ckptstore("verify", "job").err) == (exits.OK, "")


def test_damage_in_a_bucket_is_found(ckptstore: Callable[..., Any], place: InBucket) -> None:
    """`verify` reads every byte through the network, and tells a script what is wrong."""
    three(place)
    key = "job/000000000002.json"
    place.poke(key, place.objects()[key].replace(b'"step": 2', b'"step": 7').replace(b'"step":2', b'"step":7'))

    ran = ckptstore("verify", "--json")

    assert ran.code == exits.DIFFERS
    assert key in ran.out


def test_pruning_a_bucket(ckptstore: Callable[..., Any], place: InBucket) -> None:
    """`prune --keep` removes the objects; a dry run says the same and removes none."""
    three(place)
    before = place.objects()

    planned = ckptstore("prune", "job", "--keep", "1", "--dry-run", "--json").json
    assert place.objects() == before
    done = ckptstore("prune", "job", "--keep", "1", "--json").json

    assert planned["removed"] == done["removed"] == [2, 1]
    assert sorted(place.objects()) == ["job/000000000003.json", "job/latest.json"]


def test_the_demo_plays_in_a_bucket(
    ckptstore: Callable[..., Any], place: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed and recovered, compressed and encrypted: the player gets options and key through its environment."""
    ticks = prices.read()[:SHORT]
    monkeypatch.setattr(prices, "read", lambda: ticks)
    monkeypatch.setattr(demo, "_aims", lambda *_: [SHORT // 2])
    monkeypatch.setattr(child, "PLAYER", (sys.executable, "-c", WORKER))
    started: list[object] = []
    popen = subprocess.Popen

    def spied(command: list[str], **rest: Any) -> Any:  # noqa: ANN401 - as Popen has it
        started.extend(command)
        return popen(command, **rest)

    monkeypatch.setattr(subprocess, "Popen", spied)

    ran = ckptstore("demo", "--compress", "--encrypt", "--kills", "1", "--seed", "1", "--json")

    found = ran.json
    assert (ran.code, ran.err) == (exits.OK, "")
    assert (found["identical"], found["verify"]["ok"], len(found["kills"])) == (True, True, 1)
    assert (found["saved"], found["kept"]) == (SHORT, player.KEEP)
    assert "demo" in started
    assert not any(KEYS["secret"] in str(word) for word in started)
    assert not any(b"cash" in data or b"AAPL" in data for data in place.objects().values())


def test_the_demo_without_access_says_so(ckptstore: Callable[..., Any], place: InBucket) -> None:
    """A bucket that is not there ends the demo before its first process starts."""
    ran = ckptstore("demo", "--url", f"s3://{place.bucket.name}-typo", "--kills", "1")

    check_one_line(ran, exits.STORAGE, "no such bucket")


def check_one_line(ran: Any, code: int, said: str) -> None:  # noqa: ANN401 - what a command left behind
    """The command ended with `code`, nothing on stdout, and one line on stderr that says so."""
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    lines = ran.err.splitlines()
    assert len(lines) == 1 if code != exits.USAGE else lines[-1].startswith("Error: ")
    assert KEYS["secret"] not in ran.err


COMMANDS = [("ls",), ("ls", "job"), ("show", "job"), ("verify",), ("verify", "job"), ("prune", "job", "--keep", "1")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_bucket(ckptstore: Callable[..., Any], place: InBucket, command: tuple[str, ...]) -> None:
    """A bucket that does not exist is a failure of the storage that is named: not an empty store."""
    ran = ckptstore(*command, "--url", f"s3://{place.bucket.name}-typo/p")

    check_one_line(ran, exits.STORAGE, "there is no such bucket")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_empty_prefix(ckptstore: Callable[..., Any], command: tuple[str, ...]) -> None:
    """A prefix that holds nothing is an empty store, and a run that is not in it is not found."""
    ran = ckptstore(*command)

    if len(command) == 1:
        assert (ran.code, ran.err) == (exits.OK, "")
    else:
        check_one_line(ran, exits.NOT_FOUND, "'job'")


def test_a_server_that_is_not_there(ckptstore: Callable[..., Any]) -> None:
    """Where nobody listens the command gives up after the timeouts and attempts that its options allow."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and never listens
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        config = {"connect_timeout": 1, "retries": {"mode": "standard", "total_max_attempts": 1}}
        ran = ckptstore("ls", endpoint_url=endpoint, config_kwargs=config)

    check_one_line(ran, exits.STORAGE, "cannot be reached: check endpoint_url")


def test_a_key_without_its_secret(ckptstore: Callable[..., Any]) -> None:
    """Half of the credentials are none, and the line says how to give them."""
    ran = ckptstore("ls", secret=None)

    check_one_line(ran, exits.STORAGE, "no usable credentials: give storage_options=")


UNUSABLE: dict[str, dict[str, Any]] = {
    "an endpoint that is no URL": {"endpoint_url": "127.0.0.1:9000"},
    "an endpoint that is a number": {"endpoint_url": 9000},
    "an option that does not exist": {"endpont_url": "http://127.0.0.1:9000"},
    "a setting that does not exist": {"config_kwargs": {"no_such": 1}},
    "text for a mapping": {"client_kwargs": "region_name"},
}


@pytest.mark.parametrize("wrong", UNUSABLE)
def test_options_that_mean_nothing(ckptstore: Callable[..., Any], wrong: str) -> None:
    """Storage options that the file system refuses are told in a line, with the word that leads to them."""
    ran = ckptstore("ls", **UNUSABLE[wrong])

    check_one_line(ran, ran.code, "storage_options")
    assert ran.code in {exits.USAGE, exits.STORAGE}


@pytest.mark.parametrize("command", [*COMMANDS, ("demo",)], ids=" ".join)
def test_without_s3fs(ckptstore: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    """Where the extra is missing the last line is the command that installs it."""
    monkeypatch.setitem(sys.modules, "s3fs", None)

    check_one_line(ckptstore(*command), exits.USAGE, 'pip install "ckptstore[s3]"')


def test_a_sealed_bucket(
    ckptstore: Callable[..., Any], place: InBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its key file a sealed store in a bucket is shown; without, one line says that it is encrypted."""
    key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    monkeypatch.delenv(options.KEYS, raising=False)
    open_store(place, compression="zstd", encryption=key).save("job", {"cash": 5})
    (tmp_path / "keys").write_text(key)

    assert ckptstore("show", "job", "--json", "--key-file", str(tmp_path / "keys")).json["state"] == {"cash": 5}
    check_one_line(ckptstore("show", "job"), exits.UNREADABLE, "encrypted")
