from __future__ import annotations

import sys
from types import ModuleType

import pytest

from runyard.errors import ComputeTargetException
from runyard.history import targets
from runyard.history.targets import load_target, register_target


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_FACTORIES", dict(targets._FACTORIES))


def test_an_unknown_target_is_named_with_the_known_ones() -> None:
    register_target("farm", "nowhere:Farm")
    with pytest.raises(ComputeTargetException) as caught:
        load_target("gpu-cluster")
    assert caught.value.message == (
        "ComputeTargetNotFound: no compute target named 'gpu-cluster'; known here: farm, local. "
        "Make one: runyard compute create gpu-cluster --max-nodes 2"
    )


def test_a_target_is_imported_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_plug_in")
    module.Farm = type("Farm", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_plug_in", module)
    register_target("farm", "a_plug_in:Farm")
    assert type(load_target("farm")).__name__ == "Farm"


@pytest.mark.parametrize("place", ["no_such_module_here:Farm", "json:Farm"])
def test_a_broken_plug_in_says_why(place: str) -> None:
    register_target("farm", place)
    with pytest.raises(ComputeTargetException, match=r"'farm' cannot be loaded from") as caught:
        load_target("farm")
    assert isinstance(caught.value.inner_exception, (ImportError, AttributeError))


def test_the_local_target_is_there() -> None:
    assert callable(load_target("local").poll)
