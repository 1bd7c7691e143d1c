"""Checkpoints without orders, and managers that have saved some."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ckptstore.execution import CHECKPOINT_VERSION, CheckpointManager, ExecutionCheckpoint

if TYPE_CHECKING:
    from datetime import datetime


def taken(time: datetime, cash: int = 1) -> ExecutionCheckpoint:
    """A checkpoint of that time; the cash tells it from others."""
    money = Decimal(cash)
    return ExecutionCheckpoint(CHECKPOINT_VERSION, "sim", time, money, money, {}, {}, {})


def saved(*checkpoints: ExecutionCheckpoint) -> CheckpointManager:
    """A manager that has saved these."""
    manager = CheckpointManager("memory://")
    for checkpoint in checkpoints:
        manager.save_checkpoint(checkpoint)
    return manager
