"""Native writing over random classes and states: the same state or none, whatever stands in its fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from typed_states import records, same

from ckptstore import CheckpointError, native
from ckptstore.fitting import fit
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()
SETTINGS = settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write small states natively as well."""
    monkeypatch.setattr(native, "SMALL", 0)


@SETTINGS
@given(records(odd=False))
def test_as_declared(made: tuple[Any, Any]) -> None:
    """Whatever is as its class declares it is written, comes back the same, and is what tags would give."""
    kind, state = made
    data = native.dumps(state)

    assert data is not None
    assert same(native.loads(data, kind), state)
    assert same(native.plain(data), JSON.loads(JSON.dumps(state)))


@SETTINGS
@given(records(odd=True))
def test_never_another_state(made: tuple[Any, Any]) -> None:
    """Whatever stands in its fields, a state is not written, or it comes back the same."""
    kind, state = made
    data = native.dumps(state)

    if data is not None:
        assert same(native.loads(data, type(state)), state)
        assert same(native.plain(data), JSON.loads(JSON.dumps(state)))
        assert outcome(native.loads, data, kind) == outcome(fit, native.plain(data), kind)


def outcome(load: Any, state: Any, kind: Any) -> str:  # noqa: ANN401 - a function, and what it takes
    """Give what a load gives, or says."""
    try:
        return repr(load(state, kind))
    except CheckpointError as exc:
        return f"{type(exc).__name__}: {exc}"
