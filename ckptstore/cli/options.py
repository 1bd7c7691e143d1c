"""The options that every command has: where the store is, and what opens it."""

from __future__ import annotations

import json
import os
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ckptstore.cli.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = "CKPTSTORE_KEYS"


def place(*, default: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options as a decorator: the command gets a `place`, None where no store was named and there is no default."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_place(
            *args: Any,  # noqa: ANN401 - the command's own
            url: str | None,
            storage_option: tuple[tuple[str, object], ...],
            key_file: str | None,
            **kwargs: Any,  # noqa: ANN401 - the command's own
        ) -> None:
            keys = _keys(key_file)
            place = None if url is None else _checked(Place(url, dict(storage_option), keys))
            command(*args, place=place, **kwargs)

        decorated: Callable[..., None] = with_place
        for option in _options(default):
            decorated = option(decorated)
        return decorated

    return decorate


def _options(default: str | None) -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    where = "Where the store is: a folder or a URL, such as s3://bucket/prefix."
    return [
        click.option(
            "--key-file", metavar="FILE", help=f"Fernet keys, a line each, newest first.  [default: those in {KEYS}]"
        ),
        click.option(
            "--storage-option",
            "-o",
            metavar="K=V",
            multiple=True,
            callback=_parse_options,
            help="For the file system behind a URL: V is JSON where it can be read so, else text. May be repeated.",
        ),
        click.option("--store", "--url", "-s", "url", metavar="URL", help=where + "  [default: temporary]")
        if default is None
        else click.option(
            "--store",
            "--url",
            "-s",
            "url",
            metavar="URL",
            envvar="CKPTSTORE_URL",
            default=default,
            show_default=True,
            show_envvar=True,
            help=where,
        ),
    ]


def _parse_options(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[tuple[str, object]]:
    return [_parse_option(one) for one in given]


def _parse_option(given: str) -> tuple[str, object]:
    name, equals, text = given.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{given!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


def _keys(file: str | None) -> tuple[str, ...]:
    if file is None:
        return tuple(os.environ.get(KEYS, "").replace(",", " ").split())
    try:
        with open(file, encoding="ascii") as lines:
            keys = tuple(lines.read().split())
    except (OSError, ValueError) as exc:
        raise click.BadParameter(f"{file}: its keys cannot be read: {exc}", param_hint="--key-file") from exc
    if not keys:
        raise click.BadParameter(f"{file}: there is no key in it", param_hint="--key-file")
    return keys


def _checked(place: Place) -> Place:
    try:
        place.open()
    except (ImportError, TypeError, ValueError) as exc:
        raise click.UsageError(str(exc)) from exc
    return place
