"""The registry of orders: each saved whole, found by what it is, and removed for good."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from places import InMemory
from trading import START, at, buy, holding, sell

from ckptstore import CheckpointConflict, CheckpointStore, VersionMismatch
from ckptstore.execution import Order, OrderRegistry, OrderStatus, RejectionReason

if TYPE_CHECKING:
    from pathlib import Path


def registry(*orders: Order) -> OrderRegistry:
    """A registry with these."""
    made = OrderRegistry("memory://")
    for order in orders:
        made.save_order(order)
    return made


def ids(orders: list[Order]) -> list[str]:
    """Which orders they are."""
    return [order.order_id for order in orders]


def filled() -> Order:
    """A filled order."""
    return holding().completed_orders["first"]


@pytest.mark.parametrize("root", ["folder", "memory"])
def test_it_comes_back(root: str, tmp_path: Path) -> None:
    """An order loads as it was saved, executions included, in another registry too."""
    place = InMemory()
    url = tmp_path if root == "folder" else place.url
    OrderRegistry(url).save_order(filled())

    assert repr(OrderRegistry(url).load_order("first")) == repr(filled())
    assert OrderRegistry(url).get_executions("first") == filled().executions


def test_saved_again() -> None:
    """A second save replaces the first, and nothing of that is kept."""
    place = InMemory()
    orders, order = OrderRegistry(place.url), buy()
    orders.save_order(order)
    order.reject(RejectionReason.MARKET_CLOSED, "closed", at(1))
    orders.save_order(order)

    assert orders.load_order("buy") == order
    assert len(orders.list_orders()) == 1
    assert [checkpoint.number for checkpoint in CheckpointStore(place.url).checkpoints("buy")] == [2]


def test_unknown() -> None:
    """An order that is not there is a `FileNotFoundError`, and cannot be deleted."""
    orders = registry()

    with pytest.raises(FileNotFoundError):
        orders.load_order("none")
    with pytest.raises(FileNotFoundError):
        orders.get_executions("none")
    assert not orders.delete_order("none")
    assert orders.list_orders() == []


def test_deleted() -> None:
    """A deleted order is gone, and its id can be used again."""
    orders = registry(buy("a"), buy("b"))

    assert orders.delete_order("a")
    assert not orders.delete_order("a")
    assert ids(orders.list_orders()) == ["b"]
    orders.save_order(sell("a"))
    assert orders.load_order("a") == sell("a")


def test_newest_first() -> None:
    """A list goes by the time of creation, then by id, whatever was saved first and whatever zone times are in."""
    east = timezone(timedelta(hours=9))
    orders = registry(
        buy("b", created_at=at(1)), buy("a", created_at=at(1)), buy("c", created_at=at(2).astimezone(east)), buy("d")
    )

    assert ids(orders.list_orders()) == ["c", "b", "a", "d"]
    assert ids(orders.list_orders(limit=2)) == ["c", "b"]
    assert orders.list_orders(limit=0) == []


def test_a_repeated_hour() -> None:
    """When the clock is set back, what was created in the second hour is newer than in the first."""
    half_past = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    orders = registry(
        buy("second", created_at=half_past.replace(fold=1)), buy("first", created_at=half_past.replace(minute=59))
    )

    assert ids(orders.list_orders()) == ["second", "first"]
    assert ids(orders.list_orders(since=half_past.replace(fold=1))) == ["second"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"symbol": "MSFT"}, ["c"]),
        ({"symbol": ""}, []),
        ({"status": OrderStatus.REJECTED}, ["b"]),
        ({"status": "new"}, ["c", "a"]),
        ({"since": at(1)}, ["c", "b"]),
        ({"until": at(1)}, ["b", "a"]),
        ({"since": at(1), "until": at(1)}, ["b"]),
        ({"symbol": "AAPL", "status": "new", "until": at(5), "limit": 1}, ["a"]),
    ],
)
def test_filters(wanted: dict[str, Any], found: list[str]) -> None:
    """Only orders that fit all that is given are listed; both ends of the time belong to it."""
    rejected = buy("b", created_at=at(1))
    rejected.reject(RejectionReason.UNKNOWN, "", at(1))
    orders = registry(buy("a", created_at=at(0)), rejected, buy("c", created_at=at(2), symbol="MSFT"))

    assert ids(orders.list_orders(**wanted)) == found


def test_naive_and_aware() -> None:
    """Naive and aware times are never compared: the error names them."""
    naive = START.replace(tzinfo=None)
    orders = registry(buy("a"))

    with pytest.raises(ValueError, match=r"since .* is naive, but created_at"):
        orders.list_orders(since=naive)
    orders.save_order(buy("b", created_at=naive))
    with pytest.raises(ValueError, match="created_at of order b"):
        orders.list_orders()
    assert ids(orders.list_orders(limit=None, symbol="AAPL", status="filled")) == []


@pytest.mark.parametrize(("argument", "value"), [("limit", -1), ("status", "unknown")])
def test_wrong_arguments(argument: str, value: object) -> None:
    """A status that does not exist and a negative limit are refused."""
    wrong: dict[str, Any] = {argument: value}

    with pytest.raises(ValueError, match=argument if argument == "limit" else "OrderStatus"):
        registry().list_orders(**wrong)


@pytest.mark.parametrize("order_id", ["../x", "a/b", "", ".", "nul", "x" * 201])
def test_unsafe_names(order_id: str, tmp_path: Path) -> None:
    """An order id that is no safe name is refused, and nothing is written outside of the registry."""
    orders = OrderRegistry(tmp_path / "root")

    with pytest.raises(ValueError, match="is not a safe name"):
        orders.save_order(buy(order_id))
    with pytest.raises(ValueError, match="is not a safe name"):
        orders.load_order(order_id)
    with pytest.raises(ValueError, match="is not a safe name"):
        orders.delete_order(order_id)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_registries() -> None:
    """A registry that has not seen what another saved cannot replace it."""
    place = InMemory()
    ours, theirs = OrderRegistry(place.url), OrderRegistry(place.url)
    ours.save_order(buy())
    theirs.save_order(buy(quantity="11"))

    with pytest.raises(CheckpointConflict):
        ours.save_order(buy(quantity="12"))
    assert ours.load_order("buy").quantity == Decimal(11)
    ours.save_order(buy(quantity="12"))


def test_not_ours(tmp_path: Path) -> None:
    """A run that a bare store has saved is named, rather than listed without its facts."""
    CheckpointStore(tmp_path).save("other", 1)

    with pytest.raises(VersionMismatch, match="run 'other', checkpoint 1: not saved by an OrderRegistry"):
        OrderRegistry(tmp_path).list_orders()


def test_removed_while_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that is removed while a list is made is left out of it, and the next one takes its place."""
    orders = registry(*(buy(name, created_at=datetime(2024, 1, day)) for day, name in enumerate("abc", 1)))  # noqa: DTZ001 - naive ones do
    load = orders.load_order

    def load_after_delete(order_id: str) -> Order:
        if order_id == "b":
            orders.delete_order("b")
        return load(order_id)

    monkeypatch.setattr(orders, "load_order", load_after_delete)
    assert ids(orders.list_orders(limit=2)) == ["c", "a"]
