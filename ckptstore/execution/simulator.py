"""The simulator: orders in, prices in, executions out, and a state from which it goes on as if never stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from ckptstore.execution import decimals
from ckptstore.execution.actions import ActionType, PendingAction
from ckptstore.execution.book import OrderBook
from ckptstore.execution.clock import Clock
from ckptstore.execution.engine import Engine, check_name
from ckptstore.execution.latency import Draws
from ckptstore.execution.orders import Order, OrderExecution, OrderStatus, RejectionReason
from ckptstore.execution.state import SimulatorState
from ckptstore.execution.validation import OrderValidator

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


class ExecutionSimulator(Engine):
    """
    Executes orders against a stream of prices, exactly: cash never gains or loses a digit to rounding.

    Each call is an event at its timestamp; the rules for one without are those of `Clock`. Whatever was due by then is
    carried out first, each action at its own time. A call that raises changes nothing, but for one within a latency of
    the year 10000, where datetimes end. Slippage is what trading costs: it is added to the price that filled a limit
    order too. It is not safe for use from several threads at once.

    `initial_cash` and `commission_per_share` are in account currency, `slippage_bps` in hundredths of a percent, below
    10,000. `simulator_id` None stands for a fresh one. `TypeError` or `ValueError` for what makes no sense.
    """

    def submit_order(self, order: Order, timestamp: datetime | None = None) -> Order:
        """
        Check `order` and take it on: risk first, then the validator. Returns it: this very object lives on in here.

        A refused order is REJECTED and goes to `completed_orders`. The one exception is an id that is known already:
        the order of that id stays as it is, and what is returned is rejected as DUPLICATE_ORDER and kept nowhere (a
        copy, if the same object was submitted again). `ValueError` for an order that is not NEW.
        """
        check_name(order.order_id, "order_id")
        moment = self._clock.moment_of_submission(timestamp, order.created_at)
        known = self.get_order(order.order_id)
        if known is None and (order.status is not OrderStatus.NEW or order.executions):
            raise ValueError(f"order {order.order_id} is {order.status}: only a NEW order can be submitted")
        self._pass_time(moment, given=timestamp is not None)
        if known is not None:
            duplicate = order.copy() if order is known else order
            message = f"order id {order.order_id} is taken, by an order that is {known.status}"
            duplicate.reject(RejectionReason.DUPLICATE_ORDER, message, moment)
            return duplicate
        refusal = self._refusal(order)
        if refusal is not None:
            self._reject(order, *refusal, moment)
            return order
        self.pending_orders[order.order_id] = order
        self._act(PendingAction(ActionType.SUBMIT, order.order_id, moment), self.latency_config.submission_latency)
        return order

    def process_market_data(
        self,
        symbol: str,
        price: Decimal,
        timestamp: datetime | None = None,
    ) -> list[OrderExecution]:
        """
        Take note of a price and fill what it fills; actions that are due are carried out before.

        Returns every execution since the last call, in the order they happened: those that came due at a submit or a
        cancel in between are among them. `ValueError` for a price that is not a positive number.
        """
        check_name(symbol, "symbol")
        price = decimals.positive(price, f"price of {symbol}")
        moment = self._clock.moment(timestamp)
        if moment is not None:
            self._pass_time(moment, given=timestamp is not None)
        self._take_price(symbol, price, moment)
        executions, self._unreported = self._unreported, []
        return executions

    def cancel_order(self, order_id: str, timestamp: datetime | None = None) -> Order | None:
        """
        Ask for an order to be cancelled; returns it, or None if there is nothing to cancel: unknown or complete.

        A fill that is scheduled for it is dropped at once. The cancel takes effect after `cancel_latency`; until then
        the order is live: another price may fill it. Asking again drops no more than such a fill.
        """
        moment = self._clock.moment(timestamp)
        if moment is None:
            return None
        self._pass_time(moment, given=timestamp is not None)
        order = self.pending_orders.get(order_id)
        if order is None:
            return None
        if self.action_queue.cancel_order_actions(order_id, ActionType.FILL):
            self._book.wait(order)
        scheduled = self.action_queue.get_pending_for_order(order_id)
        if all(action.action_type is not ActionType.CANCEL for action in scheduled):
            self._act(PendingAction(ActionType.CANCEL, order_id, moment), self.latency_config.cancel_latency)
        return order

    def get_order(self, order_id: str) -> Order | None:
        """The order, pending or complete, or None."""
        return self._book.get(order_id)

    def enable_trading(self) -> None:
        """Take orders again."""
        self.risk_checker.enable_trading()

    def disable_trading(self) -> None:
        """Refuse every new order; those that are pending go on."""
        self.risk_checker.disable_trading()

    def reset_daily_risk_tracking(self) -> None:
        """Begin a day: the daily drawdown counts from what the account is worth at the last known prices."""
        self.risk_checker.reset_daily_tracking(self.get_account_value({}))

    def state(self) -> SimulatorState:
        """
        A snapshot of everything; what happens later does not show in it.

        Complete orders are shared with it, for nothing changes them any more.
        """
        return SimulatorState(
            simulator_id=self.simulator_id,
            initial_cash=self.initial_cash,
            cash=self.cash,
            positions=dict(self.positions),
            last_prices=dict(self.last_prices),
            pending_orders={order_id: order.copy() for order_id, order in self.pending_orders.items()},
            completed_orders=dict(self.completed_orders),
            actions=tuple(action.copy() for action in self.action_queue.actions),
            unreported_executions=tuple(self._unreported),
            current_time=self._clock.now,
            time_given=self._clock.given,
            seed=self._draws.seed,
            draws=self._draws.count,
            executions=self._executions,
            slippage_bps=self.slippage_bps,
            commission_per_share=self.commission_per_share,
            latency_config=self.latency_config,
            risk_config=replace(self.risk_checker.risk_config),
            trading_enabled=self.risk_checker.trading_enabled,
            peak_value=self.risk_checker.peak_value,
            daily_start_value=self.risk_checker.daily_start_value,
            min_order_quantity=self.validator.min_order_quantity,
            max_order_quantity=self.validator.max_order_quantity,
        )

    @classmethod
    def from_state(cls, state: SimulatorState) -> Self:
        """
        The simulator that goes on from `state` as the one it was taken from does; `state` stays as it is.

        `TypeError` or `ValueError` for settings that make no sense; whether orders and actions agree is not checked.
        """
        simulator = cls(
            initial_cash=state.initial_cash,
            slippage_bps=state.slippage_bps,
            commission_per_share=state.commission_per_share,
            latency_config=state.latency_config,
            risk_config=replace(state.risk_config),
            simulator_id=state.simulator_id,
            seed=state.seed,
        )
        simulator._restore(state)
        return simulator

    def _refusal(self, order: Order) -> tuple[RejectionReason, str] | None:
        refusal = self.risk_checker.check_order(order, self.positions, self.last_prices, self.cash)
        if refusal is not None:
            return refusal
        result = self.validator.validate(order, self.cash, self.positions, self.last_prices)
        if result.is_valid:
            return None
        return result.rejection_reason or RejectionReason.UNKNOWN, result.message or "the order is not valid"

    def _restore(self, state: SimulatorState) -> None:
        self.cash = state.cash
        self.positions = dict(state.positions)
        self.last_prices = dict(state.last_prices)
        for action in state.actions:
            self.action_queue.add_action(action.copy())
        filling = {action.order_id for action in state.actions if action.action_type is ActionType.FILL}
        self._book = OrderBook.restored(state.pending_orders, state.completed_orders, filling)
        self.validator = OrderValidator(state.min_order_quantity, state.max_order_quantity)
        self.risk_checker.trading_enabled = state.trading_enabled
        self.risk_checker.peak_value = state.peak_value
        self.risk_checker.daily_start_value = state.daily_start_value
        self._clock = Clock(state.current_time, given=state.time_given)
        self._draws = Draws(state.seed, state.draws)
        self._executions = state.executions
        self._unreported = list(state.unreported_executions)
