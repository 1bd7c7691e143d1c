"""Where the store is and what opens it: the options that every command has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from ckptstore import CheckpointStore
from ckptstore.cli import exits, options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = Fernet.generate_key().decode()


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """An encrypted store."""
    CheckpointStore(tmp_path / "sealed", encryption=KEY).save("job", {"cash": 5})
    return tmp_path / "sealed"


def test_keys_come_from_the_environment(run: Callable[..., Any], sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CKPTSTORE_KEYS opens an encrypted store; several are tried, apart by spaces or commas."""
    monkeypatch.setenv(options.KEYS, f"{Fernet.generate_key().decode()}, {KEY}")

    assert run("show", "job", "--store", str(sealed), "--json").json["state"] == {"cash": 5}


def test_keys_come_from_a_file(
    run: Callable[..., Any], sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--key-file opens an encrypted store, and wins over the environment."""
    monkeypatch.setenv(options.KEYS, Fernet.generate_key().decode())
    (tmp_path / "keys").write_text(f"{Fernet.generate_key().decode()}\n{KEY}\n")

    assert run("verify", "--store", str(sealed), "--key-file", str(tmp_path / "keys"), "--json").json["ok"]


@pytest.mark.parametrize("command", [("show", "job"), ("ls", "job"), ("prune", "job")])
def test_a_missing_key_is_told(run: Callable[..., Any], sealed: Path, command: tuple[str, ...]) -> None:
    """Without its key nothing of a run is shown or touched: one line, and the exit code of what cannot be read."""
    ran = run(*command, "--store", str(sealed))

    assert (ran.code, ran.out) == (exits.UNREADABLE, "")
    assert "encrypted" in ran.err


@pytest.mark.parametrize("content", ["", "no key\n", "zażółć"])
def test_a_bad_key_file_is_refused(run: Callable[..., Any], sealed: Path, tmp_path: Path, content: str) -> None:
    """What is no key is wrong usage, and is not repeated on the screen."""
    (tmp_path / "keys").write_text(content)

    ran = run("ls", "--store", str(sealed), "--key-file", str(tmp_path / "keys"))

    assert ran.code == exits.USAGE
    assert not content.strip() or content.strip() not in ran.err


def test_a_missing_key_file_is_refused(run: Callable[..., Any], sealed: Path) -> None:
    """A key file that is not there never means: no key."""
    ran = run("ls", "--store", str(sealed), "--key-file", "missing")

    assert (ran.code, "missing" in ran.err) == (exits.USAGE, True)


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ("a=b", ("a", "b")),
        ("a=b=c", ("a", "b=c")),
        ("anon=true", ("anon", True)),
        ('client_kwargs={"region_name": "eu-1"}', ("client_kwargs", {"region_name": "eu-1"})),
        ('key="123"', ("key", "123")),
        ("block=5", ("block", 5)),
        ("key=", ("key", "")),
    ],
)
def test_storage_options_are_json_or_text(given: str, parsed: tuple[str, object]) -> None:
    """A value is what JSON says where it can be read so, and its text where not."""
    assert options._parse_option(given) == parsed


@pytest.mark.parametrize("given", ["alone", "=b", ""])
def test_a_storage_option_needs_a_name_and_a_value(run: Callable[..., Any], given: str) -> None:
    """Anything else is wrong usage."""
    assert run("ls", "--storage-option", given).code == exits.USAGE


def test_storage_options_for_a_folder_are_refused(run: Callable[..., Any]) -> None:
    """An option that would have no effect is a mistake."""
    ran = run("ls", "-o", "anon=true")

    assert (ran.code, "storage_options" in ran.err) == (exits.USAGE, True)


def test_the_demo_keeps_nothing_that_nobody_can_open(
    run: Callable[..., Any], plant: Callable[..., None], tmp_path: Path
) -> None:
    """With a key of its own, which is gone at the end, it removes its run: the next demo begins anew there."""
    plant(kills=1)
    for _ in range(2):
        ran = run("demo", "--url", str(tmp_path / "demo"), "--compress", "--encrypt", "--kills", "1", "--seed", "1")

        assert (ran.code, "is kept" in ran.out) == (exits.OK, False)
        assert CheckpointStore(tmp_path / "demo").runs() == []


def test_the_demo_plays_compressed_and_encrypted(
    run: Callable[..., Any], plant: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key of the user's, the folder it leaves tells nothing of what was played."""
    monkeypatch.setenv(options.KEYS, KEY)
    folder = tmp_path / "demo"
    plant(kills=1)

    ran = run("demo", "--url", str(folder), "--compress", "--encrypt", "--kills", "1", "--seed", "1", "--json")

    assert ran.code == exits.OK
    objects = [file.read_bytes() for file in folder.rglob("*.json")]
    assert objects
    assert not any(b"cash" in data or b"MSFT" in data for data in objects)
