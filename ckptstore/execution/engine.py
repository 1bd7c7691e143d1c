"""What happens inside a simulator: actions carried out, orders filled, the account kept."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING

from ckptstore.execution import decimals, fills
from ckptstore.execution.actions import ActionType, PendingAction, PendingActionQueue
from ckptstore.execution.book import OrderBook
from ckptstore.execution.clock import Clock, later
from ckptstore.execution.latency import LATENCY_INSTANT, Draws, LatencyConfig
from ckptstore.execution.orders import Order, OrderExecution, OrderStatus, RejectionReason
from ckptstore.execution.risk import RiskChecker
from ckptstore.execution.rules import RiskConfig
from ckptstore.execution.validation import OrderValidator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

_ZERO = Decimal(0)
_WHOLE = Decimal(10000)


class Engine:
    """The account, its orders and the actions to come; whoever calls has checked what it gives."""

    def __init__(  # noqa: PLR0913, PLR0917 - the settings of an account, each with a name
        self,
        initial_cash: Decimal,
        slippage_bps: Decimal = Decimal(5),
        commission_per_share: Decimal = Decimal(0),
        latency_config: LatencyConfig = LATENCY_INSTANT,
        risk_config: RiskConfig | None = None,
        simulator_id: str | None = None,
        seed: int | None = None,
    ) -> None:
        self.initial_cash = decimals.not_negative(initial_cash, "initial_cash")
        self.slippage_bps = decimals.not_negative(slippage_bps, "slippage_bps")
        if self.slippage_bps >= _WHOLE:
            raise ValueError(f"slippage_bps must be below {_WHOLE}, which is the whole price, not {slippage_bps}")
        self.commission_per_share = decimals.not_negative(commission_per_share, "commission_per_share")
        self.latency_config = latency_config
        self.simulator_id = f"sim-{os.urandom(16).hex()}" if simulator_id is None else simulator_id
        check_name(self.simulator_id, "simulator_id")
        self.cash = self.initial_cash
        self.positions: dict[str, Decimal] = {}
        self.last_prices: dict[str, Decimal] = {}
        self.action_queue = PendingActionQueue()
        self.validator = OrderValidator()
        self.risk_checker = RiskChecker(RiskConfig() if risk_config is None else risk_config)
        self.risk_checker.update_state(self.cash)
        self._book = OrderBook()
        self._clock = Clock()
        self._draws = Draws(seed)
        self._executions = 0
        self._unreported: list[OrderExecution] = []

    @property
    def pending_orders(self) -> dict[str, Order]:
        """Orders to which something may still happen, by id."""
        return self._book.pending

    @property
    def completed_orders(self) -> dict[str, Order]:
        """Orders that are filled, rejected or cancelled, by id."""
        return self._book.completed

    @property
    def current_time(self) -> datetime | None:
        """The moment of the last event; None as long as no time was given."""
        return self._clock.now

    def get_account_value(self, current_prices: Mapping[str, Decimal]) -> Decimal:
        """
        Cash and positions at `current_prices`, at the last known price where that names none.

        `ValueError` for a position without either.
        """
        value = self.cash
        for symbol, quantity in self.positions.items():
            price = current_prices.get(symbol, self.last_prices.get(symbol))
            if price is None:
                raise ValueError(f"no price of {symbol} is known: give one in current_prices")
            value = decimals.add(value, decimals.multiply(quantity, price))
        return value

    def _pass_time(self, moment: datetime, *, given: bool) -> None:
        """Set the clock, and carry out what is due by then."""
        self._clock.move(moment, given=given)
        executed = self._executions
        for action in self.action_queue.get_due_actions(moment):
            self._carry_out(action)
        if self._executions > executed:
            self._note_value()

    def _take_price(self, symbol: str, price: Decimal, moment: datetime | None) -> None:
        """Set a price, and fill what it fills; without a moment there are no orders yet."""
        executed = self._executions
        self.last_prices[symbol] = price
        if moment is not None:
            shortest, longest = self.latency_config.fill_latency_min, self.latency_config.fill_latency_max
            for order in self._book.take_reached(symbol, price):
                latency = self._draws.between(shortest, longest)
                self._act(PendingAction(ActionType.FILL, order.order_id, moment, {"price": price}), latency)
        if symbol in self.positions or self._executions > executed:
            self._note_value()

    def _act(self, action: PendingAction, latency: timedelta) -> None:
        """Carry out an action at once, or schedule it."""
        if latency:
            action.scheduled_time = later(action.scheduled_time, latency)
            self.action_queue.add_action(action)
        else:
            self._carry_out(action)

    def _carry_out(self, action: PendingAction) -> None:
        order, at = self.pending_orders.get(action.order_id), action.scheduled_time
        if order is None:
            return  # completed by an action that came due together with this one
        if action.action_type is ActionType.SUBMIT:
            self._book.submitted(order, at)
        elif action.action_type is ActionType.FILL:
            self._fill(order, action.data["price"], at)
        else:
            order.status = OrderStatus.CANCELLED
            order.cancelled_at = at
            self._complete(order)

    def _fill(self, order: Order, market_price: Decimal, at: datetime) -> None:
        fill = fills.fill(order, market_price, self.slippage_bps, self.commission_per_share)
        held = self.positions.get(order.symbol, _ZERO)
        shortage = fills.shortage(order, fill, self.cash, held)
        if shortage is not None:
            self._reject(order, RejectionReason.INSUFFICIENT_FUNDS, shortage, at)
            return
        self.cash = decimals.add(self.cash, fill.cash)
        self.positions[order.symbol] = decimals.add(held, fill.shares)
        if not self.positions[order.symbol]:
            del self.positions[order.symbol]
        self._executions += 1
        execution = OrderExecution(
            execution_id=f"{self.simulator_id}-exec-{self._executions}",
            order_id=order.order_id,
            timestamp=at,
            quantity=fill.quantity,
            price=fill.price,
            commission=fill.commission,
            is_partial=False,
        )
        order.add_execution(execution)
        self._unreported.append(execution)
        self._complete(order)

    def _reject(self, order: Order, reason: RejectionReason, message: str, at: datetime) -> None:
        order.reject(reason, message, at)
        self._complete(order)

    def _complete(self, order: Order) -> None:
        self.action_queue.cancel_order_actions(order.order_id)
        self._book.complete(order)

    def _note_value(self) -> None:
        """Tell the risk checker what the account is worth, if the price of everything it holds is known."""
        if all(symbol in self.last_prices for symbol in self.positions):
            self.risk_checker.update_state(self.get_account_value({}))


def check_name(name: str, what: str) -> None:
    """`TypeError` unless it is a str, `ValueError` if it is empty."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {name!r}")
    if not name:
        raise ValueError(f"{what} must not be empty")
