"""The queue of pending actions: in the order of time, and by order."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading import START, at

from ckptstore.execution import ActionType, PendingAction, PendingActionQueue

BERLIN = ZoneInfo("Europe/Berlin")


def action(order_id: str, milliseconds: int, kind: ActionType = ActionType.FILL) -> PendingAction:
    """An action so many milliseconds after the start."""
    return PendingAction(kind, order_id, at(milliseconds))


def filled(*actions: PendingAction) -> PendingActionQueue:
    """A queue with these actions, added in this order."""
    queue = PendingActionQueue()
    for each in actions:
        queue.add_action(each)
    return queue


def test_order_of_time() -> None:
    """Actions are due in the order of their times, and those of equal times in the order they were added."""
    queue = filled(action("c", 20), action("a", 10), action("d", 20), action("b", 10))

    assert [each.order_id for each in queue.actions] == ["a", "b", "c", "d"]
    assert [each.order_id for each in queue.get_due_actions(at(20))] == ["a", "b", "c", "d"]


def test_due_are_removed() -> None:
    """What is due now or earlier is given once; what is due later stays."""
    queue = filled(action("a", 10), action("b", 11))

    assert [each.order_id for each in queue.get_due_actions(at(10))] == ["a"]
    assert queue.get_due_actions(at(10)) == []
    assert [each.order_id for each in queue.actions] == ["b"]
    assert queue.get_pending_count() == 1


def test_cancel_drops_all_of_an_order() -> None:
    """A cancel drops every action of one order, says how many, and leaves the others."""
    queue = filled(action("a", 10, ActionType.SUBMIT), action("b", 15), action("a", 20))

    assert queue.cancel_order_actions("a") == 2
    assert queue.cancel_order_actions("a") == 0
    assert (queue.get_pending_for_order("a"), queue.get_pending_count()) == ([], 1)
    assert [each.order_id for each in queue.get_due_actions(at(99))] == ["b"]


def test_pending_for_order() -> None:
    """The actions of an order come in the order of their times, and stay pending."""
    queue = filled(action("a", 20), action("b", 15), action("a", 10, ActionType.SUBMIT))

    assert [each.action_type for each in queue.get_pending_for_order("a")] == [ActionType.SUBMIT, ActionType.FILL]
    assert queue.get_pending_count() == 3


def test_clear() -> None:
    """A cleared queue is empty, and can be filled again, with times of the other kind too."""
    queue = filled(action("a", 10))
    queue.clear()

    assert (queue.actions, queue.get_pending_count(), queue.get_due_actions(at(99))) == ([], 0, [])
    queue.add_action(PendingAction(ActionType.FILL, "b", START.replace(tzinfo=None)))
    assert queue.get_pending_count() == 1


def test_kinds_are_not_mixed() -> None:
    """A naive time beside aware ones is refused, by name, on the way in and on the way out."""
    queue = filled(action("a", 10))
    naive = START.replace(tzinfo=None)

    with pytest.raises(ValueError, match=r"is naive, but .* is aware"):
        queue.add_action(PendingAction(ActionType.FILL, "b", naive))
    with pytest.raises(ValueError, match=r"is naive, but .* is aware"):
        queue.get_due_actions(naive)


def test_clock_set_back() -> None:
    """In the hour that a zone lives twice, the second time is later, whatever the clock on the wall shows."""
    second = datetime(2024, 10, 27, 2, 10, tzinfo=BERLIN, fold=1)
    first = datetime(2024, 10, 27, 2, 50, tzinfo=BERLIN)
    queue = filled(PendingAction(ActionType.FILL, "second", second), PendingAction(ActionType.FILL, "first", first))

    assert [each.order_id for each in queue.actions] == ["first", "second"]
    assert [each.order_id for each in queue.get_due_actions(first)] == ["first"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abcd"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.sampled_from("abcd"), st.just(0)),
        st.tuples(st.just("due"), st.just(""), st.integers(0, 9)),
    ),
    max_size=40,
)


@settings(derandomize=True, database=None, deadline=None)
@given(STEPS)
def test_like_a_sorted_list(steps: list[tuple[str, str, int]]) -> None:
    """Whatever is added, cancelled and taken, the queue is a list sorted by time, stable for equal times."""
    queue, model = PendingActionQueue(), list[PendingAction]()
    for step, order_id, time in steps:
        if step == "add":
            queue.add_action(action(order_id, time))
            model = sorted([*model, action(order_id, time)], key=lambda each: each.scheduled_time)
        elif step == "cancel":
            assert queue.cancel_order_actions(order_id) == sum(each.order_id == order_id for each in model)
            model = [each for each in model if each.order_id != order_id]
        else:
            assert queue.get_due_actions(at(time)) == [each for each in model if each.scheduled_time <= at(time)]
            model = [each for each in model if each.scheduled_time > at(time)]

        assert queue.actions == model
        assert queue.get_pending_count() == len(model)
        assert queue.get_pending_for_order("a") == [each for each in model if each.order_id == "a"]
