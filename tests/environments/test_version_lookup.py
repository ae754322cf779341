"""No version for this Python: which there are, and for which Pythons; asked of the real uv."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.environments.build_failure import BuildFailure
from runyard.environments.version_lookup import explained
from tests import simple_index
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse, Worker

MINOR = "{}.{}".format(*sys.version_info[:2])
LATER = ["3.13", "3.14"]
pytestmark = pytest.mark.skipif(MINOR in LATER, reason="needs a Python before 3.13")


@pytest.fixture(autouse=True)
def _index(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An index says beforehand which Pythons a file is for."""
    for name in ("pip", "setuptools", "wheel"):
        wheelhouse.add(name)
    with simple_index.served(wheelhouse.folder) as address:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield


def _error(plan: Plan, tmp_path: Path, *lines: str) -> dict[str, str]:
    error: dict[str, str] = Worker(plan(*lines), tmp_path / "run").result(1)["error"]
    assert error["type"] == "unresolvable"
    return error


@pytest.mark.integration
def test_a_version_that_is_for_other_pythons(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("lib", "1.5")
    wheelhouse.add("lib", "2.0", python=">=3.13")
    error = _error(plan, tmp_path, "lib[some]>=2; python_version >= '3'")
    assert error["package"] == "lib"
    assert "does not satisfy Python>=3.13" in error["message"]
    assert error["message"].endswith(
        f"In short: lib>=2 is there for Python 3.13 and 3.14; the newest for Python {MINOR} is "
        "lib==1.5"
    )
    assert error["hint"] == (
        "Ask for lib==1.5, or ask for Python 3.14 (RUNYARD_DEFAULT_PYTHON=3.14 gives it to all "
        "that name none)"
    )


@pytest.mark.integration
def test_a_version_that_does_not_exist(plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    wheelhouse.add("lib", "1.5")
    error = _error(plan, tmp_path, "lib==9.9")
    assert error["message"].endswith(
        f". In short: no Python has lib==9.9; the newest for Python {MINOR} is lib==1.5"
    )
    assert error["hint"] == "Ask for lib==1.5"


@pytest.mark.integration
def test_a_package_that_is_for_other_pythons_altogether(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("lib", "1.5", python=">=3.14")
    error = _error(plan, tmp_path, "lib")
    assert error["message"].endswith(
        f"In short: lib is there for Python 3.14; there is none for Python {MINOR}"
    )
    assert error["hint"].startswith("Ask for Python 3.14 (RUNYARD_DEFAULT_PYTHON=3.14 gives ")


@pytest.mark.integration
@pytest.mark.parametrize("lines", [("top", "lib<1"), ("nosuch",)])
def test_a_conflict_and_an_unknown_name_are_told_as_before(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    wheelhouse.add("lib", "0.5")
    wheelhouse.add("lib", "1.5")
    wheelhouse.add("top", requires=["lib>=1"])
    assert "In short" not in _error(plan, tmp_path, *lines)["message"]


@pytest.fixture
def sourced(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """A folder with a package 'lib', whose source of 1.0 cannot be built."""
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse.folder))
    wheelhouse.add_source("lib", "1.0", needs="1/0")
    return wheelhouse


@pytest.mark.integration
@pytest.mark.parametrize("asked", [None, MINOR])
def test_a_source_that_other_pythons_need_not_build(
    plan: Plan, sourced: Wheelhouse, tmp_path: Path, asked: str | None
) -> None:
    wheel = sourced.add("lib", "1.0")
    for tag in ("cp36", "cp37"):
        os.link(wheel, wheel.with_name(f"lib-1.0-{tag}-none-any.whl"))
    wheel.unlink()
    sourced.add("lib", "2.0")
    error = Worker(plan("lib==1.0", python=asked), tmp_path / "run").result(1)["error"]
    assert (error["type"], error["package"]) == ("build_failed", "lib")
    assert error["message"] == (
        "lib could not be built from source: ZeroDivisionError: division by zero. In short: "
        f"lib==1.0 is there for Python 3.6 and 3.7; the newest for Python {MINOR} is lib==2.0"
    )
    setting = " (RUNYARD_DEFAULT_PYTHON=3.7 gives it to all that name none)"
    assert error["hint"] == f"Ask for lib==2.0, or ask for Python 3.7{'' if asked else setting}"


@pytest.mark.integration
def test_a_source_that_every_python_has_to_build(
    plan: Plan, sourced: Wheelhouse, tmp_path: Path
) -> None:
    sourced.add("lib", "2.0")
    error = Worker(plan("lib==1.0"), tmp_path / "run").result(1)["error"]
    assert (
        error["message"]
        == "lib could not be built from source: ZeroDivisionError: division by zero"
    )
    assert "install what it misses" in error["hint"]


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (BuildFailure("network", "no way", "lib"), "lib==1"),
        (BuildFailure("unresolvable", "no way", None), "lib==1"),
        (BuildFailure("unresolvable", "no way", "other"), "lib==1"),
        (BuildFailure("unresolvable", "no way", "lib"), "lib @ https://h/lib.whl"),
    ],
)
def test_nothing_is_asked_where_it_is_not_about_a_version(failure: BuildFailure, line: str) -> None:
    assert explained(failure, [line], "3.8.1", ["--no-such-option"], {}) is failure
