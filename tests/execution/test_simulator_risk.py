"""The simulator: risk limits that bite while positions are held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading import SYMBOL, at, buy, holding, latency, sell, simulator, tick

from ckptstore.execution import (
    DrawdownLimitRule,
    ExposureLimitRule,
    OrderStatus,
    PositionLimitRule,
    RejectionReason,
    RiskConfig,
)


def test_kill_switch() -> None:
    """Disabled trading refuses new orders; pending ones go on, and enabling takes orders again."""
    made = simulator()
    made.submit_order(buy("pending"), at(0))
    made.disable_trading()

    assert made.submit_order(buy("no"), at(0)).rejection_reason is RejectionReason.RISK_TRADING_DISABLED
    assert tick(made, "100") == ["pending"]
    made.enable_trading()
    assert made.submit_order(buy("yes"), at(0)).status is OrderStatus.SUBMITTED


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (RiskConfig(PositionLimitRule(max_value=Decimal(1100))), RejectionReason.RISK_POSITION_LIMIT),
        (RiskConfig(exposure_limit=ExposureLimitRule(Decimal(11))), RejectionReason.RISK_EXPOSURE_LIMIT),
    ],
)
def test_limits_at_the_last_price(rules: RiskConfig, reason: RejectionReason) -> None:
    """What is held is valued at the last price, whichever symbol that was: the same order passes, and no more."""
    made = holding("10", risk_config=rules)

    assert made.submit_order(buy("fits", "1"), at(1)).status is OrderStatus.SUBMITTED
    made.cancel_order("fits", at(1))
    tick(made, "130", 2)
    tick(made, "5", 3, "MSFT")
    assert made.submit_order(buy("more", "1"), at(4)).rejection_reason is reason


def test_drawdown_of_what_is_held() -> None:
    """A fall of what is held counts against the peak that it had reached, and is refused beyond the limit."""
    made = holding("50", risk_config=RiskConfig(drawdown_limit=DrawdownLimitRule(max_total_drawdown_pct=Decimal(10))))
    tick(made, "200", 1)

    assert made.risk_checker.peak_value == 15000
    tick(made, "170", 2)
    assert made.submit_order(buy("at", "1"), at(3)).status is OrderStatus.SUBMITTED
    tick(made, "169", 4, "MSFT")
    tick(made, "169", 4)
    assert made.submit_order(buy("below", "1"), at(5)).rejection_reason is RejectionReason.RISK_DRAWDOWN_LIMIT


def test_new_day() -> None:
    """The daily drawdown counts from what the account was worth when the day was begun."""
    made = holding("50", risk_config=RiskConfig(drawdown_limit=DrawdownLimitRule(max_daily_drawdown_pct=Decimal(10))))
    tick(made, "70", 1)
    assert made.submit_order(sell("no", "1"), at(2)).rejection_reason is RejectionReason.RISK_DRAWDOWN_LIMIT
    made.reset_daily_risk_tracking()

    assert (made.risk_checker.daily_start_value, made.risk_checker.peak_value) == (Decimal(8500), Decimal(10000))
    assert made.submit_order(sell("yes", "1"), at(3)).status is OrderStatus.SUBMITTED


def test_value_that_is_not_known() -> None:
    """As long as something is held whose price is not known, no peak is noted."""
    made = simulator()
    made.positions.update({SYMBOL: Decimal(10), "MSFT": Decimal(10)})
    tick(made, "1000")

    assert made.risk_checker.peak_value == 10000
    tick(made, "1", symbol="MSFT")
    assert made.risk_checker.peak_value == 20010
    assert SYMBOL in made.positions


def test_fill_that_comes_due_at_a_submission() -> None:
    """A fill that comes due at another event than a price counts too: what it gained is in the peak."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(quantity="10"), at(0))
    tick(made, "100", 1)
    tick(made, "200", 2)
    made.submit_order(buy("other"), at(50))

    assert made.risk_checker.peak_value == 11000
