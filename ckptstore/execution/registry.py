"""`OrderRegistry`: single orders on storage, each saved on its own."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ckptstore import CheckpointNotFound, CheckpointStore, Schema, VersionMismatch
from ckptstore.execution.clock import check_same_kind, instant
from ckptstore.execution.orders import Order, OrderExecution, OrderStatus

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping


class OrderRegistry:
    """
    Keeps orders, each as it was saved last: durable when `save_order` returns, whole or not at all.

    `storage_dir` is a folder or any URL that a `CheckpointStore` takes. Each order is a run of that store, so two
    registries that save the same order are two writers: the one that has not seen the other's gets a
    `CheckpointConflict`; to load the order, or to list it, is to have seen it. An order id is a safe name (1 to 200 of
    `A-Z a-z 0-9 . _ - = + @`): `ValueError` for any other.
    """

    def __init__(self, storage_dir: str | os.PathLike[str]) -> None:
        self._store = CheckpointStore(storage_dir, retention=1, schema=Schema("1.0.0", type=Order))

    def __repr__(self) -> str:
        return f"OrderRegistry({self._store!r})"

    def save_order(self, order: Order) -> None:
        """Save `order` in the place of what was saved under its id."""
        facts = {"symbol": order.symbol, "status": order.status.value, "created_at": order.created_at}
        self._store.save(order.order_id, order, metadata=facts)

    def load_order(self, order_id: str) -> Order:
        """The order as it was saved; `CheckpointNotFound`, which is a `FileNotFoundError`, if there is none."""
        return self._store.load(order_id, type=Order)

    def list_orders(
        self,
        symbol: str | None = None,
        status: OrderStatus | str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[Order]:
        """
        The orders that fit all that is given, newest first: by `created_at`, then by id; at most `limit`.

        `since` and `until` are both included. It reads the header of every order that there is, with a few small
        requests each, and in full those alone that are returned. `ValueError` where naive and aware times would have to
        be compared, and for a status that does not exist.
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be 0 or more, not {limit}")
        due = None if status is None else OrderStatus(status)
        listed: list[tuple[datetime, str]] = []
        for order_id in self._store.runs():
            facts = self._facts(order_id)
            if facts is None or symbol not in {None, facts["symbol"]} or (due and due.value != facts["status"]):
                continue
            if _is_between(since, facts["created_at"], until):
                listed.append((facts["created_at"], order_id))
        for created_at, order_id in listed:
            check_same_kind(
                created_at, f"created_at of order {order_id}", listed[0][0], f"that of order {listed[0][1]}"
            )
        listed.sort(key=lambda entry: (instant(entry[0]), entry[1]), reverse=True)
        return self._loaded((order_id for _, order_id in listed), limit)

    def get_executions(self, order_id: str) -> list[OrderExecution]:
        """The executions of an order, oldest first; `CheckpointNotFound` if there is no such order."""
        return self.load_order(order_id).executions

    def delete_order(self, order_id: str) -> bool:
        """Remove an order; False if there is none."""
        try:
            self._store.delete_run(order_id)
        except CheckpointNotFound:
            return False
        return True

    def _loaded(self, order_ids: Iterable[str], limit: int | None) -> list[Order]:
        """The first `limit` of these orders that have not been removed meanwhile."""
        found = list[Order]()
        for order_id in order_ids:
            if len(found) == limit:
                break
            with suppress(CheckpointNotFound):
                found.append(self.load_order(order_id))
        return found

    def _facts(self, order_id: str) -> Mapping[str, Any] | None:
        """What a listing needs to know of an order; None if it was removed meanwhile."""
        newest = self._store.latest(order_id)
        if newest is None:
            return None
        if isinstance(newest.metadata.get("created_at"), datetime):
            return newest.metadata
        raise VersionMismatch(f"run {order_id!r}, checkpoint {newest.number}: not saved by an OrderRegistry")


def _is_between(since: datetime | None, moment: datetime, until: datetime | None) -> bool:
    for name, bound in (("since", since), ("until", until)):
        if bound is not None:
            check_same_kind(bound, name, moment, "created_at")
    return (since is None or instant(since) <= instant(moment)) and (until is None or instant(moment) <= instant(until))
