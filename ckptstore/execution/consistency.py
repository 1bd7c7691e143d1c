"""What in a checkpoint contradicts itself: a file that was edited by hand, or written by a program gone wrong."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from ckptstore import CheckpointCorrupt
from ckptstore.execution import decimals
from ckptstore.execution.actions import ActionType, PendingAction
from ckptstore.execution.checkpoint import CUSTOM, LATENCIES, numbers_in_use
from ckptstore.execution.order_faults import faults_of
from ckptstore.execution.orders import Order, OrderExecution, OrderStatus
from ckptstore.execution.rules import RiskConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ckptstore.execution.checkpoint import ExecutionCheckpoint

_NUMBERS = ("cash", "initial_cash", "slippage_bps", "commission_per_share", "min_order_quantity", "max_order_quantity")
_MAYBE_NUMBERS = ("peak_value", "daily_start_value")
_ORDERS = ("pending_orders", "completed_orders")
_TIMES = ("created_at", "submitted_at", "rejected_at", "cancelled_at")
_IS_NEW = {ActionType.SUBMIT: {True}, ActionType.FILL: {False}, ActionType.CANCEL: {True, False}}  # its order
_SUM_DIGITS = 4 * decimals.DIGITS  # on either side of the point: price x slippage x quantity, and their sum
_SEEDS = range(-(2**63), 2**63)


class InconsistentCheckpoint(CheckpointCorrupt, ValueError):  # noqa: N818 - as its base is called
    """A checkpoint contradicts itself; `contradictions` are all of them, each with its place."""

    def __init__(self, simulator_id: str, contradictions: Sequence[str]) -> None:
        self.simulator_id = simulator_id
        self.contradictions = tuple(contradictions)
        super().__init__(simulator_id, self.contradictions)

    def __str__(self) -> str:
        found = "".join(f"\n- {each}" for each in self.contradictions)
        return f"the checkpoint of simulator {self.simulator_id!r} contradicts itself:{found}"


def check(checkpoint: ExecutionCheckpoint) -> None:
    """`InconsistentCheckpoint` with every contradiction, if there is one; about a microsecond an order."""
    found = list(_wrong_types(checkpoint))
    if not found:  # the others take the types for granted
        found = [
            *_in_account(checkpoint),
            *_in_settings(checkpoint),
            *_in_orders(checkpoint),
            *_in_executions(checkpoint),
            *_in_actions(checkpoint),
            *_in_times(checkpoint),
        ]
    if found:
        raise InconsistentCheckpoint(checkpoint.simulator_id, found)


def _wrong_types(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    """Only checkpoints that were made by hand have any."""
    for name in (*_NUMBERS, *_MAYBE_NUMBERS):
        value = getattr(checkpoint, name)
        if not isinstance(value, Decimal) and not (value is None and name in _MAYBE_NUMBERS):
            yield f"{name}: expected Decimal, got {value!r}"
    orders: list[object] = [*checkpoint.pending_orders.values(), *checkpoint.completed_orders.values()]
    actions: tuple[object, ...] = checkpoint.actions or ()
    sound = [order for order in orders if isinstance(order, Order)]
    for values, due in (
        ([checkpoint.trading_enabled, checkpoint.time_given], bool),
        ([*checkpoint.positions.values(), *checkpoint.last_prices.values()], Decimal),
        (orders, Order),
        (chain.from_iterable(order.executions for order in sound), OrderExecution),
        (actions, PendingAction),
        ((action.action_type for action in actions if isinstance(action, PendingAction)), ActionType),
        ([checkpoint.risk_config_data or RiskConfig()], RiskConfig),
    ):
        for kind in set(map(type, values)) - {due}:
            yield f"expected {due.__name__}, got {kind.__name__}"


def _in_account(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    for name in ("cash", *_MAYBE_NUMBERS):
        value = getattr(checkpoint, name)
        if value is not None and not _is_sum(value):
            yield f"{name}: {value} is no amount of money"
    # Only the commission for shares that are worth less can take cash below zero.
    if _is_sum(checkpoint.cash) and checkpoint.cash < 0 and not checkpoint.commission_per_share:
        yield f"cash: {checkpoint.cash} is negative"
    for symbol, quantity in checkpoint.positions.items():
        if not _is_sum(quantity) or not quantity:
            yield f'positions["{symbol}"]: {quantity} is no number of shares'
    for symbol, price in checkpoint.last_prices.items():
        if not decimals.is_positive(price):
            yield f'last_prices["{symbol}"]: {price} is no price'


def _is_sum(value: Decimal) -> bool:
    """Whether sums and products of usable numbers may come to `value`; what is longer could not be computed with."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_SUM_DIGITS and value.adjusted() < _SUM_DIGITS


def _in_settings(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    for name in ("initial_cash", "slippage_bps", "commission_per_share"):
        value = getattr(checkpoint, name)
        if not decimals.is_usable(value) or value < 0:
            yield f"{name}: {value} is not zero or more"
    if decimals.is_usable(checkpoint.slippage_bps) and checkpoint.slippage_bps >= 10_000:
        yield f"slippage_bps: {checkpoint.slippage_bps} is the whole price or more"
    low, high = checkpoint.min_order_quantity, checkpoint.max_order_quantity
    if not (decimals.is_positive(low) and decimals.is_positive(high) and low <= high):
        yield f"min_order_quantity, max_order_quantity: {low} and {high} leave no order valid"
    name, config = checkpoint.latency_config_name, checkpoint.latency_config
    known = LATENCIES.get(name)
    if known is None and (name != CUSTOM or config is None):
        yield f"latency_config_name: {name!r} is unknown" if name != CUSTOM else "latency_config: missing"
    elif config is not None and (known or config) != config:
        yield f"latency_config: is not what {name!r} means"
    if checkpoint.seed is not None and checkpoint.seed not in _SEEDS:
        yield f"seed: {checkpoint.seed} does not fit 64 bits"
    for name in ("draws", "executions"):
        if (getattr(checkpoint, name) or 0) < 0:
            yield f"{name}: {getattr(checkpoint, name)} is negative"


def _in_orders(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    for order_id in checkpoint.pending_orders.keys() & checkpoint.completed_orders.keys():
        yield f'pending_orders["{order_id}"]: is among completed_orders too'
    for name, orders in _orders(checkpoint):
        complete = name == "completed_orders"
        for order_id, order in orders.items():
            if order.order_id != order_id:
                yield f'{name}["{order_id}"]: its order_id is "{order.order_id}"'
            if order.is_complete() is not complete:
                yield f'{name}["{order_id}"]: is {order.status}'
            for fault in faults_of(order):
                yield f'{name}["{order_id}"]{fault}'


def _in_executions(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    orders = [order for _, found in _orders(checkpoint) for order in found.values()]
    ids = [execution.execution_id for order in orders for execution in order.executions]
    if len(set(ids)) < len(ids):
        for execution_id, count in Counter(ids).items():
            if count > 1:
                yield f'executions: "{execution_id}" stands in orders {count} times'
    last = max(numbers_in_use(checkpoint), default=0)
    if checkpoint.executions is not None and 0 <= checkpoint.executions < last:
        yield f"executions: {checkpoint.executions} were counted, but the id of number {last} is in use"
    seen = set[str]()
    for index, execution in enumerate(checkpoint.unreported_executions):
        if execution.execution_id in seen:
            yield f"unreported_executions[{index}]: stands there twice"
        seen.add(execution.execution_id)
        order_id = execution.order_id
        order = checkpoint.pending_orders.get(order_id) or checkpoint.completed_orders.get(order_id)
        if order is None or execution not in order.executions:
            yield f'unreported_executions[{index}]: order "{order_id}" has no such execution'


def _in_actions(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    if checkpoint.actions is None:
        return
    counts = Counter((action.action_type, action.order_id) for action in checkpoint.actions)
    for (kind, order_id), count in counts.items():
        if count > 1:
            yield f'actions: {count} of type {kind} for order "{order_id}"'
    for index, action in enumerate(checkpoint.actions):
        for fault in _in_action(action, checkpoint):
            yield f'actions[{index}]: {action.action_type} for order "{action.order_id}": {fault}'
    for order_id, order in checkpoint.pending_orders.items():
        if order.status is OrderStatus.NEW and not counts[ActionType.SUBMIT, order_id]:
            yield f'pending_orders["{order_id}"]: is new, and no action is queued that submits it'


def _in_action(action: PendingAction, checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    order = checkpoint.pending_orders.get(action.order_id)
    if order is None:
        yield "it is complete" if action.order_id in checkpoint.completed_orders else "there is no such order"
    elif (order.status is OrderStatus.NEW) not in _IS_NEW[action.action_type]:
        yield f"it is {order.status}"
    if action.data.keys() != ({"price"} if action.action_type is ActionType.FILL else set()):
        yield f"its data is {action.data}"
    elif action.data and not decimals.is_positive(action.data["price"]):
        yield f"{action.data['price']} is no price"


def _in_times(checkpoint: ExecutionCheckpoint) -> Iterator[str]:
    if checkpoint.time_given and checkpoint.current_time is None:
        yield "time_given: there is no current_time"
    found = {name: {time.tzinfo is None for time in times if time} for name, times in _times(checkpoint)}
    naive = [name for name, kinds in found.items() if True in kinds]
    aware = [name for name, kinds in found.items() if False in kinds]
    if naive and aware:
        yield f"times are mixed: naive in {', '.join(naive)}; aware in {', '.join(aware)}"


def _times(checkpoint: ExecutionCheckpoint) -> Iterator[tuple[str, Iterable[datetime | None]]]:
    """All times that must be of one kind; without a clock, the checkpoint's own is the wall clock's."""
    if checkpoint.current_time is not None or checkpoint.pending_orders or checkpoint.completed_orders:
        yield "checkpoint_timestamp", [checkpoint.checkpoint_timestamp]
    yield "current_time", [checkpoint.current_time]
    yield "actions", [action.scheduled_time for action in checkpoint.actions or ()]
    yield "unreported_executions", [execution.timestamp for execution in checkpoint.unreported_executions]
    for name, orders in _orders(checkpoint):
        for time in _TIMES:
            yield f"{name}: {time}", [getattr(order, time) for order in orders.values()]
        yield f"{name}: executions", [one.timestamp for order in orders.values() for one in order.executions]


def _orders(checkpoint: ExecutionCheckpoint) -> list[tuple[str, dict[str, Order]]]:
    return [(name, getattr(checkpoint, name)) for name in _ORDERS]
