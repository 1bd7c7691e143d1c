"""What is to happen later: actions, and the queue that gives them back in the order of their times."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003 - whoever decodes actions reads the annotations
from decimal import Decimal  # noqa: TC003 - as above
from enum import auto

from ckptstore.execution.clock import check_same_kind, instant
from ckptstore.execution.words import Word


class ActionType(Word):
    """What is done to an order."""

    SUBMIT = auto()
    FILL = auto()
    CANCEL = auto()


@dataclass(slots=True)
class PendingAction:
    """What is to be done to an order, and when; `data` of a FILL holds the `price` that triggered it."""

    action_type: ActionType
    order_id: str
    scheduled_time: datetime
    data: dict[str, Decimal] = field(default_factory=dict)

    def copy(self) -> PendingAction:
        """An equal action that shares nothing mutable with this one."""
        return replace(self, data=dict(self.data))


class PendingActionQueue:
    """
    Gives actions back in the order of their times; those of equal times in the order they were added.

    Times are all naive or all aware: `ValueError` for a mixture. Adding and taking cost the logarithm of what is
    pending; dropping an order's actions costs what the order has.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, PendingAction]] = []
        self._of_order: dict[str, dict[int, PendingAction]] = {}
        self._added = 0
        self._count = 0

    @property
    def actions(self) -> list[PendingAction]:
        """All pending actions, in the order they will be carried out: a new list."""
        in_order = sorted(self._heap, key=lambda entry: entry[:2])
        return [action for _, number, action in in_order if self._has(number, action)]

    def add_action(self, action: PendingAction) -> None:
        """Add `action`, to be carried out after all of its time or earlier."""
        self._check_kind(action.scheduled_time, "scheduled_time")
        heapq.heappush(self._heap, (instant(action.scheduled_time), self._added, action))
        self._of_order.setdefault(action.order_id, {})[self._added] = action
        self._added += 1
        self._count += 1

    def get_due_actions(self, now: datetime) -> list[PendingAction]:
        """Remove and return the actions of `now` and earlier, in the order of their times."""
        self._check_kind(now, "now")
        limit, due = instant(now), []
        while self._heap and self._heap[0][0] <= limit:
            _, number, action = heapq.heappop(self._heap)
            if self._has(number, action):
                self._forget(number, action)
                due.append(action)
        return due

    def cancel_order_actions(self, order_id: str, action_type: ActionType | None = None) -> int:
        """Drop every action of an order, or those of one type, and return how many there were."""
        own = self._of_order.pop(order_id, {})
        kept = {n: action for n, action in own.items() if action_type not in (None, action.action_type)}
        if kept:
            self._of_order[order_id] = kept
        dropped = len(own) - len(kept)
        self._count -= dropped
        if len(self._heap) > 2 * self._count:  # what was dropped leaves the heap when it is most of it
            self._heap = [entry for entry in self._heap if self._has(entry[1], entry[2])]
            heapq.heapify(self._heap)
        return dropped

    def get_pending_count(self) -> int:
        """How many actions are pending."""
        return self._count

    def get_pending_for_order(self, order_id: str) -> list[PendingAction]:
        """The pending actions of an order, in the order they will be carried out."""
        own = self._of_order.get(order_id, {})
        return [own[number] for number in sorted(own, key=lambda number: (instant(own[number].scheduled_time), number))]

    def clear(self) -> None:
        """Drop everything."""
        self._heap.clear()
        self._of_order.clear()
        self._count = 0

    def _has(self, number: int, action: PendingAction) -> bool:
        return number in self._of_order.get(action.order_id, ())

    def _forget(self, number: int, action: PendingAction) -> None:
        own = self._of_order[action.order_id]
        del own[number]
        if not own:
            del self._of_order[action.order_id]
        self._count -= 1

    def _check_kind(self, moment: datetime, name: str) -> None:
        if self._heap:
            check_same_kind(moment, name, self._heap[0][2].scheduled_time, "the queue's")
