"""
Dates and times as ISO 8601 text that comes back exactly: zone, odd offset and fold included.

    2024-01-01T00:00:00                               naive
    2024-01-01T00:00:00+01:00                         datetime.timezone
    2024-01-01T00:00:00+01:00[_name=CET]              datetime.timezone with a name of its own
    2024-01-01T00:00:00+01:00[Europe/Berlin]          zoneinfo.ZoneInfo (RFC 9557)
    2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1] the second of two equal wall times

With a zone it is the wall time that counts: the offset is there for the reader, and rules of a zone may change.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ckptstore.errors import CheckpointError, shown

if TYPE_CHECKING:
    from datetime import tzinfo
    from zoneinfo import ZoneInfo

# Compiled when they are first met, as in the other modules that few states need: all of them are 2 % of an import.
_ZONE = r"[A-Za-z0-9_+./-]+"
_TEXT = (
    r"(?as)(?P<local>[0-9T:.-]+?)"
    r"(?:(?P<sign>[+-])(?P<h>\d\d):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d)(?:\.(?P<us>\d{6}))?)?)?"
    rf"(?:\[(?P<zone>{_ZONE})\])?(?P<fold>\[_fold=1\])?(?:\[_name=(?P<name>.*)\])?"
)


def text(moment: datetime | time) -> str:
    """The text that `to_datetime` or `to_time` turns back into `moment`; `TypeError` for a zone it cannot name."""
    zone, fold = moment.tzinfo, "[_fold=1]" if moment.fold else ""
    suffix = fold if zone is None or zone is UTC else _suffix(zone, fold)
    return moment.isoformat() + suffix


def to_datetime(source: str) -> datetime:
    """The datetime whose `text` is `source`; `ValueError` if there is none, `CheckpointError` for an unknown zone."""
    match = _match(source)
    naive = datetime.fromisoformat(match["local"])
    if naive.isoformat() != match["local"]:
        raise ValueError(f"{source!r} is not written as isoformat() does")
    return naive.replace(tzinfo=_tzinfo(match), fold=1 if match["fold"] else 0)


def to_time(source: str) -> time:
    """The time of day whose `text` is `source`; errors as in `to_datetime`."""
    match = _match(source)
    naive = time.fromisoformat(match["local"])
    if naive.isoformat() != match["local"]:
        raise ValueError(f"{source!r} is not written as isoformat() does")
    return naive.replace(tzinfo=_tzinfo(match), fold=1 if match["fold"] else 0)


def _suffix(zone: tzinfo, fold: str) -> str:
    """`fold` and what tells `zone` from a bare offset; a name stands last, for it may hold brackets of its own."""
    if type(zone) is timezone:
        name, offset = zone.tzname(None), zone.utcoffset(None)
        if name == timezone(offset).tzname(None):
            return fold
        if name.isprintable():  # which a lone surrogate is not
            return f"{fold}[_name={name}]"
    kind: Any = type(zone)
    if kind is getattr(sys.modules.get("zoneinfo"), "ZoneInfo", None):
        key = getattr(zone, "key", None) or ""  # none in a zone from a file
        if re.fullmatch(_ZONE, key):
            return f"[{key}]{fold}"
    raise TypeError(
        f"the zone {kind.__module__}.{kind.__qualname__} cannot be stored: "
        "use zoneinfo.ZoneInfo with a key, or datetime.timezone",
    )


def _match(source: str) -> re.Match[str]:
    match = re.fullmatch(_TEXT, source)
    if match is None or (match["name"] is not None and (match["zone"] or not match["sign"])):
        raise ValueError(f"{source!r} is no date or time of ours")
    return match


def _tzinfo(match: re.Match[str]) -> tzinfo | None:
    if match["zone"]:
        return _zone(match["zone"])
    if not match["sign"]:
        return None
    # Not fromisoformat: CPython 3.11 reads +00:00:00.000001 as UTC.
    size = timedelta(
        hours=int(match["h"]),
        minutes=int(match["m"]),
        seconds=int(match["s"] or 0),
        microseconds=int(match["us"] or 0),
    )
    offset = size if match["sign"] == "+" else -size
    return timezone(offset) if match["name"] is None else timezone(offset, match["name"])


def _zone(key: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - costs 5 ms, and few states have zones

    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError) as exc:  # OSError: the key is a folder, such as "Europe"
        raise CheckpointError(
            f"state: this machine does not know the time zone {shown(key)}: pip install tzdata (or update it)",
        ) from exc
