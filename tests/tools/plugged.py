"""The example plug-in as it lies there, for tests and for the processes that they start."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ckptstore.backend import Backend

EXAMPLE = Path(__file__).parent.parent / "plugin_example"


def example() -> Any:  # noqa: ANN401 - a module that is not installed here
    """The example's module, as it lies there."""
    spec = importlib.util.spec_from_file_location("ckptstore_example", EXAMPLE / "ckptstore_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(path: str) -> Backend:
    """The backend on the file `path`; a function that another process can be told to call."""
    options = {"timeout": 600}  # seconds: SQLite does not serve in turn who waits, and a disk may be slow to sync
    backend: Backend = example().ExampleBackend(f"example://{path}", storage_options=options, single_writer=False)
    return backend
