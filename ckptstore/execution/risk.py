"""Whether the account's limits allow an order."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ckptstore.execution import decimals
from ckptstore.execution.orders import Order, OrderSide, RejectionReason
from ckptstore.execution.rules import (
    DrawdownLimitRule,
    ExposureLimitRule,
    PositionLimitRule,
    RiskConfig,
    RiskRuleType,
    RiskViolation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZERO = Decimal(0)
_REASONS = {
    RiskRuleType.KILL_SWITCH: RejectionReason.RISK_TRADING_DISABLED,
    RiskRuleType.POSITION_LIMIT: RejectionReason.RISK_POSITION_LIMIT,
    RiskRuleType.EXPOSURE_LIMIT: RejectionReason.RISK_EXPOSURE_LIMIT,
    RiskRuleType.DRAWDOWN_LIMIT: RejectionReason.RISK_DRAWDOWN_LIMIT,
}


class RiskChecker:
    """
    Refuses orders that would break a limit; exactly at a limit is within it.

    Positions are valued at the current prices; the symbol of the order, where it has none, at the order's limit or
    stop price. What has no price at all counts as nothing, and a limit that needs it is not applied. `peak_value` and
    `daily_start_value` are None until a value is reported, and a drawdown from None is none.
    """

    def __init__(self, risk_config: RiskConfig) -> None:
        self.risk_config = risk_config
        self.trading_enabled = risk_config.trading_enabled
        self.peak_value: Decimal | None = None
        self.daily_start_value: Decimal | None = None

    def check_order(
        self,
        order: Order,
        current_positions: Mapping[str, Decimal],
        current_prices: Mapping[str, Decimal],
        cash: Decimal,
    ) -> tuple[RejectionReason, str] | None:
        """Why the order is refused, or None: the kill-switch first, then position, exposure and drawdown."""
        violation = self.find_violation(order, current_positions, current_prices, cash)
        return None if violation is None else (_REASONS[violation.rule_type], violation.message)

    def find_violation(
        self,
        order: Order,
        current_positions: Mapping[str, Decimal],
        current_prices: Mapping[str, Decimal],
        cash: Decimal,
    ) -> RiskViolation | None:
        """
        The first limit that the order breaks, with its numbers.

        The position limit looks at buys alone. The exposure limit refuses only what raises the exposure, so that an
        account above it can always reduce. A drawdown beyond its limit and the kill-switch refuse every order. Other
        orders that are still pending are not counted. An order without a sound quantity is left to the validator.
        """
        if not self.trading_enabled:
            return RiskViolation(RiskRuleType.KILL_SWITCH, "trading is disabled")
        if not decimals.is_positive(order.quantity):
            return None
        config = self.risk_config
        prices = _with_price_of(order, current_prices)
        return (
            (config.position_limit and _position(config.position_limit, order, current_positions, prices))
            or (config.exposure_limit and _exposure(config.exposure_limit, order, current_positions, prices, cash))
            or (config.drawdown_limit and self._drawdown(config.drawdown_limit, current_positions, prices, cash))
            or None
        )

    def update_state(self, portfolio_value: Decimal, is_new_day: bool = False) -> None:  # noqa: FBT002 - a known name
        """Take note of the portfolio's value: a new peak, the first value there is, a new day's start."""
        if self.peak_value is None or portfolio_value > self.peak_value:
            self.peak_value = portfolio_value
        if is_new_day or self.daily_start_value is None:
            self.daily_start_value = portfolio_value

    def enable_trading(self) -> None:
        """Let orders pass again."""
        self.trading_enabled = True

    def disable_trading(self) -> None:
        """Refuse every order from now on."""
        self.trading_enabled = False

    def reset_daily_tracking(self, value: Decimal) -> None:
        """Begin a day: the daily drawdown counts from `value`."""
        self.daily_start_value = value

    def _drawdown(
        self,
        rule: DrawdownLimitRule,
        positions: Mapping[str, Decimal],
        prices: Mapping[str, Decimal],
        cash: Decimal,
    ) -> RiskViolation | None:
        value = portfolio_value(cash, positions, prices)
        for name, start, limit in (
            ("daily", self.daily_start_value, rule.max_daily_drawdown_pct),
            ("total", self.peak_value, rule.max_total_drawdown_pct),
        ):
            if limit is None or start is None or start <= 0:
                continue
            lost = decimals.subtract(start, value)
            if _is_over(lost, limit, start):
                pct = _percent(lost, start)
                message = f"{name} drawdown of {pct:.2f} % from {start} to {value}: the limit is {limit} %"
                return RiskViolation(RiskRuleType.DRAWDOWN_LIMIT, message, pct, limit)
        return None


def portfolio_value(cash: Decimal, positions: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> Decimal:
    """Cash and positions; a position without a price counts as nothing."""
    return decimals.add(cash, _exposures(positions, prices)[1])


def _position(
    rule: PositionLimitRule,
    order: Order,
    positions: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
) -> RiskViolation | None:
    if order.side is not OrderSide.BUY:
        return None
    shares = decimals.add(positions.get(order.symbol, _ZERO), order.quantity)
    if rule.max_shares is not None and shares > rule.max_shares:
        message = f"position of {shares} {order.symbol}: the limit is {rule.max_shares} shares"
        return RiskViolation(RiskRuleType.POSITION_LIMIT, message, shares, rule.max_shares)
    if rule.max_value is None or order.symbol not in prices:
        return None
    value = decimals.multiply(shares, prices[order.symbol])
    if value <= rule.max_value:
        return None
    message = f"position of {shares} {order.symbol} worth {value}: the limit is {rule.max_value}"
    return RiskViolation(RiskRuleType.POSITION_LIMIT, message, value, rule.max_value)


def _exposure(
    rule: ExposureLimitRule,
    order: Order,
    positions: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
    cash: Decimal,
) -> RiskViolation | None:
    change = order.quantity if order.side is OrderSide.BUY else order.quantity.copy_negate()
    after = dict(positions)
    after[order.symbol] = decimals.add(after.get(order.symbol, _ZERO), change)
    old, new = _exposures(positions, prices), _exposures(after, prices)
    total = decimals.add(cash, old[1])  # a trade at the current price leaves the portfolio's value as it is
    for name, was, becomes, limit in (
        ("gross", old[0], new[0], rule.max_gross_exposure_pct),
        ("net", old[1].copy_abs(), new[1].copy_abs(), rule.max_net_exposure_pct),
    ):
        if becomes <= was or not (total <= 0 or _is_over(becomes, limit, total)):
            continue
        pct = _percent(becomes, total) if total > 0 else None
        share = f"worth {becomes} in a portfolio worth {total}" if pct is None else f"of {pct:.2f} %"
        message = f"{name} exposure {share}: the limit is {limit} %"
        return RiskViolation(RiskRuleType.EXPOSURE_LIMIT, message, pct, limit)
    return None


def _exposures(positions: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> tuple[Decimal, Decimal]:
    """Gross and net value of the positions whose price is known."""
    gross = net = _ZERO
    for symbol, quantity in positions.items():
        if symbol in prices:
            value = decimals.multiply(quantity, prices[symbol])
            gross, net = decimals.add(gross, value.copy_abs()), decimals.add(net, value)
    return gross, net


def _with_price_of(order: Order, prices: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    if order.symbol in prices:
        return prices
    own = order.limit_price if order.limit_price is not None else order.stop_price
    return {**prices, order.symbol: own} if own is not None and decimals.is_positive(own) else prices


def _is_over(part: Decimal, limit_pct: Decimal, whole: Decimal) -> bool:
    """Whether `part` is more than the limit's percent of `whole`, without a division that might round."""
    return decimals.multiply(part, Decimal(100)) > decimals.multiply(limit_pct, whole)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return decimals.divide(decimals.multiply(part, Decimal(100)), whole)
