"""Whatever happens: no money, no share and no order is lost or doubled, and a cut changes nothing."""

from __future__ import annotations

import copy
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from trading import START, latency

from ckptstore.execution import (
    LATENCY_FAST,
    LATENCY_INSTANT,
    LATENCY_NORMAL,
    LATENCY_SLOW,
    DrawdownLimitRule,
    ExecutionSimulator,
    ExposureLimitRule,
    LatencyConfig,
    Order,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionLimitRule,
    RiskConfig,
    SimulatorState,
)

Event: TypeAlias = tuple[object, ...]

SYMBOLS = st.sampled_from(["AAPL", "MSFT"])
PRICES = st.one_of(st.decimals(95, 105, places=2), st.decimals("0.000001", 200, places=6))
QUANTITIES = st.one_of(
    *(st.decimals("0.001", 9, places=3),) * 3,
    st.sampled_from([Decimal(60), Decimal(0), Decimal("NaN"), Decimal(7) / 3]),
)
DELAYS = st.integers(0, 400).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
IDS = st.integers(0, 40).map(str)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("price"), DELAYS, SYMBOLS, PRICES),
        st.tuples(st.just("price"), DELAYS, SYMBOLS, PRICES),
        st.tuples(
            *(st.just("submit"), DELAYS, SYMBOLS, PRICES, IDS, QUANTITIES),
            *(st.sampled_from(OrderSide), st.sampled_from(OrderType)),
        ),
        st.tuples(st.just("cancel"), DELAYS, IDS),
        st.tuples(st.sampled_from(["disable", "enable", "new day"]), st.just(timedelta(0))),
    ),
    min_size=15,
    max_size=50,
)
LATENCIES = st.sampled_from(
    [LATENCY_INSTANT, LATENCY_FAST, LATENCY_NORMAL, LATENCY_SLOW, latency(fill_max=1), latency(7, 0, 90, 300)],
)
SEEDED = settings(derandomize=True, database=None, deadline=None)
RULES = RiskConfig(
    PositionLimitRule(max_shares=Decimal(100)), ExposureLimitRule(), DrawdownLimitRule(None, Decimal(60))
)


def started(profile: LatencyConfig) -> ExecutionSimulator:
    """A simulator of 10,000 with costs and limits."""
    return ExecutionSimulator(Decimal(10000), Decimal(5), Decimal("0.01"), profile, RULES, "sim", seed=3)


def play(made: ExecutionSimulator, events: list[Event]) -> list[str]:
    """Let all of it happen; the ids of the executions that were reported."""
    reported = []
    for name, delay, *rest in events:
        now = (made.current_time or START) + delay  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
        match name, *rest:
            case "price", str(symbol), Decimal() as price:
                reported += [each.execution_id for each in made.process_market_data(symbol, price, now)]
            case "submit", str(symbol), Decimal() as price, str(
                order_id
            ), Decimal() as quantity, OrderSide() as side, OrderType() as kind:
                order = Order(order_id, symbol, side, kind, quantity, now)
                order.limit_price = order.stop_price = price
                made.submit_order(order, now)
            case "cancel", str(order_id):
                made.cancel_order(order_id, now)
            case "new day", *_:
                made.reset_daily_risk_tracking()
            case _:
                made.disable_trading() if name == "disable" else made.enable_trading()
    return reported


def executions(made: ExecutionSimulator) -> list[tuple[Order, Fraction, Fraction, Fraction]]:
    """Order, signed shares, price and commission of each execution, as fractions."""
    found = []
    for order in [*made.completed_orders.values(), *made.pending_orders.values()]:
        sign = 1 if order.side is OrderSide.BUY else -1
        found += [
            (order, sign * Fraction(each.quantity), Fraction(each.price), Fraction(each.commission))
            for each in order.executions
        ]
    return found


@settings(SEEDED, max_examples=60)
@given(LATENCIES, EVENTS)
def test_money_and_shares(profile: LatencyConfig, events: list[Event]) -> None:
    """Cash, what the positions cost and the commissions add up to the initial cash, to the last digit."""
    made = started(profile)
    play(made, events)
    done = executions(made)

    assert Fraction(made.cash) + sum(shares * price + fee for _, shares, price, fee in done) == 10000
    for symbol in ("AAPL", "MSFT"):
        held = sum(shares for order, shares, _, _ in done if order.symbol == symbol)
        assert (held, symbol in made.positions) == (Fraction(made.positions.get(symbol, Decimal(0))), held > 0)
    assert made.cash >= 0


@settings(SEEDED, max_examples=60)
@given(LATENCIES, EVENTS)
def test_orders(profile: LatencyConfig, events: list[Event]) -> None:
    """Every order is in one place, what is queued has its order, and an order is what its executions make of it."""
    made = started(profile)
    reported = play(made, events)
    submitted = {str(rest[2]) for name, _, *rest in events if name == "submit"}
    pending, completed = made.pending_orders, made.completed_orders

    assert (pending.keys() | completed.keys(), pending.keys() & completed.keys()) == (submitted, set())
    assert not any(order.is_complete() for order in pending.values())
    assert all(order.is_complete() for order in completed.values())
    assert {action.order_id for action in made.action_queue.actions} <= pending.keys()
    for order_id, order in {**pending, **completed}.items():
        kinds = [action.action_type for action in made.action_queue.get_pending_for_order(order_id)]
        assert len(kinds) == len(set(kinds))
        filled = order.quantity if order.status is OrderStatus.FILLED else 0
        assert order.filled_quantity == sum(each.quantity for each in order.executions) == filled
    reported += [each.execution_id for each in made.state().unreported_executions]
    assert reported == [f"sim-exec-{number + 1}" for number in range(len(executions(made)))]


@settings(SEEDED, max_examples=60)
@given(LATENCIES, EVENTS, EVENTS)
def test_a_cut_changes_nothing(profile: LatencyConfig, before: list[Event], after: list[Event]) -> None:
    """A simulator that is made anew from its state at any point ends in the state of the one that never stopped."""
    whole = started(profile)
    play(whole, before)
    cut = ExecutionSimulator.from_state(copy.deepcopy(whole.state()))

    assert repr(cut.state()) == repr(whole.state())
    reported = play(whole, after)
    assert play(cut, after) == reported
    assert repr(cut.state()) == repr(whole.state())


@settings(SEEDED, max_examples=20)
@given(LATENCIES, EVENTS, EVENTS)
def test_a_state_is_a_snapshot(profile: LatencyConfig, before: list[Event], after: list[Event]) -> None:
    """What happens after a state was taken, or in a simulator that was made from it, does not show in it."""
    made = started(profile)
    play(made, before)
    state = made.state()
    kept = repr(state)
    other = ExecutionSimulator.from_state(state)
    play(made, after)
    play(other, after)

    assert repr(state) == kept
    assert isinstance(state, SimulatorState)
