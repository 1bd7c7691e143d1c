"""A simulator at one moment, as it is saved; what a later program makes of what an older one saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ckptstore import Schema
from ckptstore.execution.actions import ActionType, PendingAction
from ckptstore.execution.clock import check_same_kind, instant, later
from ckptstore.execution.latency import LATENCY_FAST, LATENCY_INSTANT, LATENCY_NORMAL, LATENCY_SLOW, LatencyConfig
from ckptstore.execution.orders import Order, OrderExecution, OrderStatus
from ckptstore.execution.rules import RiskConfig
from ckptstore.execution.state import SimulatorState

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKPOINT_VERSION = "1.1.0"
CUSTOM = "CUSTOM"
LATENCIES = {"INSTANT": LATENCY_INSTANT, "FAST": LATENCY_FAST, "NORMAL": LATENCY_NORMAL, "SLOW": LATENCY_SLOW}


@dataclass(frozen=True, slots=True)
class ExecutionCheckpoint:
    """
    All that decides what a simulator does next: two that are restored from equal checkpoints do the same for ever.

    `checkpoint_timestamp` is the simulator's own time. Orders are by id; the order of `pending_orders` is that of their
    fills, and `actions` stand in the order they will be carried out. `latency_config` None says that
    `latency_config_name` tells all; `risk_config_data` None says that there are no limits.

    None in `actions`, `seed` or `executions` says that it was not recorded, as in checkpoints of version 1.0.0 and in
    those made by hand: a restore then finds values that agree with the orders, and always the same.
    """

    version: str
    simulator_id: str
    checkpoint_timestamp: datetime
    cash: Decimal
    initial_cash: Decimal
    positions: dict[str, Decimal]
    pending_orders: dict[str, Order]
    completed_orders: dict[str, Order]
    peak_value: Decimal | None = None
    daily_start_value: Decimal | None = None
    trading_enabled: bool = True
    slippage_bps: Decimal = Decimal(5)
    commission_per_share: Decimal = Decimal(0)
    latency_config_name: str = "INSTANT"
    risk_config_data: RiskConfig | None = None
    actions: tuple[PendingAction, ...] | None = None
    current_time: datetime | None = None
    time_given: bool = False
    last_prices: dict[str, Decimal] = field(default_factory=dict)
    unreported_executions: tuple[OrderExecution, ...] = ()
    seed: int | None = None
    draws: int = 0
    executions: int | None = None
    latency_config: LatencyConfig | None = None
    min_order_quantity: Decimal = Decimal("0.001")
    max_order_quantity: Decimal = Decimal(1000000)


def _from_1_0_0(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """All fields that came with 1.1.0 have defaults that say "not recorded"."""
    return checkpoint | {"version": "1.1.0"}


SCHEMA = Schema(CHECKPOINT_VERSION, type=ExecutionCheckpoint, migrations={"1.0.0": _from_1_0_0})


def of_state(state: SimulatorState, simulator_id: str | None) -> ExecutionCheckpoint:
    """The checkpoint of `state`, and of all of it; under another name where one is given."""
    name = next((name for name, config in LATENCIES.items() if config == state.latency_config), CUSTOM)
    return ExecutionCheckpoint(
        version=CHECKPOINT_VERSION,
        simulator_id=state.simulator_id if simulator_id is None else simulator_id,
        checkpoint_timestamp=datetime.now(UTC) if state.current_time is None else state.current_time,
        cash=state.cash,
        initial_cash=state.initial_cash,
        positions=state.positions,
        pending_orders=state.pending_orders,
        completed_orders=state.completed_orders,
        peak_value=state.peak_value,
        daily_start_value=state.daily_start_value,
        trading_enabled=state.trading_enabled,
        slippage_bps=state.slippage_bps,
        commission_per_share=state.commission_per_share,
        latency_config_name=name,
        risk_config_data=None if state.risk_config == RiskConfig() else state.risk_config,
        actions=state.actions,
        current_time=state.current_time,
        time_given=state.time_given,
        last_prices=state.last_prices,
        unreported_executions=state.unreported_executions,
        seed=state.seed,
        draws=state.draws,
        executions=state.executions,
        latency_config=state.latency_config,
        min_order_quantity=state.min_order_quantity,
        max_order_quantity=state.max_order_quantity,
    )


def to_state(checkpoint: ExecutionCheckpoint) -> SimulatorState:
    """The state that `of_state` was given, with what was not recorded filled in; `checkpoint` contradicts nothing."""
    latency = latency_of(checkpoint)
    seed, executions = checkpoint.seed, checkpoint.executions
    return SimulatorState(
        simulator_id=checkpoint.simulator_id,
        initial_cash=checkpoint.initial_cash,
        cash=checkpoint.cash,
        positions=checkpoint.positions,
        last_prices=checkpoint.last_prices,
        pending_orders=checkpoint.pending_orders,
        completed_orders=checkpoint.completed_orders,
        actions=_submissions(checkpoint, latency) if checkpoint.actions is None else checkpoint.actions,
        unreported_executions=checkpoint.unreported_executions,
        current_time=_time(checkpoint),
        time_given=checkpoint.time_given,
        seed=_seed_of(checkpoint.simulator_id) if seed is None else seed,
        draws=checkpoint.draws,
        executions=max(numbers_in_use(checkpoint), default=0) if executions is None else executions,
        slippage_bps=checkpoint.slippage_bps,
        commission_per_share=checkpoint.commission_per_share,
        latency_config=latency,
        risk_config=checkpoint.risk_config_data or RiskConfig(),
        trading_enabled=checkpoint.trading_enabled,
        peak_value=checkpoint.peak_value,
        daily_start_value=checkpoint.daily_start_value,
        min_order_quantity=checkpoint.min_order_quantity,
        max_order_quantity=checkpoint.max_order_quantity,
    )


def latency_of(checkpoint: ExecutionCheckpoint) -> LatencyConfig:
    """The latency by value, else by name."""
    return checkpoint.latency_config or LATENCIES[checkpoint.latency_config_name]


def numbers_in_use(checkpoint: ExecutionCheckpoint) -> Iterator[int]:
    """The numbers of the simulator's own executions: what the ids that it gave end in."""
    prefix = f"{checkpoint.simulator_id}-exec-"
    for orders in (checkpoint.pending_orders, checkpoint.completed_orders):
        for order in orders.values():
            for execution in order.executions:
                number = execution.execution_id.removeprefix(prefix)
                if number != execution.execution_id and number.isascii() and number.isdecimal() and len(number) < 19:
                    yield int(number)


def _time(checkpoint: ExecutionCheckpoint) -> datetime | None:
    """The clock's time; where there are orders there was a time, and the checkpoint's is the best guess."""
    if checkpoint.current_time is None and (checkpoint.pending_orders or checkpoint.completed_orders):
        return checkpoint.checkpoint_timestamp
    return checkpoint.current_time


def _submissions(checkpoint: ExecutionCheckpoint, latency: LatencyConfig) -> tuple[PendingAction, ...]:
    """An order that is still NEW is on its way to the market, and was not there when the checkpoint was taken."""
    found, now = [], _time(checkpoint)
    for order in checkpoint.pending_orders.values():
        if order.status is OrderStatus.NEW and now is not None:
            check_same_kind(order.created_at, "created_at", now, "the clock's")
            at = max(later(order.created_at, latency.submission_latency), now, key=instant)
            found.append(PendingAction(ActionType.SUBMIT, order.order_id, at))
    return tuple(sorted(found, key=lambda action: instant(action.scheduled_time)))


def _seed_of(simulator_id: str) -> int:
    return int.from_bytes(sha256(simulator_id.encode(errors="surrogatepass")).digest()[:8], signed=True)
