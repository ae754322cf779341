"""Known packages are built with what they need."""

import json
import os
import runpy
import subprocess
from pathlib import Path

import msgspec
import pytest
from packaging.specifiers import SpecifierSet

from runyard.environments import cache, source_builds, uv_config
from runyard.environments.names import canonical_name
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse, Worker


def test_the_data_file() -> None:
    for entry in json.loads(source_builds.DATA.read_text()):
        assert set(entry) == {
            "package",
            "versions",
            "variables",
            "requirements",
            "against",
            "why",
        }
        assert entry["package"] == canonical_name(entry["package"])
        SpecifierSet(entry["versions"])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["Horovod==0.18.1"], ["horovod"]),
        (["horovod[spark]==0.18.1; python_version<'4' --hash=sha256:00"], ["horovod"]),
        (["horovod", "horovod==0.18.1"], ["horovod"]),
        (["horovod==0.19.0"], []),
        (["mpi4py==3.0.3"], ["mpi4py"]),
        (["horovod==0.18.*", "horovod<=0.18.1", "-e /a==b", "numpy==1.19"], []),
        ([], []),
    ],
)
def test_a_pinned_package_matches(lines: list[str], found: list[str]) -> None:
    assert [entry["package"] for entry in source_builds.matching(lines)] == found


def test_what_it_is_built_against_is_what_the_user_asks_for() -> None:
    lines = ["horovod==0.18.1", "Torch", "mpich>=4 --hash=sha256:00", "pandas", "-e ./numpy"]
    (entry,) = source_builds.matching(lines, ["torch==1.4.0", "tensorflow==1.13.1"])
    assert entry["requirements"] == ["Torch", "mpich>=4", "torch==1.4.0"]
    assert set(entry) == {"package", "variables", "requirements", "why"}
    assert source_builds.matching(["horovod==0.18.1"])[0]["requirements"] == []


def test_every_package_has_a_real_build_to_check_it() -> None:
    path = Path(__file__).parents[2] / "scripts" / "check_source_builds.py"
    checks = runpy.run_path(str(path))["CHECKS"].values()
    for entry in json.loads(source_builds.DATA.read_text()):
        mine = [check for check in checks if check.package == entry["package"]]
        assert mine
        for check in mine:
            assert source_builds.matching(check.pip_packages), check


def test_the_plan_says_it_and_the_key_has_it(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = plan("horovod==0.18.1", "torch==1.4.0")
    assert spec.source_builds[0]["variables"]["CFLAGS"] == "-include stdexcept"
    assert spec.notices[0].startswith(
        'if horovod is built from source, then with CC="gcc", CXX="g++", CFLAGS="-inc'
    )
    assert ", torch==1.4.0: it uses std::runtime_error " in spec.notices[0]
    monkeypatch.setattr(source_builds, "matching", lambda *_: [])
    assert plan("horovod==0.18.1", "torch==1.4.0").key != spec.key


def test_the_users_values_stay() -> None:
    variables = {"CC": "gcc", "CXX": "g++", "CFLAGS": "-x", "LDFLAGS": "-y"}
    own = {"CC": "clang", "CFLAGS": "-O1"}
    assert uv_config.merged(variables, own) == {
        "CC": "clang",
        "CXX": "g++",
        "CFLAGS": "-O1 -x",
        "LDFLAGS": "-y",
    }


@pytest.mark.integration
@pytest.mark.parametrize("without_config", ["1", "0"])
def test_a_source_package_gets_its_variables_and_requirements(
    plan: Plan,
    wheelhouse: Wheelhouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    without_config: str,
) -> None:
    monkeypatch.setenv("UV_NO_CONFIG", without_config)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CFLAGS", "-O1")
    wheelhouse.add("tool", "3.0")
    needs = "os.environ['CFLAGS'] + ' ' + __import__('tool').version"
    wheelhouse.add_source("horovod", "0.18.1", needs)
    spec = plan("horovod==0.18.1")
    entry = {**spec.source_builds[0], "requirements": ["tool<4"]}
    spec = msgspec.structs.replace(spec, source_builds=(entry,))
    worker = Worker(spec, tmp_path / "run")
    python = worker.result()["python"]
    assert "  note: if horovod is built from source, then with CC=" in worker.log
    code = "import horovod; print(horovod.version)"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout
    assert said == "-O1 -include stdexcept 3.0\n"
    assert os.path.exists(f"{cache.prefix(spec.key)}/uv.toml")
