"""Packages whose metadata uv refuses are installed by an old pip."""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import cache, pip_build
from tests.environments.conftest import Plan
from tests.requirements import missing
from tests.wheelhouse import Wheelhouse, Worker


@pytest.fixture
def old_pip(wheelhouse: Wheelhouse) -> None:
    """The pip that a Python on this machine carries, where it is old enough."""
    found = [
        path
        for folder in (sys.base_prefix, os.path.expanduser("~/.pyenv/versions/*"))
        for path in glob.glob(f"{folder}/lib/python3.*/ensurepip/_bundled/pip-2[23]*.whl")
    ]
    if not found:
        missing("old-pip", "no Python here carries a pip below 24.1")
    shutil.copy(found[0], wheelhouse.folder)


def test_only_unreadable_metadata_is_for_pip() -> None:
    assert pip_build.refused("hint: Metadata for `a` (v1) could not be parsed:\n") == "a 1"
    built = "error: Failed to download and build `a==1`\n  cause: Failed to parse metadata from x"
    assert pip_build.refused(built) == "a==1"
    assert pip_build.refused("error: Failed to build `a==1`\n  cause: No compiler") is None


def test_the_settings_of_uv_in_pips_words() -> None:
    given = {
        "UV_DEFAULT_INDEX": "https://h/simple",
        "UV_FIND_LINKS": "/a,/b",
        "UV_PRERELEASE": "allow",
        "PIP_TARGET": "/elsewhere",
        "CFLAGS": "-O1",
    }
    found = pip_build.variables(given, [{"variables": {"CFLAGS": "-g"}}])
    assert found["PIP_INDEX_URL"] == "https://h/simple"
    assert found["PIP_FIND_LINKS"] == "/a /b"
    assert found["PIP_PRE"] == "1"
    assert found["CFLAGS"] == "-O1 -g"
    assert "PIP_TARGET" not in found


@pytest.mark.integration
@pytest.mark.usefixtures("old_pip")
def test_a_wheel_with_old_metadata(
    plan: Plan, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    wheelhouse.add("legacy", requires=["base (>=2011k)"])
    wheelhouse.add("base", "2020.1")
    wheelhouse.add("base", "2021.1")
    (source / "limits.txt").write_text("base<2021\n")
    worker = Worker(plan("legacy", "-c limits.txt"), tmp_path / "run")
    base, legacy, pip = worker.result()["lock"]
    assert (base, legacy, pip[:6]) == ("base==2020.1", "legacy==1.0", "pip==2")
    line = "uv cannot read the metadata of legacy 1.0: pip<24.1 installs the packages\n"
    assert line in worker.log


@pytest.mark.integration
@pytest.mark.usefixtures("old_pip")
def test_what_pip_cannot_install_either(plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    wheelhouse.add("legacy", requires=["base (>=2011k)"])
    spec = plan("legacy")
    error = Worker(spec, tmp_path / "run").result(1)["error"]
    assert error["type"] == "unresolvable"
    assert error["message"].startswith("pip could not install the packages: No matching distrib")
    assert not os.path.exists(cache.prefix(spec.key))


@pytest.mark.integration
def test_pandas_0_23_4_under_python_3_6(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], object]
) -> None:
    tool("python3.6")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name)
    worker = Worker(plan("pandas==0.23.4", "numpy==1.19.5", python="3.6"), tmp_path / "run")
    if worker.process.wait(300) != 0 and "cannot be reached" in worker.log:
        missing("index", "no package index can be reached")
    result = worker.result()
    assert {"pandas==0.23.4", "pip==21.3.1"} <= set(result["lock"])
    code = "import pandas, pkg_resources; print(pandas.__version__)"
    said = subprocess.run([result["python"], "-c", code], capture_output=True, text=True)
    assert said.stdout == "0.23.4\n", said.stderr
