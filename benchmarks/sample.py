"""The state that everyone saves: about 2 KiB of plain JSON, a hundred leaves, as a trading job would have it."""

from __future__ import annotations

from typing import Any


def state() -> dict[str, Any]:
    """A tree of one's own; `step` is there to be counted up, so that no two saves are alike."""
    return {
        "step": 0,
        "job": "mean-reversion-eu",
        "clock": "2026-03-14T15:09:26.535897+00:00",
        "done": False,
        "account": {"currency": "EUR", "cash": "1043217.58", "margin": "250000.00", "fees": "1893.4125", "note": None},
        "positions": [_position(index) for index in range(9)],
        "orders": [_order(index) for index in range(7)],
        "metrics": {"sharpe": 1.8734519, "drawdown": -0.0412887, "hit_rate": 0.5371, "turnover": 12.75, "trades": 1893},
    }


def leaves(tree: object) -> int:
    """How many values a tree has that are neither list nor dict."""
    if isinstance(tree, (dict, list)):
        return sum(map(leaves, tree.values() if isinstance(tree, dict) else tree))
    return 1


def _position(index: int) -> dict[str, Any]:
    return {
        "symbol": f"SYM{index:02}",
        "quantity": (index - 4) * 125,
        "average_price": f"{101.37 + index * 7.11:.4f}",
        "weight": round(0.0371 * (index + 1) / 3, 9),
    }


def _order(index: int) -> dict[str, Any]:
    return {
        "id": f"o-{20260314_000 + index}",
        "symbol": f"SYM{index:02}",
        "side": "buy" if index % 2 else "sell",
        "quantity": 25 * (index + 1),
        "limit": f"{99.85 + index * 7.05:.2f}",
        "filled": round(index / 7, 6),
        "expires": f"2026-03-14T16:{index:02}:00+00:00",
    }
