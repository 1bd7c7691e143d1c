"""What has become of a simulated account: the sums that the demo shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckptstore.execution import ExecutionSimulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Money is in US dollars. `statuses` counts the orders by their status, `rejected` those refused by the reason."""

    cash: Decimal
    value: Decimal
    return_pct: Decimal
    commission: Decimal
    positions: Mapping[str, Decimal]
    orders: int
    executions: int
    statuses: Mapping[str, int]
    rejected: Mapping[str, int]


def account_of(simulator: ExecutionSimulator) -> Account:
    """The sums of `simulator`, its positions valued at the last prices."""
    orders = [*simulator.completed_orders.values(), *simulator.pending_orders.values()]
    value = simulator.get_account_value({})
    return Account(
        cash=simulator.cash,
        value=value,
        return_pct=((value / simulator.initial_cash - 1) * 100).quantize(Decimal("0.01")),
        commission=sum((order.total_commission for order in orders), Decimal(0)),
        positions=dict(sorted(simulator.positions.items())),
        orders=len(orders),
        executions=sum(len(order.executions) for order in orders),
        statuses=_counted(str(order.status) for order in orders),
        rejected=_counted(str(order.rejection_reason) for order in orders if order.rejection_reason is not None),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    """Each word and how often it comes, the most frequent first."""
    return dict(Counter(sorted(words)).most_common())
