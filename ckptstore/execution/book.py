"""Where an order is on its way: pending, waiting for a price, or complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore.execution import fills
from ckptstore.execution.orders import Order, OrderStatus, OrderType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from decimal import Decimal


class OrderBook:
    """
    Every order once, in `pending` or in `completed`, by its id.

    Those of `pending` that wait for a price of their symbol, because they are submitted and no fill is scheduled, are
    found without a look at any other. They wait, and stand in `pending`, in the order they were submitted.
    """

    def __init__(self) -> None:
        self.pending: dict[str, Order] = {}
        self.completed: dict[str, Order] = {}
        self._waiting: dict[str, dict[str, Order]] = {}

    @classmethod
    def restored(
        cls, pending: Mapping[str, Order], completed: Mapping[str, Order], fills_of: Collection[str]
    ) -> OrderBook:
        """A book of these orders, the pending ones copied; `fills_of` are the ids of those with a fill scheduled."""
        book = cls()
        book.pending = {order_id: order.copy() for order_id, order in pending.items()}
        book.completed = dict(completed)  # nothing changes a complete order, and copying 100,000 takes half a second
        for order in book.pending.values():
            if order.status is not OrderStatus.NEW and order.order_id not in fills_of:
                book._wait(order)
        return book

    def get(self, order_id: str) -> Order | None:
        """The order of that id, if there is one."""
        return self.pending.get(order_id) or self.completed.get(order_id)

    def submitted(self, order: Order, at: datetime) -> None:
        """The order is with the market: it waits for a price, behind all that came before it."""
        order.status = OrderStatus.SUBMITTED
        order.submitted_at = at
        self.wait(order)

    def wait(self, order: Order) -> None:
        """The order waits for a price (again), behind all others."""
        self.pending.pop(order.order_id, None)
        self.pending[order.order_id] = order
        self._wait(order)

    def take_reached(self, symbol: str, price: Decimal) -> list[Order]:
        """The orders that `price` fills; they wait no longer. Stops that it touches become market orders."""
        waiting = self._waiting.get(symbol)
        if waiting is None:
            return []
        reached = [order for order in waiting.values() if fills.is_reached(order, price)]
        taken = []
        for order in reached:
            if order.order_type is OrderType.STOP:
                order.order_type = OrderType.MARKET
            else:
                taken.append(order)
                self._wait_no_longer(order)
        return taken

    def complete(self, order: Order) -> None:
        """Nothing will happen to the order any more."""
        self.pending.pop(order.order_id, None)
        self._wait_no_longer(order)
        self.completed[order.order_id] = order

    def _wait(self, order: Order) -> None:
        self._waiting.setdefault(order.symbol, {})[order.order_id] = order

    def _wait_no_longer(self, order: Order) -> None:
        waiting = self._waiting.get(order.symbol, {})
        waiting.pop(order.order_id, None)
        if not waiting:
            self._waiting.pop(order.symbol, None)
