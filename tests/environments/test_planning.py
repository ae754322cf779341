"""From an Environment to its plan, and the key of it."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runyard.environments import Environment, EnvironmentSpec, resolve, venv_tools
from runyard.environments.pip_settings import PipSettings
from runyard.errors import UserErrorException
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse


def test_the_usual_plan(plan: Plan) -> None:
    spec = plan("numpy>=1", "numpy<2", "azureml-core")
    assert spec.kind == "venv"
    assert spec.python is None
    assert spec.python_version == "{}.{}.{}".format(*sys.version_info[:3])
    assert Path(spec.interpreter).is_absolute()
    assert spec.requirements == ("numpy>=1,<2",)
    assert spec.notices == ("azureml-core is not installed: runyard provides azureml itself",)
    assert len(spec.key) == 32
    int(spec.key, 16)


def test_a_plan_survives_json_and_refuses_unknown_fields(plan: Plan) -> None:
    spec = plan("numpy")
    text = msgspec.json.encode(spec)
    assert msgspec.json.decode(text, type=EnvironmentSpec) == spec
    with pytest.raises(msgspec.ValidationError, match="unknown field `more`"):
        msgspec.json.decode(text.replace(b"{", b'{"more":1,', 1), type=EnvironmentSpec)


def test_planning_changes_nothing(source: Path) -> None:
    environment = Environment("train")
    environment.python.conda_dependencies.set_pip_requirements(["a>=1", "a<2", "azureml"])
    before = repr(environment)
    resolve(environment, source_directory=source)
    assert repr(environment) == before
    assert list(source.iterdir()) == []


def test_the_same_content_has_the_same_key(plan: Plan) -> None:
    key = plan("numpy>=1", "scipy").key
    assert plan("scipy", "numpy>=1").key == key
    assert plan("numpy >= 1", "scipy", "azureml-sdk", name="other").key == key


@pytest.mark.parametrize(
    "lines", [("numpy",), ("numpy>=1", "--pre"), ("numpy>=1", "-c limits.txt"), ()]
)
def test_other_content_has_another_key(plan: Plan, source: Path, lines: tuple[str, ...]) -> None:
    (source / "limits.txt").write_text("numpy<2\n")
    assert plan(*lines).key != plan("numpy>=1").key


def test_the_index_is_part_of_the_key_and_its_password_is_not(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for url in ("https://h/simple", "https://me:one@h/simple", "https://me:two@h/simple"):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        keys.append(plan("numpy").key)
    monkeypatch.setenv("PIP_INDEX_URL", "https://other/simple")
    assert keys[0] == keys[1] == keys[2] != plan("numpy").key
    nothing = plan().key
    monkeypatch.delenv("PIP_INDEX_URL")
    assert plan().key == nothing


def test_constraints_of_pips_settings_are_part_of_the_plan(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limits.txt").write_text("numpy<2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", f"{tmp_path}/limits.txt https://h.example/limits.txt")
    assert plan("numpy").constraints == ("numpy<2",)
    assert plan("numpy").options == ("--constraint https://h.example/limits.txt",)


def test_a_relative_folder_of_wheels_is_part_of_the_plan(
    plan: Plan, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    (source / "wheels").mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert plan("numpy").options == (f"--find-links {source}/wheels",)


def test_another_patch_version_is_said(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    major, minor, micro = sys.version_info[:3]
    spec = plan(python=f"{major}.{minor}.99")
    assert spec.python == f"{major}.{minor}.99"
    assert f"Python {major}.{minor}.99 is not on this machine; " in spec.notices[0]
    assert plan(python=f"{major}.{minor}").notices == ()
    assert plan(python=f"{major}.{minor}.*").notices == ()
    assert plan(python=f"{major}.{minor}.{micro}").notices == ()


def test_an_unknown_python_is_refused(plan: Plan) -> None:
    with pytest.raises(UserErrorException, match=r"Python 3\.5 is not on this machine"):
        plan("numpy", python="3.5")


def test_a_container_without_an_image_is_a_venv_and_says_so(source: Path) -> None:
    environment = Environment("train")
    environment.docker.enabled = True
    spec = resolve(environment, source_directory=source)
    assert spec.notices == ("no container is used: docker.enabled is True but no image is named",)


def test_python_and_pip_alone_are_a_venv(source: Path) -> None:
    environment = Environment("train")
    for package in ("pip=20", "python=3"):
        environment.python.conda_dependencies.add_conda_package(package)
    assert resolve(environment, source_directory=source).kind == "venv"


def test_user_managed(source: Path) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.python.conda_dependencies.add_pip_package("numpy")
    spec = resolve(environment, source_directory=source)
    assert (spec.kind, spec.key, spec.requirements) == ("user_managed", "", ())
    assert spec.interpreter == sys.executable
    assert "python.user_managed_dependencies is True" in spec.notices[0]


def test_a_missing_user_managed_interpreter_is_refused(source: Path) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/nowhere/python"
    with pytest.raises(UserErrorException, match="'/nowhere/python': there is no"):
        resolve(environment, source_directory=source)


def test_an_environment_without_requirements_loads_no_parser(source: Path) -> None:
    code = (
        "import sys, pathlib; from runyard.environments import Environment, resolve; "
        f"resolve(Environment('x'), source_directory=pathlib.Path({str(source)!r})); "
        "print([m for m in ('packaging', 'yaml', 'psutil', 'configparser') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_pip_setuptools_and_wheel_come_along(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    hermetic = plan("numpy")
    assert hermetic.tools == ()
    monkeypatch.delenv("PIP_NO_INDEX")
    assert plan().tools == ()
    assert plan("numpy").tools == ("pip", "setuptools<82", "wheel")
    assert plan("numpy").key != hermetic.key
    assert plan("numpy", "Setuptools>=82", "pip==24").tools == ("wheel",)
    assert plan("numpy", "--require-hashes").tools == ()


def test_a_constraint_on_setuptools_takes_the_place_of_ours(
    plan: Plan, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    (source / "limits.txt").write_text("setuptools==82.0.0\n")
    assert plan("numpy", "-c limits.txt").tools == ("pip", "setuptools", "wheel")


def test_without_an_index_the_tools_are_those_of_the_folder(
    plan: Plan, wheelhouse: Wheelhouse
) -> None:
    wheelhouse.add("setuptools", "59.6.0")
    assert plan("numpy").tools == ("setuptools<82",)
    assert plan("numpy", str(wheelhouse.add("setuptools", "58.0.0"))).tools == ()


@pytest.mark.parametrize(("python", "limit"), [("3.8", "setuptools"), ("3.9", "setuptools<82")])
def test_only_pythons_that_setuptools_82_runs_under_need_the_limit(python: str, limit: str) -> None:
    assert limit in venv_tools.wanted(["numpy"], [], PipSettings(), f"{python}.18")
