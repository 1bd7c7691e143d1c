"""The risk checker: each limit at its edge, their order, and what it keeps track of."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading import SYMBOL, buy, sell

from ckptstore.execution import (
    DrawdownLimitRule,
    ExposureLimitRule,
    Order,
    PositionLimitRule,
    RejectionReason,
    RiskChecker,
    RiskConfig,
    RiskRuleType,
    RiskViolation,
)

POSITION, EXPOSURE = RejectionReason.RISK_POSITION_LIMIT, RejectionReason.RISK_EXPOSURE_LIMIT
DRAWDOWN, DISABLED = RejectionReason.RISK_DRAWDOWN_LIMIT, RejectionReason.RISK_TRADING_DISABLED


def reason(
    checker: RiskChecker,
    order: Order,
    held: dict[str, int] | None = None,
    prices: dict[str, int] | None = None,
    cash: int = 10000,
) -> RejectionReason | None:
    """Why the order is refused, at 100 a share unless told otherwise."""
    positions = {symbol: Decimal(quantity) for symbol, quantity in (held or {}).items()}
    known = {SYMBOL: 100} if prices is None else prices
    found = checker.check_order(
        order, positions, {name: Decimal(price) for name, price in known.items()}, Decimal(cash)
    )
    return None if found is None else found[0]


def limited(
    *,
    position: PositionLimitRule | None = None,
    exposure: ExposureLimitRule | None = None,
    drawdown: DrawdownLimitRule | None = None,
) -> RiskChecker:
    """A checker with these rules."""
    return RiskChecker(RiskConfig(position, exposure, drawdown))


def test_no_rules() -> None:
    """Without rules every order passes."""
    assert reason(RiskChecker(RiskConfig()), buy(quantity="1000000")) is None


def test_kill_switch() -> None:
    """While trading is disabled every order is refused, sells too; enabling lets them pass."""
    checker = RiskChecker(RiskConfig())
    checker.disable_trading()

    assert (reason(checker, buy()), reason(checker, sell(), {SYMBOL: 10})) == (DISABLED, DISABLED)
    checker.enable_trading()
    assert reason(checker, buy()) is None


def test_trading_begins_as_configured() -> None:
    """A configuration can begin with trading disabled, and is not changed by the switch."""
    config = RiskConfig(trading_enabled=False)
    checker = RiskChecker(config)

    assert reason(checker, buy()) is DISABLED
    checker.enable_trading()
    assert (checker.trading_enabled, config.trading_enabled, checker.risk_config) == (True, False, config)


def test_shares() -> None:
    """Buys may bring a symbol's shares to the limit, not above it; what is held counts."""
    checker = limited(position=PositionLimitRule(max_shares=Decimal(15)))

    assert reason(checker, buy(quantity="5"), {SYMBOL: 10}) is None
    assert reason(checker, buy(quantity="6"), {SYMBOL: 10}) is POSITION
    assert reason(checker, buy(quantity="6"), {"MSFT": 10}) is None


def test_position_value() -> None:
    """Buys may bring a symbol's value at the current price to the limit, not above it."""
    checker = limited(position=PositionLimitRule(max_value=Decimal(1500)))

    assert reason(checker, buy(quantity="5"), {SYMBOL: 10}) is None
    assert reason(checker, buy(quantity="5"), {SYMBOL: 10}, {SYMBOL: 101}) is POSITION


def test_position_limit_lets_sells_pass() -> None:
    """A sell passes a position limit, however large the position still is."""
    checker = limited(position=PositionLimitRule(max_shares=Decimal(1), max_value=Decimal(1)))

    assert reason(checker, sell(quantity="1"), {SYMBOL: 10}) is None


def test_own_price_where_none_is_known() -> None:
    """Without a current price an order is valued at its limit or stop; a market order then cannot be."""
    checker = limited(position=PositionLimitRule(max_value=Decimal(999)))

    assert reason(checker, buy(limit_price=Decimal(100)), prices={}) is POSITION
    assert reason(checker, buy(stop_price=Decimal(100)), prices={}) is POSITION
    assert reason(checker, buy(), prices={}) is None


def test_gross_exposure() -> None:
    """Positions after the order may be worth the limit's percent of the portfolio, not more."""
    checker = limited(exposure=ExposureLimitRule(max_gross_exposure_pct=Decimal(50)))
    held = {"MSFT": 20}
    prices = {SYMBOL: 100, "MSFT": 100}

    assert reason(checker, buy(quantity="30"), held, prices, cash=8000) is None
    assert reason(checker, buy(quantity="30.001"), held, prices, cash=8000) is EXPOSURE


def test_net_exposure() -> None:
    """Short positions are taken from long ones, and a net short counts by its size."""
    checker = limited(exposure=ExposureLimitRule(Decimal(1000), Decimal(10)))
    held = {"MSFT": -2}
    prices = {SYMBOL: 100, "MSFT": 100}

    assert reason(checker, buy(quantity="12"), held, prices, cash=10200) is None
    assert reason(checker, buy(quantity="12.001"), held, prices, cash=10200) is EXPOSURE
    assert reason(checker, sell(quantity="8"), held, prices, cash=10200) is None
    assert reason(checker, sell(quantity="8.001"), held, prices, cash=10200) is EXPOSURE


def test_reducing_exposure_is_allowed() -> None:
    """An account above its limit can sell what it holds, and cannot buy more."""
    checker = limited(exposure=ExposureLimitRule(Decimal(10), Decimal(10)))

    assert reason(checker, sell(quantity="1"), {SYMBOL: 50}, cash=100) is None
    assert reason(checker, buy(quantity="1"), {SYMBOL: 50}, cash=100) is EXPOSURE


def test_exposure_of_a_worthless_portfolio() -> None:
    """Where the portfolio is worth nothing or less, no exposure is within a percentage of it."""
    assert reason(limited(exposure=ExposureLimitRule()), buy(), cash=0) is EXPOSURE


def test_daily_drawdown() -> None:
    """The loss since the day's start may be the limit's percent of it, not more, and then every order is refused."""
    checker = limited(drawdown=DrawdownLimitRule(max_daily_drawdown_pct=Decimal(5)))
    checker.update_state(Decimal(20000))
    checker.update_state(Decimal(10000), is_new_day=True)

    assert reason(checker, buy(), cash=9500) is None
    assert reason(checker, buy(), cash=9499) is DRAWDOWN
    assert reason(checker, sell(), {SYMBOL: 10}, cash=8499) is DRAWDOWN


def test_total_drawdown() -> None:
    """The loss since the peak counts over days, positions valued at the current prices."""
    checker = limited(drawdown=DrawdownLimitRule(max_total_drawdown_pct=Decimal(50)))
    checker.update_state(Decimal(20000))
    checker.update_state(Decimal(10000), is_new_day=True)

    assert reason(checker, buy(), {SYMBOL: 10}, cash=9000) is None
    assert reason(checker, buy(), {SYMBOL: 10}, {SYMBOL: 99}, cash=9000) is DRAWDOWN


def test_no_drawdown_from_nothing() -> None:
    """As long as no value was reported there is no drawdown."""
    checker = limited(drawdown=DrawdownLimitRule(Decimal(0), Decimal(0)))

    assert (checker.peak_value, checker.daily_start_value) == (None, None)
    assert reason(checker, buy(), cash=0) is None


def test_tracking() -> None:
    """The peak is the highest value reported; the day's start is the first of its day, or what a reset says."""
    checker = RiskChecker(RiskConfig())
    for value in (100, 120, 110):
        checker.update_state(Decimal(value))

    assert (checker.peak_value, checker.daily_start_value) == (Decimal(120), Decimal(100))
    checker.update_state(Decimal(90), is_new_day=True)
    assert (checker.peak_value, checker.daily_start_value) == (Decimal(120), Decimal(90))
    checker.reset_daily_tracking(Decimal(80))
    assert (checker.peak_value, checker.daily_start_value) == (Decimal(120), Decimal(80))


def test_first_rule_speaks() -> None:
    """Of several broken limits the first is named: kill-switch, position, exposure, drawdown."""
    config = RiskConfig(PositionLimitRule(Decimal(1)), ExposureLimitRule(Decimal(1)), DrawdownLimitRule(Decimal(1)))
    checker = RiskChecker(config)
    checker.update_state(Decimal(20000))
    checker.disable_trading()

    assert reason(checker, buy()) is DISABLED
    checker.enable_trading()
    assert reason(checker, buy()) is POSITION
    config.position_limit = None
    assert reason(checker, buy()) is EXPOSURE
    config.exposure_limit = None
    assert reason(checker, buy()) is DRAWDOWN
    config.drawdown_limit = None
    assert reason(checker, buy()) is None


def test_violation_in_numbers() -> None:
    """A violation names its rule and says in words and numbers what is and what may be."""
    checker = limited(exposure=ExposureLimitRule(Decimal(50)))
    violation = checker.find_violation(buy(quantity="75"), {}, {SYMBOL: Decimal(100)}, Decimal(10000))

    assert violation == RiskViolation(
        rule_type=RiskRuleType.EXPOSURE_LIMIT,
        message="gross exposure of 75.00 %: the limit is 50 %",
        current_value=Decimal(75),
        limit_value=Decimal(50),
    )


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity", "-1"])
def test_no_quantity_is_left_to_the_validator(quantity: str) -> None:
    """An order whose quantity makes no sense breaks no limit: the validator refuses it."""
    checker = limited(position=PositionLimitRule(Decimal(0)), exposure=ExposureLimitRule())

    assert reason(checker, buy(quantity=quantity)) is None


def test_senseless_rules() -> None:
    """A limit is zero or more, and a number; an int is one."""
    with pytest.raises(ValueError, match="max_shares must be zero or more"):
        PositionLimitRule(max_shares=Decimal(-1))
    with pytest.raises(ValueError, match="max_total_drawdown_pct must be zero or more"):
        DrawdownLimitRule(max_total_drawdown_pct=Decimal("NaN"))
    with pytest.raises(TypeError, match="max_gross_exposure_pct must be a Decimal"):
        ExposureLimitRule(max_gross_exposure_pct=0.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert PositionLimitRule(100) == PositionLimitRule(Decimal(100))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
