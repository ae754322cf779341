"""The plan of a conda environment."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import Environment, EnvironmentSpec, resolve
from runyard.errors import UserErrorException

MINOR = "{}.{}".format(*sys.version_info[:2])
CondaPlan = Callable[..., EnvironmentSpec]


@pytest.fixture
def conda_plan(source: Path) -> CondaPlan:
    def make(*packages: str, channels: tuple[str, ...] = ("conda-forge",)) -> EnvironmentSpec:
        environment = Environment("demo")
        for channel in channels:
            environment.python.conda_dependencies.add_channel(channel)
        for package in packages:
            environment.python.conda_dependencies.add_conda_package(package)
        return resolve(environment, source_directory=source)

    return make


def test_the_plan(conda_plan: CondaPlan) -> None:
    spec = conda_plan("numpy=1.26", "bioconda::samtools")
    assert (spec.kind, spec.interpreter, spec.python) == ("conda", "", None)
    assert spec.channels == ("conda-forge", "bioconda")
    assert spec.conda_packages == (f"python={MINOR}", "numpy=1.26", "bioconda::samtools")
    assert spec.python_version == MINOR
    assert len(spec.key) == 32
    assert conda_plan("bioconda::samtools", "numpy=1.26").key == spec.key
    assert conda_plan("numpy=1.25", "bioconda::samtools").key != spec.key


def test_a_python_that_is_not_on_this_machine(conda_plan: CondaPlan) -> None:
    spec = conda_plan("python=3.6.2", "numpy")
    assert spec.conda_packages == ("python=3.6.2", "numpy")
    assert (spec.python, spec.python_version) == ("3.6.2", "3.6.2")


def test_channels_of_nobody(conda_plan: CondaPlan) -> None:
    assert conda_plan("numpy", channels=()).channels == ("anaconda", "conda-forge")


def test_channels_that_are_folders(conda_plan: CondaPlan, source: Path) -> None:
    (source / "mine").mkdir()
    assert conda_plan("numpy", channels=("./mine",)).channels == ((source / "mine").as_uri(),)
    with pytest.raises(UserErrorException, match=r"channel './more' is not there: there is no"):
        conda_plan("numpy", channels=("./more",))


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("https://me:secret@h/c", "'https://h/c' cannot be used: it holds a password"),
        ("two words", "'two words' cannot be read; give a name such as 'conda-forge'"),
    ],
)
def test_channels_that_are_refused(conda_plan: CondaPlan, channel: str, text: str) -> None:
    with pytest.raises(UserErrorException, match=text):
        conda_plan("numpy", channels=(channel,))


def test_a_malformed_package(conda_plan: CondaPlan) -> None:
    with pytest.raises(UserErrorException, match="conda package 'numpy >>1' cannot be read: "):
        conda_plan("numpy >>1")


def test_rattler_is_imported_for_conda_environments_only(source: Path) -> None:
    code = (
        "import sys, pathlib; from runyard.environments import Environment, resolve; "
        "e = Environment('x'); e.python.conda_dependencies.add_pip_package('six'); "
        f"resolve(e, source_directory=pathlib.Path({str(source)!r})); "
        "import runyard.environments.build; print('rattler' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
