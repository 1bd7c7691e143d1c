"""
The conformance suite of the port: a backend that passes it can carry a store.

A backend is tested by a subclass of `BackendTests`, one that compares by one of `ComparingTests` besides; nothing else
is needed. Put `pytest.register_assert_rewrite("ckptstore.testing")` into `conftest.py` to see the values of a failed
assertion.
"""

from __future__ import annotations

from ckptstore.testing.comparing import ComparingTests
from ckptstore.testing.helpers import B
from ckptstore.testing.reading import DeleteTests, GetTests, ListTests
from ckptstore.testing.sharing import KeyTests, ThreadTests
from ckptstore.testing.writing import CreateTests, DataTests, PutTests

__all__ = ["BackendTests", "ComparingTests"]


class BackendTests(
    CreateTests[B], PutTests[B], DataTests[B], GetTests[B], ListTests[B], DeleteTests[B], KeyTests[B], ThreadTests[B]
):
    """
    Every promise of the port, one test each; the helpers read and write behind the backend's back.

        class TestMine(BackendTests[MyBackend]):
            race_in_processes = True

            @pytest.fixture
            def backend(self, tmp_path):
                return MyBackend(tmp_path)

            def opener(self, backend):
                return functools.partial(MyBackend, backend.root)

            def peek(self, backend, key):
                path = backend.root / key
                return path.read_bytes() if path.exists() else None

            def poke(self, backend, key, data):
                path = backend.root / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink() if data is None else path.write_bytes(data)
    """
