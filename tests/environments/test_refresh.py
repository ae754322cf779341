"""``refresh``: unpinned packages resolved again, in a build beside the one there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Estimator, Experiment, ScriptRunConfig, Workspace
from runyard.environments import cache, planning, resolve
from runyard.errors import TrainingException, UserErrorException
from tests import simple_index
from tests.conda_channel import CondaChannel
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse, Worker


def _environment(*lines: str) -> Environment:
    environment = Environment("demo")
    environment.python.conda_dependencies.set_pip_requirements(lines)
    return environment


@pytest.mark.integration
def test_a_refresh_takes_the_place_of_the_build(
    plan: Plan, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    wheelhouse.add("lib", "1.0")
    first = plan("lib")
    assert Worker(first, tmp_path / "one").result()["lock"][0] == "lib==1.0"
    wheelhouse.add("lib", "2.0")
    fresh = resolve(_environment("lib"), source_directory=source, refresh=True)
    assert fresh.refreshes == first.key != fresh.key
    assert plan("lib").key == first.key  # not built yet
    worker = Worker(fresh, tmp_path / "two")
    assert worker.result()["lock"][0] == "lib==2.0"
    assert f"packages are resolved again, {first.key} stays as it is" in worker.log
    assert (plan("lib").key, plan("lib").refreshes) == (fresh.key, "")
    assert cache.built(first.key) is not None
    again = resolve(_environment("lib"), source_directory=source, refresh=True)
    assert again.refreshes == first.key
    Worker(again, tmp_path / "three").result()
    assert plan("lib").key == again.key


@pytest.mark.integration
def test_a_refresh_that_fails_changes_nothing(
    plan: Plan, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    wheel = wheelhouse.add("lib", "1.0")
    first = plan("lib")
    Worker(first, tmp_path / "one").result()
    wheel.unlink()
    fresh = resolve(_environment("lib"), source_directory=source, refresh=True)
    assert Worker(fresh, tmp_path / "two").result(1)["error"]["package"] == "lib"
    assert plan("lib").key == first.key
    assert cache.built(first.key) is not None


def test_a_refreshed_build_can_be_refreshed(plan: Plan) -> None:
    """A rerun of a run that used it does so."""
    first = plan("lib")
    Path(cache.prefix("x")).parent.mkdir(parents=True)
    cache.set_current(first.key, "b" * 32)
    assert planning.refreshed(plan("lib")).refreshes == "b" * 32
    cache.set_current("b" * 32, "c" * 32)
    assert plan("lib").key == "c" * 32


def test_what_is_not_built_cannot_be_refreshed(source: Path) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    with pytest.raises(UserErrorException, match="environment 'mine' cannot be refreshed: runyard"):
        resolve(environment, source_directory=source, refresh=True)


@pytest.fixture
def index(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with simple_index.served(wheelhouse.folder) as address:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield address


@pytest.mark.integration
def test_a_refresh_asks_the_index_again(
    index: str, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    for name in ("pip", "setuptools", "wheel"):
        wheelhouse.add(name)

    def lib(folder: str, **options: bool) -> str:
        environment = _environment("lib", "--only-binary :all:")
        spec = resolve(environment, source_directory=source, **options)
        lock = Worker(spec, tmp_path / folder).result()["lock"]
        return next(str(line) for line in lock if line.startswith("lib"))

    wheelhouse.add("lib", "1.0")
    wheelhouse.add("lib", "0.9")
    assert lib("one") == "lib==1.0"
    wheelhouse.add("lib", "2.0")
    assert lib("two", refresh=True) == "lib==2.0"
    assert lib("three") == "lib==2.0"


@pytest.mark.integration
def test_a_refresh_asks_the_channel_again(source: Path, tmp_path: Path) -> None:
    """Its index holds for an hour, and is cached."""
    channel = CondaChannel(tmp_path / "channel")
    channel.add_python()
    channel.add_module("hello", "1.0")
    environment = Environment("demo")
    environment.python.conda_dependencies.add_conda_package("hello")

    def hello(folder: str, **options: bool) -> str:
        spec = resolve(environment, source_directory=source, **options)
        lock = Worker(spec, tmp_path / folder).result()["lock"]
        return str(lock[0]).partition(" ")[0]

    with channel.index().served(max_age_s=3600) as address:
        environment.python.conda_dependencies.add_channel(address)
        assert hello("one") == "hello=1.0=0"
        channel.add_module("hello", "2.0")
        channel.index()
        assert hello("two", refresh=True) == "hello=2.0=0"
        assert hello("three") == "hello=2.0=0"


@pytest.mark.integration
def test_submit_with_refresh(wheelhouse: Wheelhouse, source: Path, tmp_path: Path) -> None:
    """Of a ScriptRunConfig and an estimator, while another run uses the old build."""
    wheelhouse.add("lib", "1.0")
    (source / "train.py").write_text("import lib; print(lib.version)\n")
    experiment = Experiment(Workspace.create("demo", path=str(tmp_path / "workspace")), "refresh")
    config = ScriptRunConfig(str(source), "train.py", environment=_environment("lib"))
    first = experiment.submit(config)
    first.wait_for_completion()
    used = resolve(_environment("lib"), source_directory=source).key
    wheelhouse.add("lib", "2.0")
    estimator = Estimator(
        str(source), compute_target="local", entry_script="train.py", pip_packages=["lib"]
    )
    said = []
    asked: tuple[tuple[Any, bool], ...] = ((config, True), (estimator, True), (config, False))
    for item, refresh in asked:
        refreshed = experiment.submit(item, refresh=refresh)
        refreshed.wait_for_completion()
        said.append(Path(refreshed.directory.std_log).read_text())
    assert said == ["2.0\n", "2.0\n", "2.0\n"]
    assert cache.built(used) is not None
    with pytest.raises(TrainingException, match="anything parameters cannot be overridden"):
        experiment.submit(estimator, anything=True)
