"""Dates and times as text: every zone, offset and fold there and back, and nothing read that is not written."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from ckptstore import isotime
from ckptstore.errors import CheckpointError

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


class Foreign(tzinfo):
    """A zone that only its own program knows, such as those of pytz."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """One hour."""
        return HOUR

    def dst(self, dt: datetime | None) -> None:
        """Nobody knows."""

    def tzname(self, dt: datetime | None) -> str:
        """A name."""
        return "Own"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 1, 1), "2024-01-01T00:00:00"),  # noqa: DTZ001 - naive is what is tested
        (datetime(1, 1, 1, 0, 0, 0, 1), "0001-01-01T00:00:00.000001"),  # noqa: DTZ001 - as above
        (datetime(2024, 1, 1, fold=1), "2024-01-01T00:00:00[_fold=1]"),  # noqa: DTZ001 - as above
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
        (datetime(2024, 1, 1, tzinfo=UTC, fold=1), "2024-01-01T00:00:00+00:00[_fold=1]"),
        (datetime(2024, 1, 1, tzinfo=timezone(-HOUR * 5.5)), "2024-01-01T00:00:00-05:30"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1))), "2024-01-01T00:00:00+00:00:01"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=-1))), "2024-01-01T00:00:00-00:00:00.000001"),
        (datetime(2024, 1, 1, tzinfo=timezone(HOUR, "CET")), "2024-01-01T00:00:00+01:00[_name=CET]"),
        (datetime(2024, 1, 1, tzinfo=timezone(HOUR, "a]["), fold=1), "2024-01-01T00:00:00+01:00[_fold=1][_name=a][]"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(), "UTC")), "2024-01-01T00:00:00+00:00"),
        (datetime(2024, 1, 1, tzinfo=BERLIN), "2024-01-01T00:00:00+01:00[Europe/Berlin]"),
        (datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), "2024-10-27T02:30:00+02:00[Europe/Berlin]"),
        (datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1), "2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]"),
        (datetime(1800, 1, 1, tzinfo=BERLIN), "1800-01-01T00:00:00+00:53:28[Europe/Berlin]"),
    ],
)
def test_datetime_text(moment: datetime, text: str) -> None:
    """The text of a datetime is this, and stands for that very datetime."""
    back = isotime.to_datetime(text)

    assert isotime.text(moment) == text
    assert (back.replace(tzinfo=None), back.fold) == (moment.replace(tzinfo=None), moment.fold)
    assert (type(back.tzinfo), back.utcoffset(), back.tzname()) == (
        type(moment.tzinfo),
        moment.utcoffset(),
        moment.tzname(),
    )


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (time(12, 30), "12:30:00"),
        (time(12, 30, 0, 5, fold=1), "12:30:00.000005[_fold=1]"),
        (time(12, 30, tzinfo=timezone(-HOUR)), "12:30:00-01:00"),
        (time(12, 30, tzinfo=timezone(timedelta(microseconds=1), "x")), "12:30:00+00:00:00.000001[_name=x]"),
        (time(12, 30, tzinfo=BERLIN), "12:30:00[Europe/Berlin]"),
        (time(12, 30, tzinfo=ZoneInfo("UTC")), "12:30:00+00:00[UTC]"),
    ],
)
def test_time_text(moment: time, text: str) -> None:
    """The text of a time of day is this, and stands for that very time; a zone without a date has no offset."""
    back = isotime.to_time(text)

    assert isotime.text(moment) == text
    assert (back.replace(tzinfo=None), back.fold) == (moment.replace(tzinfo=None), moment.fold)
    assert (type(back.tzinfo), back.utcoffset(), back.tzname()) == (
        type(moment.tzinfo),
        moment.utcoffset(),
        moment.tzname(),
    )


def test_wall_time_wins() -> None:
    """When the rules of a zone have changed since, it is the wall time that comes back."""
    then = isotime.to_datetime("2024-01-01T12:00:00+07:00[Europe/Berlin]")

    assert then.isoformat() == "2024-01-01T12:00:00+01:00"


@pytest.mark.parametrize(
    "zone",
    [
        Foreign(),
        timezone(HOUR, "\ud800"),
        timezone(HOUR, "two\nlines"),
        type("Own", (ZoneInfo,), {})("Europe/Berlin"),
    ],
    ids=["unknown", "surrogate", "control", "subclass"],
)
def test_refused_zone(zone: tzinfo) -> None:
    """A zone that its text could not name is a TypeError that says what to use."""
    with pytest.raises(TypeError, match=r"the zone .* cannot be stored: use zoneinfo\.ZoneInfo with a key, or"):
        isotime.text(datetime(2024, 1, 1, tzinfo=zone))


def test_refused_zone_without_key() -> None:
    """A ZoneInfo that was read from a file has no key, so it is refused."""
    with (resources.files("tzdata.zoneinfo") / "UTC").open("rb") as file:
        zone = ZoneInfo.from_file(file)

    with pytest.raises(TypeError, match=r"the zone zoneinfo\.ZoneInfo cannot be stored"):
        isotime.text(datetime(2024, 1, 1, tzinfo=zone))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-01-01",
        "2024-13-01T00:00:00",
        "2024-01-01T00:00",
        "2024-01-01 00:00:00",
        "20240101T000000",
        "2024-01-01T00:00:00Z",
        "2024-01-01T24:00:00",
        "2024-01-01T00:00:00.5",
        "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+00:60",
        "2024-01-01T00:00:00[_name=CET]",
        "2024-01-01T00:00:00+01:00[Europe/Berlin][_name=CET]",
        "2024-01-01T00:00:00+01:00[_fold=0]",
        "2024-01-01T00:00:00+01:00[_fold=1][Europe/Berlin]",
        "2024-01-01T00:00:00+01:00[!Europe/Berlin]",
        "2024-01-01T00:00:00+01:00[../../etc/passwd]",
        "2024-01-01T00:00:00+01:00[/etc/passwd]",
        "2024-01-01T00:00:00+01:00\n",
        "٢٠٢٤-01-01T00:00:00",
    ],
)
def test_malformed(text: str) -> None:
    """What this module does not write, it does not read."""
    with pytest.raises(ValueError, match=r"\S"):
        isotime.to_datetime(text)


@pytest.mark.parametrize("text", ["", "12:30", "T12:30:00", "25:00:00", "12:30:00+01", "2024-01-01T00:00:00"])
def test_malformed_time(text: str) -> None:
    """A time of day is read as strictly as a date."""
    with pytest.raises(ValueError, match=r"\S"):
        isotime.to_time(text)


@pytest.mark.parametrize("key", ["Europe/Nowhere", "Europe", "x" * 5000])
def test_unknown_zone(key: str) -> None:
    """A zone that this machine has no data for is named, with what to install; nothing is taken for damage."""
    with pytest.raises(CheckpointError, match=rf"time zone {key[:1000]}…?: pip install tzdata") as caught:
        isotime.to_datetime(f"2024-01-01T00:00:00+01:00[{key}]")

    assert type(caught.value) is CheckpointError


def test_zone_without_zoneinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign zone is refused as well where nobody has imported zoneinfo."""
    monkeypatch.delitem(sys.modules, "zoneinfo")

    with pytest.raises(TypeError, match="Foreign cannot be stored"):
        isotime.text(datetime(2024, 1, 1, tzinfo=Foreign()))
