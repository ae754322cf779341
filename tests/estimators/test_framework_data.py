"""Data files of frameworks: ours, those of a workspace, and what is wrong with one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import runyard
from runyard.environments.names import package_name
from runyard.errors import UserErrorException
from runyard.estimators import framework_data
from runyard.estimators.framework_data import FrameworkVersion

GOOD: dict[str, Any] = {
    "name": "Mine",
    "package": ["mine"],
    "default": "1",
    "versions": {"1": {"python": ">=3.6", "pip": ["mine==1.0"]}},
}


def of_version(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "versions": {"1": {**GOOD["versions"]["1"], **changes}}}


@pytest.mark.parametrize("name", framework_data.names())
def test_ours_are_consistent(name: str) -> None:
    framework = framework_data.find(name)
    assert framework.file.stem == name.lower()
    for version, entry in framework.versions.items():
        for gpu in (False, True):
            names = [package_name(line) for line in entry.requirements(gpu=gpu, mpi=True)]
            assert len(set(names)) == len(names)
            assert len({*names} & {*framework.package}) == 1
        (main,) = {
            Requirement(line)
            for line in entry.requirements()
            if package_name(line) in framework.package
        }
        # '1.3' is torch 1.3.1: what the name of a version says is true of the package.
        (pin,) = main.specifier
        assert f"{pin.version}.".startswith(f"{version}.")
        assert not entry.default_python or SpecifierSet(entry.python).contains(entry.default_python)


def test_the_names_of_ours() -> None:
    assert framework_data.names() == ["Chainer", "PyTorch", "SKLearn", "TensorFlow", "XGBoost"]


def test_the_variants_of_a_version() -> None:
    entry = FrameworkVersion(
        python=">=3.6", pip=("numpy<2",), cpu=("a-cpu",), gpu=("a-gpu",), mpi=("mpi4py",)
    )
    assert entry.requirements() == ("a-cpu", "numpy<2")
    assert entry.requirements(gpu=True, mpi=True) == ("a-gpu", "numpy<2", "mpi4py")
    chainer = framework_data.find("Chainer").versions["5.1.0"]
    assert chainer.requirements(gpu=True, mpi=True)[0] == "cupy-cuda90==5.2.0"
    # The runtime is added by the plan, which knows the user's own and the settings.
    assert chainer.requirements(mpi=True)[-1:] == ("mpi4py==3.0.0",)


def test_versions_are_listed_by_age_not_by_letters() -> None:
    assert framework_data.find("TensorFlow").supported()[-3:] == ["2.3", "2.15", "2.21"]


# Of a workspace


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data files of a workspace that is found from the current folder."""
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    monkeypatch.chdir(tmp_path)
    made = Path(workspace.directory.path) / "frameworks"
    made.mkdir()
    return made


def put(folder: Path, content: Any, name: str = "Mine") -> Path:
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_workspace_adds_a_framework(folder: Path) -> None:
    content = of_version(environment_variables={"A": "2"}, cpu=["mine-cpu"], notes="why")
    put(folder, {**content, "environment_variables": {"A": "1", "B": "1"}})
    for made in (
        runyard.framework("Mine"),
        runyard.framework("Mine", runyard.Workspace.get("work")),
    ):
        assert (made.__name__, made.FRAMEWORK_NAME, made.DEFAULT_VERSION) == ("Mine", "Mine", "1")
        assert made.get_supported_versions() == ["1"]
        estimator = made("src", compute_target="local", entry_script="train.py")
        assert estimator.conda_dependencies.pip_lines == ("mine-cpu", "mine==1.0")
        assert estimator.run_config.environment.environment_variables == {"A": "2", "B": "1"}
        assert repr(estimator) == "Mine('src', entry_script='train.py', compute_target='local')"


def test_ours_are_not_replaced_by_those_of_a_workspace(folder: Path) -> None:
    put(folder, {**GOOD, "name": "PyTorch"}, "PyTorch")
    assert runyard.framework("PyTorch").DEFAULT_VERSION == "1.4"


def test_a_framework_that_nobody_describes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, GOOD)
    text = (
        f"there is no framework 'mine'; did you mean 'Mine'? There are Chainer, PyTorch, SKLearn, "
        f"TensorFlow, XGBoost, Mine. Describe another in {folder / 'mine.json'}"
    )
    with pytest.raises(UserErrorException, match=re.escape(text)):
        runyard.framework("mine")
    monkeypatch.chdir("/")
    text = "XGBoost. Describe another in frameworks/zzz.json in the folder of a workspace"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        runyard.framework("zzz")


_WRONG: list[tuple[Any, str]] = [
    ("{", "cannot be read as JSON: Expecting property name"),
    ([], "the file is []; it must be an object"),
    ({**GOOD, "versoins": {}}, "versoins is not known; allowed are alternatives, default, env"),
    ({"name": "Mine", "package": ["mine"], "default": "1"}, "versions is missing"),
    ({**GOOD, "default": "2"}, "default is '2'; it must be one of 1"),
    ({**GOOD, "versions": {}}, "default is '1'; it must be one of versions, which has none"),
    ({**GOOD, "name": "Other"}, "name is 'Other'; it must be 'Mine', as the file is called"),
    ({**GOOD, "package": "mine"}, "package is 'mine'; it must be a list"),
    ({**GOOD, "alternatives": [["a", 1]]}, "alternatives is 1; it must be text"),
    ({**GOOD, "versions": {"new": {}}}, "versions is 'new'; it must be a version, such as '2.1'"),
    ({**GOOD, "versions": {"1": {"pip": []}}}, "versions.1.python is missing"),
    (of_version(python="new"), "versions.1.python is 'new'; it must be a range, such as '>=3.8,<"),
    (of_version(python=3), "versions.1.python is 3; it must be text"),
    (of_version(default_python="3.5"), "versions.1.default_python is '3.5'; it must be in >=3.6"),
    (of_version(default_python=3.8), "versions.1.default_python is 3.8; it must be text"),
    (of_version(pip=["a b"]), "versions.1.pip is 'a b'; it must be a requirement, such as 'num"),
    (of_version(gpu="a"), "versions.1.gpu is 'a'; it must be a list"),
    (
        of_version(conda=["a"]),
        "versions.1.conda is not known; allowed are cpu, default_python, env",
    ),
    (of_version(environment_variables={"A": 1}), "environment_variables.A is 1; it must be text"),
    (of_version(notes=1), "versions.1.notes is 1; it must be text"),
]


@pytest.mark.parametrize(("content", "text"), _WRONG)
def test_a_file_that_is_not_what_it_must_be(folder: Path, content: Any, text: str) -> None:
    path = put(folder, content)
    with pytest.raises(UserErrorException, match=re.escape(text)) as caught:
        runyard.framework("Mine")
    assert caught.value.message.startswith(str(path))
