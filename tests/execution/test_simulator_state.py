"""The state of a simulator: what a simulator made from it must not have forgotten."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from trading import SYMBOL, at, buy, holding, latency, sell, simulator, tick

from ckptstore.execution import LATENCY_INSTANT, LATENCY_NORMAL, ExecutionSimulator, OrderValidator, SimulatorState


def again(made: ExecutionSimulator) -> ExecutionSimulator:
    """A simulator made from the state of this one."""
    return ExecutionSimulator.from_state(made.state())


def test_execution_ids_go_on() -> None:
    """The first execution after a cut has the id that follows the last one before it."""
    made = again(holding("10"))
    made.submit_order(sell(), at(1))

    [execution] = made.process_market_data(SYMBOL, Decimal(100), at(1))
    assert execution.execution_id == "sim-exec-2"


def test_executions_are_reported_after_a_cut() -> None:
    """An execution that no price has reported yet is reported by the first one after the cut."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(), at(0))
    tick(made, "100", 1)
    made.cancel_order("unknown", at(50))

    assert tick(again(made), "100", 60) == ["buy"]


def test_time_stays_given() -> None:
    """A simulation stays one: without a timestamp, it is the clock's time after a cut too."""
    made = again(holding())
    made.submit_order(sell(), at(7))
    made = again(made)

    assert made.process_market_data(SYMBOL, Decimal(100))[0].timestamp == at(7)


def test_orders_fill_in_the_same_order() -> None:
    """Who was submitted first fills first, after a cut too, even where latencies have changed in between."""
    made = simulator("1000", latency_config=latency(submission=100))
    made.submit_order(buy("slow", "10"), at(0))
    made.latency_config = LATENCY_INSTANT
    made.submit_order(buy("quick", "10"), at(1))
    made.process_market_data("MSFT", Decimal(1), at(200))
    cut = again(made)

    assert tick(cut, "100", 201) == tick(made, "100", 201) == ["quick"]


def test_scheduled_fill_is_not_scheduled_again() -> None:
    """An order whose fill is scheduled has that one fill after a cut too, whatever prices come."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(), at(0))
    tick(made, "100", 1)
    cut = again(made)
    tick(cut, "90", 2)

    assert [action.data for action in cut.action_queue.actions] == [{"price": Decimal(100)}]


def test_settings_are_kept() -> None:
    """The validator's limits, the switch and the tracked values are those of before."""
    made = holding()
    made.validator = OrderValidator(Decimal(2), Decimal(3))
    made.disable_trading()
    tick(made, "200", 1)
    made.reset_daily_risk_tracking()
    cut = again(made)

    assert (cut.validator.min_order_quantity, cut.validator.max_order_quantity) == (Decimal(2), Decimal(3))
    assert not cut.risk_checker.trading_enabled
    assert (cut.risk_checker.peak_value, cut.risk_checker.daily_start_value) == (Decimal(11000), Decimal(11000))


def test_state_is_plain() -> None:
    """A state has types of its own throughout: msgspec writes and reads it as it stands."""
    made = simulator(latency_config=LATENCY_NORMAL)
    made.submit_order(buy(limit_price=Decimal("99.90")), at(0))
    tick(made, "99.80", 50)
    made.submit_order(buy("none", "0"), at(60))
    state = made.state()

    assert len(state.actions) == 1
    back = msgspec.json.decode(msgspec.json.encode(state), type=SimulatorState)
    assert back == state
