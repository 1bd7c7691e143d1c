"""Risk limits, as values: what a trader may set, and what is said when a limit is broken."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import auto

from ckptstore.execution import decimals
from ckptstore.execution.words import Word


class RiskRuleType(Word):
    """Which rule an order breaks."""

    POSITION_LIMIT = auto()
    EXPOSURE_LIMIT = auto()
    DRAWDOWN_LIMIT = auto()
    KILL_SWITCH = auto()


@dataclass(frozen=True, slots=True)
class RiskViolation:
    """
    The rule that an order breaks, in words and numbers; a kill-switch has no numbers.

    Shares for a limit of shares, account currency for a limit of value, percent for exposure and drawdown.
    """

    rule_type: RiskRuleType
    message: str
    current_value: Decimal | None = None
    limit_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PositionLimitRule:
    """How many shares of one symbol buys may bring together, and of what value; None sets no limit."""

    max_shares: Decimal | None = None
    max_value: Decimal | None = None

    def __post_init__(self) -> None:
        _check(self, "max_shares", "max_value")


@dataclass(frozen=True, slots=True)
class ExposureLimitRule:
    """
    How much of the portfolio's value may be in positions, in percent.

    Gross adds the positions' sizes; net takes short ones from long ones.
    """

    max_gross_exposure_pct: Decimal = Decimal(100)
    max_net_exposure_pct: Decimal = Decimal(100)

    def __post_init__(self) -> None:
        _check(self, "max_gross_exposure_pct", "max_net_exposure_pct")


@dataclass(frozen=True, slots=True)
class DrawdownLimitRule:
    """How far, in percent, the portfolio may fall from the day's start and from its peak; None sets no limit."""

    max_daily_drawdown_pct: Decimal | None = None
    max_total_drawdown_pct: Decimal | None = None

    def __post_init__(self) -> None:
        _check(self, "max_daily_drawdown_pct", "max_total_drawdown_pct")


@dataclass(slots=True)
class RiskConfig:
    """The limits of an account; a rule that is None sets none. `trading_enabled` is how trading begins."""

    position_limit: PositionLimitRule | None = None
    exposure_limit: ExposureLimitRule | None = None
    drawdown_limit: DrawdownLimitRule | None = None
    trading_enabled: bool = True


def _check(rule: object, *names: str) -> None:
    """Make Decimals of ints; `TypeError` and `ValueError` as for `decimals.not_negative`."""
    for name in names:
        value = getattr(rule, name)
        if value is not None:
            object.__setattr__(rule, name, decimals.not_negative(value, name))
