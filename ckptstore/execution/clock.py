"""Time: which moment an event happens at, and arithmetic on moments that zones and daylight saving cannot disturb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone


def kind(moment: datetime) -> str:
    """`naive` or `aware`."""
    return "naive" if moment.tzinfo is None else "aware"


def instant(moment: datetime) -> datetime:
    """What moments are compared by: two of one zone compare by the hands of their clock, wrong when it is set back."""
    zone = moment.tzinfo
    return moment if zone is None or zone is UTC else moment.astimezone(UTC)


def later(moment: datetime, delay: timedelta) -> datetime:
    """The moment `delay` of real time after `moment`, in its zone."""
    zone = moment.tzinfo
    if not delay or zone is None or isinstance(zone, timezone):
        return moment + delay
    return (moment.astimezone(UTC) + delay).astimezone(zone)


def check_same_kind(moment: datetime, name: str, other: datetime, other_name: str) -> None:
    """`ValueError` if one of them is naive and the other aware."""
    if (moment.tzinfo is None) is not (other.tzinfo is None):
        raise ValueError(
            f"{name} {moment.isoformat()} is {kind(moment)}, but {other_name} {other.isoformat()} is {kind(other)}: "
            f"use {kind(other)} times throughout",
        )


class Clock:
    """
    Tells at which moment an event happens.

    A given timestamp is that moment, and is never before another one that was given. Once one was given, an event
    without happens at the clock's own time, so that a simulation never meets the wall clock. Before that, an order is
    submitted when it was created, and other events happen when the wall clock says, if that is not before the clock;
    such times are provisional: the first given timestamp sets the clock, even back. As long as neither a timestamp nor
    an order has shown whether times are naive or aware, there is no time, and nothing that could need one.
    """

    def __init__(self, now: datetime | None = None, *, given: bool = False) -> None:
        self.now = now
        self.given = given

    def moment(self, timestamp: datetime | None) -> datetime | None:
        """
        The moment of an event; the clock stays where it is.

        Raises `TypeError` for what is no datetime, `ValueError` for naive beside aware and for a step back in time.
        """
        if timestamp is not None:
            return self._told(timestamp)
        if self.now is None or self.given:
            return self.now
        return max(self.now, datetime.now(self.now.tzinfo), key=instant)

    def moment_of_submission(self, timestamp: datetime | None, created_at: datetime) -> datetime:
        """The moment at which an order that was created at `created_at` is submitted; as for `moment`."""
        self._check(created_at, "created_at")
        if timestamp is None:
            if self.now is None:
                return created_at
            return self.now if self.given else max(created_at, self.now, key=instant)
        moment = self._told(timestamp)
        check_same_kind(created_at, "created_at", moment, "the timestamp")
        return moment

    def move(self, moment: datetime, *, given: bool) -> None:
        """Set the clock to `moment`."""
        self.now = moment
        self.given = self.given or given

    def _told(self, timestamp: datetime) -> datetime:
        self._check(timestamp, "timestamp")
        if self.given and self.now is not None and instant(timestamp) < instant(self.now):
            raise ValueError(
                f"timestamp {timestamp.isoformat()} is before the clock's {self.now.isoformat()}: "
                "time does not go back; give events in the order of their times",
            )
        return timestamp

    def _check(self, moment: datetime, name: str) -> None:
        if not isinstance(moment, datetime):
            raise TypeError(f"{name} must be a datetime, not {moment!r}")
        if self.now is not None:
            check_same_kind(moment, name, self.now, "the clock's")
