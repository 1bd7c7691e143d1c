"""The simulator: latencies, and time that only goes forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from trading import START, SYMBOL, at, buy, holding, latency, sell, simulator, tick

from ckptstore.execution import LATENCY_NORMAL, ActionType, OrderStatus, OrderType, RejectionReason

NAIVE = START.replace(tzinfo=None)
BERLIN = ZoneInfo("Europe/Berlin")


def test_submission_latency() -> None:
    """Until its submission latency is over an order is pending and NEW, and prices pass it by."""
    made = simulator(latency_config=latency(submission=50))
    order = made.submit_order(buy(), at(0))

    assert (tick(made, "90", 49), order.status, made.pending_orders) == ([], OrderStatus.NEW, {"buy": order})
    assert tick(made, "100", 60) == ["buy"]
    assert (order.submitted_at, order.avg_fill_price) == (at(50), Decimal(100))


def test_fill_latency_keeps_the_price() -> None:
    """A fill after latency happens at its own time, at the price that triggered it, before the price of the tick."""
    made = simulator(latency_config=latency(fill=10))
    order = made.submit_order(buy(), at(0))

    assert tick(made, "100", 1) == []
    [action] = made.action_queue.actions
    assert (action.action_type, action.scheduled_time, action.data) == (
        ActionType.FILL,
        at(11),
        {"price": Decimal(100)},
    )
    assert tick(made, "105", 10) == []
    assert tick(made, "200", 50) == ["buy"]
    assert (order.avg_fill_price, order.executions[0].timestamp) == (Decimal(100), at(11))


def test_one_fill_scheduled() -> None:
    """While a fill is scheduled, other prices schedule no second one."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(), at(0))
    for milliseconds in range(5):
        tick(made, "100", milliseconds)

    assert made.action_queue.get_pending_count() == 1


def test_stop_after_latency() -> None:
    """The price that touches a stop schedules nothing; the next one does."""
    made = simulator(latency_config=latency(fill=10))
    order = made.submit_order(buy(stop_price=Decimal(100)), at(0))
    tick(made, "100", 1)

    assert (order.order_type, made.action_queue.actions) == (OrderType.MARKET, [])
    tick(made, "99", 2)
    assert tick(made, "1", 12) == ["buy"]
    assert order.avg_fill_price == 99


def test_fill_latency_is_drawn() -> None:
    """Fill latencies lie between the shortest and the longest, differ, and are the same for the same seed."""
    times = []
    for seed in (1, 1, 2):
        made = simulator("1000000", latency_config=LATENCY_NORMAL, seed=seed)
        for number in range(50):
            made.submit_order(buy(str(number)), at(0))
        tick(made, "100", 50)
        times.append([action.scheduled_time - at(50) for action in made.action_queue.actions])

    assert times[0] == times[1] != times[2]
    assert len(set(times[0])) > 40
    assert timedelta(milliseconds=100) <= min(times[0]) < max(times[0]) <= timedelta(milliseconds=200)


def test_due_in_the_order_of_time() -> None:
    """What comes due together is carried out in the order of its times, not of its orders."""
    made = simulator("1000", latency_config=latency(fill=10))
    made.submit_order(buy("late", limit_price=Decimal(99)), at(0))
    made.submit_order(buy("early"), at(0))
    tick(made, "100", 1)
    tick(made, "99", 2)

    assert tick(made, "100", 99) == ["early"]
    assert made.completed_orders["late"].rejected_at == at(12)


def test_cancel_latency() -> None:
    """Until a cancel takes effect its order is live; it is cancelled at the scheduled time, not at the next price."""
    made = simulator(latency_config=latency(cancel=20))
    order = made.submit_order(buy(limit_price=Decimal(90)), at(0))

    assert made.cancel_order("buy", at(1)) is order
    assert (order.status, made.pending_orders) == (OrderStatus.SUBMITTED, {"buy": order})
    assert tick(made, "90", 50) == []
    assert (order.status, order.cancelled_at) == (OrderStatus.CANCELLED, at(21))


def test_fill_before_cancel_takes_effect() -> None:
    """A fill that comes before the cancel takes effect wins, and nothing of the cancel remains."""
    made = simulator(latency_config=latency(cancel=20))
    order = made.submit_order(buy(), at(0))
    made.cancel_order("buy", at(1))

    assert tick(made, "100", 20) == ["buy"]
    assert made.action_queue.actions == []
    assert (tick(made, "100", 99), order.status, order.cancelled_at) == ([], OrderStatus.FILLED, None)


def test_cancel_drops_scheduled_fills_at_once() -> None:
    """From the moment a cancel is asked for no earlier price fills the order; a later one may, if it is quick."""
    made = simulator(latency_config=latency(fill=10, cancel=50))
    made.submit_order(buy(), at(0))
    tick(made, "100", 1)
    made.cancel_order("buy", at(2))

    assert [action.action_type for action in made.action_queue.actions] == [ActionType.CANCEL]
    assert tick(made, "101", 20) == []
    assert tick(made, "102", 30) == ["buy"]
    assert (made.completed_orders["buy"].avg_fill_price, made.action_queue.actions) == (Decimal(101), [])


@pytest.mark.parametrize("cancel", [0, 5, 20])
def test_cancel_drops_scheduled_fills(cancel: int) -> None:
    """A fill that was scheduled before the cancel never happens, not even while the cancel is on its way."""
    made = simulator(latency_config=latency(fill=10, cancel=cancel))
    order = made.submit_order(buy(), at(0))
    tick(made, "100", 1)
    made.cancel_order("buy", at(2))

    assert tick(made, "100", 99) == []
    assert (order.status, order.cancelled_at, made.cash) == (OrderStatus.CANCELLED, at(2 + cancel), Decimal(10000))
    assert made.action_queue.actions == []


def test_cancel_twice() -> None:
    """Asking twice cancels once, at the first one's time."""
    made = simulator(latency_config=latency(cancel=20))
    order = made.submit_order(buy(), at(0))

    assert made.cancel_order("buy", at(1)) is made.cancel_order("buy", at(2)) is order
    assert made.action_queue.get_pending_count() == 1
    tick(made, "100", 99)
    assert order.cancelled_at == at(21)


@pytest.mark.parametrize(("cancel", "submitted"), [(2, None), (20, at(10))])
def test_cancel_of_an_order_on_its_way(cancel: int, submitted: datetime | None) -> None:
    """An order can be cancelled before it is submitted; if the cancel is slower, it is submitted and then cancelled."""
    made = simulator(latency_config=latency(submission=10, cancel=cancel))
    order = made.submit_order(buy(), at(0))
    made.cancel_order("buy", at(1))
    made.process_market_data("MSFT", Decimal(1), at(99))

    assert (order.status, order.submitted_at) == (OrderStatus.CANCELLED, submitted)
    assert (order.cancelled_at, made.action_queue.actions) == (at(1 + cancel), [])


def test_time_passes_at_every_event() -> None:
    """What is due by a submission or a cancel has happened before it; its executions come with the next price."""
    made = simulator("1000", latency_config=latency(fill=10))
    made.submit_order(buy(), at(0))
    tick(made, "100", 1)

    assert made.cancel_order("buy", at(50)) is None
    assert (made.cash, made.current_time) == (Decimal(0), at(50))
    late = made.submit_order(buy("late"), at(51))
    assert late.rejection_reason is RejectionReason.INSUFFICIENT_FUNDS
    assert tick(made, "100", 60) == ["buy"]
    assert tick(made, "100", 61) == []


def test_time_does_not_go_back() -> None:
    """An event before the clock is a ValueError, and changes nothing; one at the same time is fine."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(), at(5))
    before = made.state()

    for event in (
        lambda: made.process_market_data(SYMBOL, Decimal(1), at(4)),
        lambda: made.submit_order(buy("other"), at(4)),
        lambda: made.cancel_order("buy", at(4)),
    ):
        with pytest.raises(ValueError, match="time does not go back"):
            event()
    assert made.state() == before
    assert made.process_market_data(SYMBOL, Decimal(1), at(5)) == []


def test_kinds_are_not_mixed() -> None:
    """Naive beside aware is a ValueError that says which is which, wherever it comes from, and changes nothing."""
    made = simulator()
    made.submit_order(buy(), at(0))
    before = made.state()

    with pytest.raises(ValueError, match=r"timestamp 2024-03-01T09:30:00 is naive, but the clock's .* is aware"):
        made.process_market_data(SYMBOL, Decimal(1), NAIVE)
    with pytest.raises(ValueError, match=r"created_at .* is naive"):
        made.submit_order(buy("other", created_at=NAIVE))
    with pytest.raises(ValueError, match=r"created_at .* is naive, but the timestamp"):
        simulator().submit_order(buy(created_at=NAIVE), at(0))
    with pytest.raises(TypeError, match="timestamp must be a datetime"):
        made.cancel_order("buy", "now")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test
    assert made.state() == before


def test_naive_times() -> None:
    """A simulation in naive times stays in naive times."""
    made = simulator(latency_config=latency(submission=1, fill=1))
    order = made.submit_order(buy(created_at=NAIVE), NAIVE)
    for seconds in (1, 2):
        made.process_market_data(SYMBOL, Decimal(100), NAIVE + timedelta(seconds=seconds))

    assert order.executions[0].timestamp == NAIVE + timedelta(seconds=1, milliseconds=1)


def test_zone_is_kept_through_a_change_of_the_clock() -> None:
    """Latency is real time, in the zone that was given: after the hour that is skipped, and in the hour lived twice."""
    made = simulator(latency_config=latency(submission=2000))
    skipped = datetime(2024, 3, 31, 1, 59, 59, tzinfo=BERLIN)
    order = made.submit_order(buy(created_at=skipped), skipped)
    twice = datetime(2024, 10, 27, 2, 59, 59, tzinfo=BERLIN)
    made.process_market_data(SYMBOL, Decimal(100), twice)
    other = made.submit_order(buy("other", created_at=twice), twice)
    made.process_market_data(SYMBOL, Decimal(100), datetime(2024, 10, 27, 2, 0, 1, tzinfo=BERLIN, fold=1))

    assert order.submitted_at is not None
    assert order.submitted_at.isoformat() == "2024-03-31T03:00:01+02:00"
    assert other.submitted_at is not None
    assert (other.submitted_at.isoformat(), other.submitted_at.fold) == ("2024-10-27T02:00:01+01:00", 1)


def test_without_timestamps_in_a_simulation() -> None:
    """Once a timestamp was given, an event without one happens at the clock's time: the wall clock is not read."""
    made = holding()
    made.process_market_data(SYMBOL, Decimal(100), at(7))
    order = made.submit_order(sell(created_at=datetime.now(UTC)))

    assert (order.submitted_at, made.current_time) == (at(7), at(7))
    assert made.process_market_data(SYMBOL, Decimal(100))[0].timestamp == at(7)


@pytest.mark.parametrize("zone", [None, UTC])
def test_without_any_timestamp(zone: ZoneInfo | None) -> None:
    """Live, an order is submitted when it was created, prices come when the wall clock says, both of its kind."""
    made = simulator()
    made.process_market_data("MSFT", Decimal(1))
    assert made.current_time is None
    created = datetime.now(zone)
    order = made.submit_order(buy(created_at=created))
    [execution] = made.process_market_data(SYMBOL, Decimal(100))

    assert order.submitted_at == created
    assert created <= execution.timestamp <= datetime.now(zone)


def test_first_timestamp_sets_the_clock() -> None:
    """Times that nobody gave are provisional: the first that is given sets the clock, even back."""
    made = simulator()
    order = made.submit_order(replace(buy(), created_at=datetime.now(UTC)))
    made.process_market_data(SYMBOL, Decimal(100), at(1))

    assert (order.status, made.current_time) == (OrderStatus.FILLED, at(1))
