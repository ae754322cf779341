"""What is said of packages before an environment is built, by the real uv."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.config import script_checks
from runyard.environments import cache, resolution
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse


@pytest.fixture
def wheels(wheelhouse: Wheelhouse) -> Wheelhouse:
    for name in ("pip", "setuptools", "wheel"):
        wheelhouse.add(name, "60.0")
    wheelhouse.add("base", "1.0")
    wheelhouse.add("base", "2.0")
    wheelhouse.add("top", "1.0", requires=["base>=2"])
    return wheelhouse


def test_packages_that_fit_are_no_problem(wheels: Wheelhouse, plan: Plan) -> None:
    assert resolution.problem(plan("top", "base<3")) is None


def test_a_name_that_does_not_exist(wheels: Wheelhouse, plan: Plan) -> None:
    told = resolution.problem(plan("top", "no-such-package"))
    assert told is not None
    assert "no-such-package was not found" in told


def test_a_conflict_is_told_whole(wheels: Wheelhouse, plan: Plan) -> None:
    told = resolution.problem(plan("top", "base<2"))
    assert told is not None
    assert told.startswith("No set of packages fits the requirements: ")
    assert "base>=2" in told
    assert "you require base<2" in told


def test_a_uv_toml_that_somebody_left_in_the_folder_for_temporary_files_does_not_count(
    wheels: Wheelhouse, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybodys = tmp_path / "tmp"
    everybodys.mkdir()
    (everybodys / "uv.toml").write_text("[pip]\nprerelease = 1\n")
    monkeypatch.setattr("tempfile.tempdir", str(everybodys))
    monkeypatch.delenv("UV_NO_CONFIG")
    told = resolution.problem(plan("top", "base<2"))
    assert told is not None
    assert "base>=2" in told


def test_a_constraint_counts(wheels: Wheelhouse, plan: Plan, source: Path) -> None:
    (source / "limits.txt").write_text("base<2\n")
    told = resolution.problem(plan("top", "-c limits.txt"))
    assert told is not None
    assert "base>=2" in told


def test_what_would_have_to_be_built_is_not_judged(wheels: Wheelhouse, plan: Plan) -> None:
    """To know what it needs, its code would have to run."""
    wheels.add_source("sourced", "1.0", needs="1")
    assert resolution.problem(plan("sourced==1.0")) is None


def test_without_an_answer_nothing_is_said(
    wheels: Wheelhouse, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = plan("no-such-package")
    monkeypatch.setenv("RUNYARD_UV", os.devnull)
    assert resolution.problem(spec) is None


def test_nothing_is_made(wheels: Wheelhouse, plan: Plan) -> None:
    spec = plan("top", "base<2")
    resolution.problem(spec)
    assert not Path(cache.prefix(spec.key)).exists()


def test_it_is_one_of_the_checks_of_packages(wheels: Wheelhouse, plan: Plan) -> None:
    [told] = script_checks._conflicts(plan("top", "base<2"))
    assert told.startswith("the environment cannot be built: No set of packages fits")
