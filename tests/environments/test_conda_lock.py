"""The lock of a conda environment: read, and rebuilt with the real solver."""

import shutil
from pathlib import Path

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.environments import conda_lock, resolve
from runyard.environments.locking import locked
from runyard.record import jsonl
from tests.conda_channel import CondaChannel
from tests.wheelhouse import Wheelhouse, Worker

LOCK = [
    "hello=1.0=0 channel=https://h/c/noarch sha256=ab12",
    "python=3.9.1=h0_cpython channel=conda-forge/linux-64 sha256=unknown",
    "six==1.0",
    "mine @ https://***@host/mine.whl",
]


def test_every_package_at_its_build() -> None:
    environment = locked(
        {"kind": "conda", "python_version": "3.9.1", "lock": LOCK},
        options=["--pre"],
        channels=["conda-forge", "https://${ME}:${WORD}@h/t/${TOKEN}/c"],
    )
    dependencies = environment.python.conda_dependencies
    assert list(dependencies.conda_channels) == [
        "conda-forge",
        "https://${ME}:${WORD}@h/t/${TOKEN}/c",
    ]
    assert list(dependencies.conda_packages) == [
        "https://${ME}:${WORD}@h/t/${TOKEN}/c::hello=1.0=0",
        "conda-forge::python=3.9.1=h0_cpython",
    ]
    assert dependencies.pip_lines == ("--pre", "six==1.0", "mine @ https://host/mine.whl")
    assert dependencies.get_python_version() == "3.9.1=h0_cpython"


def test_without_a_plan_the_channels_are_those_of_the_lock() -> None:
    made = conda_lock.dependencies(LOCK[:2], channels=(), options=["--pre"])
    assert list(made.conda_channels) == ["https://h/c", "conda-forge"]
    assert made.pip_lines == ()


def test_the_word_python_in_a_channel_is_no_version() -> None:
    made = conda_lock.dependencies(
        ["python=3.9=0 channel=file:///my-python=1/c/noarch sha256=ab"], channels=(), options=()
    )
    assert made.get_python_version() == "3.9=0"


@pytest.fixture
def channel(tmp_path: Path) -> CondaChannel:
    made = CondaChannel(tmp_path / "channel")
    made.add_python()
    made.add_module("hello", "1.0", ["world >=1"])
    made.add_module("world", "1.0")
    return made.index()


def _environment(channel: CondaChannel) -> Environment:
    environment = Environment("demo")
    dependencies = environment.python.conda_dependencies
    dependencies.add_channel(channel.url)
    dependencies.add_conda_package("hello")
    dependencies.add_pip_package("base")
    return environment


@pytest.mark.integration
def test_the_environment_of_a_run_is_rebuilt_without_its_channel(
    channel: CondaChannel, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    """Newer packages came out; then the channel was moved away: what was fetched serves."""
    wheelhouse.add("base", "1.0")
    (source / "train.py").write_text(
        "import base, hello, world; print(hello.version, world.version, base.version)\n"
    )
    experiment = Experiment(Workspace.create("demo", path=str(tmp_path / "workspace")), "lock")
    with channel.served() as address:
        served = _environment(channel)
        served.python.conda_dependencies.remove_channel(channel.url)
        served.python.conda_dependencies.add_channel(address)
        run = experiment.submit(ScriptRunConfig(str(source), "train.py", environment=served))
        run.wait_for_completion()
        channel.add_module("world", "2.0")
        channel.index()
    wheelhouse.add("base", "2.0")
    environment = Environment.from_run(run)
    first = jsonl.read_json(run.directory.environment_json)
    spec = resolve(environment, source_directory=source)
    assert spec.kind == "conda"
    assert spec.key != first["key"]
    again = Worker(spec, tmp_path / "again").result()
    assert again["lock"] == first["lock"]
    second = experiment.submit(ScriptRunConfig(str(source), "train.py", environment=environment))
    second.wait_for_completion()
    assert Path(second.directory.std_log).read_text() == "1.0 1.0 1.0\n"
    twice = resolve(Environment.from_run(second), source_directory=source)
    assert twice.key == spec.key


@pytest.mark.integration
def test_a_package_that_vanished_from_its_channel(
    channel: CondaChannel, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    wheelhouse.add("base", "1.0")
    first = Worker(
        resolve(_environment(channel), source_directory=source), tmp_path / "run"
    ).result()
    channel.add_module("world", "2.0")
    (gone,) = channel.folder.glob("noarch/world-1.0-*")
    gone.unlink()
    shutil.rmtree(tmp_path / "cache" / "runyard" / "conda")
    channel.index()
    spec = resolve(locked(first, channels=[channel.url]), source_directory=source)
    error = Worker(spec, tmp_path / "again").result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "world")
    assert error["message"] == (
        "The conda package 'world' 1.0, build 0, is not (or no longer) there for this machine; "
        f"there are 2.0 ({channel.url})"
    )
    assert "a channel may have replaced or removed it" in error["hint"]
