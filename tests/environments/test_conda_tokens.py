"""Channels whose addresses hold a token: it is used, and written nowhere."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.config.resubmission import resubmit
from runyard.environments import conda_channels, conda_planning, resolve
from runyard.errors import UserErrorException
from runyard.record.events import read_state
from runyard.record.states import Reason
from runyard.testing import runs
from tests.conda_channel import CondaChannel
from tests.wheelhouse import Worker

TOKEN = "tk-0123456789"


@pytest.fixture
def channel(tmp_path: Path) -> CondaChannel:
    made = CondaChannel(tmp_path / "served" / "private")
    made.add_python()
    made.add_module("hello", "1.0")
    return made.index()


@pytest.fixture
def host(channel: CondaChannel) -> Iterator[str]:
    """The address of a server whose channel ``private`` needs the token."""
    with CondaChannel(channel.folder.parent).served(token=TOKEN) as address:
        yield address


def _environment(*channels: str, packages: tuple[str, ...] = ("hello",)) -> Environment:
    environment = Environment("demo")
    for channel in channels:
        environment.python.conda_dependencies.add_channel(channel)
    for package in packages:
        environment.python.conda_dependencies.add_conda_package(package)
    return environment


def _holds_token(folder: Path) -> list[str]:
    """Names and contents; those of files served, and of the source, are the user's own."""
    return [
        str(path)
        for path in folder.rglob("*")
        if "served" not in path.parts
        and (TOKEN in path.name or (path.is_file() and TOKEN.encode() in path.read_bytes()))
    ]


def test_a_token_becomes_a_variable() -> None:
    texts = ["https://h/t/abc/c", "https://h/t/abc/c::numpy", "https://h/t/${MINE}/c", "name/t/x/y"]
    replaced, tokens = conda_channels.with_variables([*texts, "https://h/t/other/d/e"])
    (first, second) = tokens
    assert replaced == [
        f"https://h/t/${{{first}}}/c",
        f"https://h/t/${{{first}}}/c::numpy",
        "https://h/t/${MINE}/c",
        "name/t/x/y",
        f"https://h/t/${{{second}}}/d/e",
    ]
    assert tokens == {first: "abc", second: "other"}
    assert first.startswith("RUNYARD_CHANNEL_TOKEN_")
    assert conda_channels.with_variables(["https://h/t/renewed/c"])[1] == {first: "renewed"}


def test_the_plan_and_the_files_have_no_token(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = _environment(
        f"https://h/t/{TOKEN}/c", packages=(f"https://h/t/{TOKEN}/d::numpy",)
    )
    spec = resolve(environment, source_directory=source)
    assert TOKEN not in repr(spec)
    assert list(conda_planning.tokens(environment.python.conda_dependencies).values()) == [
        TOKEN,
        TOKEN,
    ]
    renewed = _environment("https://h/t/new/c", packages=("https://h/t/new/d::numpy",))
    assert resolve(renewed, source_directory=source).key == spec.key
    assert TOKEN not in repr(environment)
    with caplog.at_level(logging.WARNING):
        environment.save_to_directory(str(tmp_path / "saved"))
    assert "secrets are not written: the token of a conda channel" in caplog.text
    assert _holds_token(tmp_path) == []
    loaded = Environment.load_from_directory(tmp_path / "saved").python.conda_dependencies
    assert list(loaded.conda_channels) == ["https://h/c"]
    assert "https://h/d::numpy" in loaded.conda_packages


@pytest.mark.integration
@pytest.mark.parametrize("how", ["literal", "variable", "alias"])
def test_a_run_is_built_with_it_and_nothing_keeps_it(
    host: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (source / "train.py").write_text("import hello; print(hello.version)\n")
    if how == "literal":
        named = f"{host}/t/{TOKEN}/private"
    elif how == "variable":
        named = f"{host}/t/${{MY_CHANNEL}}/private"
        monkeypatch.setenv("MY_CHANNEL", TOKEN)
    else:
        named = "private"
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"{host}/t/{TOKEN}")
    experiment = Experiment(Workspace.create("demo", path=str(tmp_path / "workspace")), "tokens")
    config = ScriptRunConfig(str(source), "train.py", environment=_environment(named))
    run = experiment.submit(config)
    run.wait_for_completion()
    log = Path(run.directory.environment_log).read_text()
    assert Path(run.directory.std_log).read_text() == "1.0\n", log
    place = named if how == "alias" else f"{host}/private"
    assert f"channel={place}/noarch" in Path(run.directory.environment_json).read_text()
    assert _holds_token(tmp_path) == []


@pytest.mark.integration
def test_a_wrong_token_is_not_shown(host: str, source: Path, tmp_path: Path) -> None:
    environment = _environment(f"{host}/t/wrong-secret/private")
    tokens = conda_planning.tokens(environment.python.conda_dependencies)
    spec = resolve(environment, source_directory=source)
    worker = Worker(spec, tmp_path / "run", tokens)
    error = worker.result(1)["error"]
    assert error["message"].startswith(f"The conda channel {host}/private refuses access: ")
    assert "wrong-secret" not in worker.log + str(error)


@pytest.mark.integration
def test_a_rerun_needs_the_token_only_to_build(
    host: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "train.py").write_text("import hello; print(hello.version)\n")
    experiment = Experiment(Workspace.create("demo", path=str(tmp_path / "workspace")), "tokens")
    environment = _environment(f"{host}/t/{TOKEN}/private")
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    run = experiment.submit(config)
    run.wait_for_completion()
    again = resubmit(run.directory, {})
    assert runs.finish(again, 60).reason is Reason.COMPLETED
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "empty"))
    runs.finish(failed := resubmit(run.directory, {}), 60)
    (name,) = conda_planning.tokens(environment.python.conda_dependencies)
    error = read_state(failed).detail["error"]
    assert error["message"] == (
        f"The conda channel {host}/t/${{{name}}}/private needs {name}, which is not set here"
    )
    assert error["hint"] == f"Set it where the run is submitted: export {name}=…"
    built = resubmit(run.directory, {name: TOKEN})
    assert runs.finish(built, 60).reason is Reason.COMPLETED


@pytest.mark.integration
def test_channels_beside_each_other_are_told_apart(
    host: str, channel: CondaChannel, source: Path, tmp_path: Path
) -> None:
    """The address of one is the beginning of the other's."""
    other = CondaChannel(tmp_path / "served" / "private-too")
    other.add_module("extra")
    other.index()
    environment = _environment(
        f"{host}/t/{TOKEN}/private", f"{host}/t/{TOKEN}/private-too", packages=("hello", "extra")
    )
    tokens = conda_planning.tokens(environment.python.conda_dependencies)
    spec = resolve(environment, source_directory=source)
    assert Worker(spec, tmp_path / "run", tokens).result()["ok"]


def test_passwords_are_refused_as_before(source: Path) -> None:
    environment = _environment(f"https://me:word@h/t/{TOKEN}/c")
    with pytest.raises(UserErrorException) as raised:
        resolve(environment, source_directory=source)
    assert "cannot be used: it holds a password" in raised.value.message
    assert TOKEN not in raised.value.message
