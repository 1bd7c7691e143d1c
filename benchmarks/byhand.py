"""The plain manner of saving a simulator: a dict for each object, field by field, and `json.dump`, never synced."""

from __future__ import annotations

import json
import os
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ckptstore.execution import (
    ExecutionSimulator,
    Order,
    OrderExecution,
    OrderSide,
    OrderStatus,
    OrderType,
    RejectionReason,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ("checkpoint.json", "latest.json")


def save(simulator: ExecutionSimulator, folder: str) -> None:
    """Write the simulator into two files, the checkpoint and the latest, readable."""
    data = _simulator_dict(simulator)
    for name in FILES:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)


def load(folder: str) -> ExecutionSimulator:
    """A simulator with the account and the orders of `latest.json`."""
    with open(os.path.join(folder, FILES[1]), encoding="utf-8") as file:
        data = json.load(file)
    simulator = ExecutionSimulator(Decimal(data["initial_cash"]), simulator_id=data["simulator_id"], seed=data["seed"])
    simulator.cash = Decimal(data["cash"])
    simulator.positions.update({symbol: Decimal(quantity) for symbol, quantity in data["positions"].items()})
    simulator.last_prices.update({symbol: Decimal(price) for symbol, price in data["last_prices"].items()})
    for name, orders in (
        ("pending_orders", simulator.pending_orders),
        ("completed_orders", simulator.completed_orders),
    ):
        for order_id, order in data[name].items():
            orders[order_id] = _order(order)
    return simulator


def _simulator_dict(simulator: ExecutionSimulator) -> dict[str, Any]:
    state = simulator.state()
    return {
        "version": "1",
        "simulator_id": state.simulator_id,
        "initial_cash": str(state.initial_cash),
        "cash": str(state.cash),
        "positions": {symbol: str(quantity) for symbol, quantity in state.positions.items()},
        "last_prices": {symbol: str(price) for symbol, price in state.last_prices.items()},
        "pending_orders": {order_id: _order_dict(order) for order_id, order in state.pending_orders.items()},
        "completed_orders": {order_id: _order_dict(order) for order_id, order in state.completed_orders.items()},
        "current_time": _text(state.current_time),
        "seed": state.seed,
    }


def _order_dict(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "order_type": order.order_type.value,
        "quantity": str(order.quantity),
        "created_at": order.created_at.isoformat(),
        "status": order.status.value,
        "limit_price": None if order.limit_price is None else str(order.limit_price),
        "stop_price": None if order.stop_price is None else str(order.stop_price),
        "submitted_at": _text(order.submitted_at),
        "filled_quantity": str(order.filled_quantity),
        "avg_fill_price": str(order.avg_fill_price),
        "total_commission": str(order.total_commission),
        "executions": [_execution_dict(execution) for execution in order.executions],
        "rejected_at": _text(order.rejected_at),
        "rejection_reason": order.rejection_reason and order.rejection_reason.value,
        "rejection_message": order.rejection_message,
        "cancelled_at": _text(order.cancelled_at),
    }


def _execution_dict(execution: OrderExecution) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "order_id": execution.order_id,
        "timestamp": execution.timestamp.isoformat(),
        "quantity": str(execution.quantity),
        "price": str(execution.price),
        "commission": str(execution.commission),
        "is_partial": execution.is_partial,
    }


def _order(data: dict[str, Any]) -> Order:
    return Order(
        order_id=data["order_id"],
        symbol=data["symbol"],
        side=OrderSide(data["side"]),
        order_type=OrderType(data["order_type"]),
        quantity=Decimal(data["quantity"]),
        created_at=datetime.fromisoformat(data["created_at"]),
        status=OrderStatus(data["status"]),
        limit_price=_maybe(data["limit_price"], Decimal),
        stop_price=_maybe(data["stop_price"], Decimal),
        submitted_at=_maybe(data["submitted_at"], datetime.fromisoformat),
        filled_quantity=Decimal(data["filled_quantity"]),
        avg_fill_price=Decimal(data["avg_fill_price"]),
        total_commission=Decimal(data["total_commission"]),
        executions=[_execution(execution) for execution in data["executions"]],
        rejected_at=_maybe(data["rejected_at"], datetime.fromisoformat),
        rejection_reason=_maybe(data["rejection_reason"], RejectionReason),
        rejection_message=data["rejection_message"],
        cancelled_at=_maybe(data["cancelled_at"], datetime.fromisoformat),
    )


def _execution(data: dict[str, Any]) -> OrderExecution:
    return OrderExecution(
        execution_id=data["execution_id"],
        order_id=data["order_id"],
        timestamp=datetime.fromisoformat(data["timestamp"]),
        quantity=Decimal(data["quantity"]),
        price=Decimal(data["price"]),
        commission=Decimal(data["commission"]),
        is_partial=data["is_partial"],
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _maybe(value: Any, read: Callable[[str], Any]) -> Any:  # noqa: ANN401 - whatever `read` gives
    return None if value is None else read(value)
