"""A paper-trading simulator that can be killed at any instant and resumes as though nothing had happened."""

from ckptstore.execution.actions import ActionType, PendingAction, PendingActionQueue
from ckptstore.execution.checkpoint import CHECKPOINT_VERSION, ExecutionCheckpoint
from ckptstore.execution.consistency import InconsistentCheckpoint
from ckptstore.execution.latency import LATENCY_FAST, LATENCY_INSTANT, LATENCY_NORMAL, LATENCY_SLOW, LatencyConfig
from ckptstore.execution.manager import CheckpointManager
from ckptstore.execution.orders import Order, OrderExecution, OrderSide, OrderStatus, OrderType, RejectionReason
from ckptstore.execution.registry import OrderRegistry
from ckptstore.execution.risk import RiskChecker
from ckptstore.execution.rules import (
    DrawdownLimitRule,
    ExposureLimitRule,
    PositionLimitRule,
    RiskConfig,
    RiskRuleType,
    RiskViolation,
)
from ckptstore.execution.serialization import deserialize_checkpoint, serialize_checkpoint
from ckptstore.execution.simulator import ExecutionSimulator
from ckptstore.execution.state import SimulatorState
from ckptstore.execution.validation import OrderValidator, ValidationResult

__all__ = [
    "CHECKPOINT_VERSION",
    "LATENCY_FAST",
    "LATENCY_INSTANT",
    "LATENCY_NORMAL",
    "LATENCY_SLOW",
    "ActionType",
    "CheckpointManager",
    "DrawdownLimitRule",
    "ExecutionCheckpoint",
    "ExecutionSimulator",
    "ExposureLimitRule",
    "InconsistentCheckpoint",
    "LatencyConfig",
    "Order",
    "OrderExecution",
    "OrderRegistry",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "OrderValidator",
    "PendingAction",
    "PendingActionQueue",
    "PositionLimitRule",
    "RejectionReason",
    "RiskChecker",
    "RiskConfig",
    "RiskRuleType",
    "RiskViolation",
    "SimulatorState",
    "ValidationResult",
    "deserialize_checkpoint",
    "serialize_checkpoint",
]
