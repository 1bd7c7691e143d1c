"""The whole state of a simulator, as plain values."""

# ruff: noqa: TC001, TC003 - whoever decodes a state reads the annotations

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ckptstore.execution.actions import PendingAction
from ckptstore.execution.latency import LatencyConfig
from ckptstore.execution.orders import Order, OrderExecution
from ckptstore.execution.rules import RiskConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorState:
    """
    All that decides what a simulator does next: two of equal state do the same for ever.

    The dicts of orders are by order id; the order of `pending_orders` matters, for it is that of their fills. `actions`
    stand in the order they will be carried out. `unreported_executions` happened since the last call of
    `process_market_data`, which reports them. `time_given` says that `current_time` is a caller's and not provisional.
    `seed` and `draws` are the random generator, `executions` counts those that have an id.
    """

    simulator_id: str
    initial_cash: Decimal
    cash: Decimal
    positions: dict[str, Decimal]
    last_prices: dict[str, Decimal]
    pending_orders: dict[str, Order]
    completed_orders: dict[str, Order]
    actions: tuple[PendingAction, ...]
    unreported_executions: tuple[OrderExecution, ...]
    current_time: datetime | None
    time_given: bool
    seed: int
    draws: int
    executions: int
    slippage_bps: Decimal
    commission_per_share: Decimal
    latency_config: LatencyConfig
    risk_config: RiskConfig
    trading_enabled: bool
    peak_value: Decimal | None
    daily_start_value: Decimal | None
    min_order_quantity: Decimal
    max_order_quantity: Decimal
