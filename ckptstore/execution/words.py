"""Enums that are written as words."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Word(Enum):
    """An Enum whose values are the names of its members in lower case, and whose members print as their values."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:  # noqa: ARG004 - Enum's
        return name.lower()

    def __str__(self) -> str:
        return str(self.value)
