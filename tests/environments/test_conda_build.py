"""Conda environments with the real solver and installer, on packages made here."""

import json
import os
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runyard import Estimator, Experiment, Workspace
from runyard.environments import Environment, EnvironmentSpec, cache, resolve
from runyard.testing import runs
from tests.conda_channel import MINOR, VERSION, CondaChannel, Program
from tests.daemons import is_alive
from tests.requirements import small_disk
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

pytestmark = pytest.mark.integration

CondaPlan = Callable[..., EnvironmentSpec]


@pytest.fixture(params=[".conda"])
def channel(tmp_path: Path, request: pytest.FixtureRequest) -> CondaChannel:
    """A channel with a Python, a module and a program."""
    made = CondaChannel(tmp_path / "channel", request.param)
    made.add_python()
    made.add_module("hello", "1.0")
    made.add_module("hello", "2.0")
    made.add("tool", files={"bin/tool": Program("#!/bin/sh\necho tool of $PREFIX\n")})
    return made.index()


@pytest.fixture
def conda_plan(source: Path, channel: CondaChannel) -> CondaPlan:
    """Return a function from conda packages (pip lines, channels, Python) to the plan."""

    def make(
        *packages: str,
        pip: tuple[str, ...] = (),
        channels: tuple[str, ...] = (channel.url,),
        python: str | None = None,
    ) -> EnvironmentSpec:
        environment = Environment("demo")
        dependencies = environment.python.conda_dependencies
        for name in channels:
            dependencies.add_channel(name)
        if python:
            dependencies.set_python_version(python)
        for package in packages:
            dependencies.add_conda_package(package)
        dependencies.set_pip_requirements(pip)
        return resolve(environment, source_directory=source)

    return make


def _run(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def _leftovers() -> list[str]:
    folder = Path(cache.prefix("x")).parent
    return [name for name in os.listdir(folder) if not name.endswith(".lock")]


@pytest.mark.parametrize("channel", [".conda", ".tar.bz2"], indirect=True)
def test_a_cold_build(conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path) -> None:
    spec = conda_plan("hello=1.0", "tool")
    assert spec.kind == "conda"
    worker = Worker(spec, tmp_path / "run")
    result = worker.result()
    prefix = cache.prefix(spec.key)
    assert (result["kind"], result["prefix"], result["reused"]) == ("conda", prefix, False)
    assert result["python_version"] == VERSION
    assert _run(result["python"], "import hello; print(hello.version)") == "1.0"
    tool = subprocess.run([f"{prefix}/bin/tool"], capture_output=True, text=True)
    assert tool.stdout == f"tool of {prefix}\n"
    names = [line.split(" ")[0] for line in result["lock"]]
    assert names == ["hello=1.0=0", f"python={VERSION}=0", "tool=1.0=0"]
    assert f" channel={channel.url}/noarch sha256=" in result["lock"][0]
    log = worker.log.splitlines()
    assert log[1] == f"  channels: {channel.url}"
    assert log[2] == f"  conda packages: python={MINOR}, hello=1.0, tool"
    assert "Solving 3 conda requirements" in log
    assert any(line.startswith(" + tool=1.0=0 (") for line in log)
    assert log[-1].endswith(f" s: 3 packages in {prefix}")


def test_a_second_build_reuses_the_first(conda_plan: CondaPlan, tmp_path: Path) -> None:
    spec = conda_plan("hello")
    first = Worker(spec, tmp_path / "run").result()
    worker = Worker(spec, tmp_path / "run2")
    second = worker.result()
    assert second["reused"]
    assert {**second, "reused": False, "seconds": 0} == {**first, "seconds": 0}
    assert worker.log == f"Environment 'demo' is ready: {cache.prefix(spec.key)}\n"


def test_pip_packages_come_after_conda_packages(
    conda_plan: CondaPlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    result = Worker(conda_plan("hello=1.0", pip=("base",)), tmp_path / "run").result()
    assert result["lock"][-1] == "base==1.0"
    assert _run(result["python"], "import base, hello; print(base.version)") == "1.0"


def test_source_packages_of_the_pip_section_see_conda_programs_and_known_settings(
    conda_plan: CondaPlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    needs = "__import__('shutil').which('tool') + ' ' + os.environ['HOROVOD_WITHOUT_GLOO']"
    wheelhouse.add_source("horovod", "0.18.1", needs)
    spec = conda_plan("tool", pip=("horovod==0.18.1",))
    worker = Worker(spec, tmp_path / "run")
    said = _run(worker.result()["python"], "import horovod; print(horovod.version)")
    assert said == f"{cache.prefix(spec.key)}/bin/tool 1"
    assert "  note: if horovod is built from source, then with CC=" in worker.log


def test_a_failing_pip_section_leaves_nothing(conda_plan: CondaPlan, tmp_path: Path) -> None:
    error = Worker(conda_plan("hello", pip=("nosuch",)), tmp_path / "run").result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "nosuch")
    assert _leftovers() == []


def test_an_unknown_package(conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path) -> None:
    error = Worker(conda_plan("helo"), tmp_path / "run").result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "helo")
    assert error["message"] == (
        f"There is no conda package 'helo' for this machine in the channel {channel.url}"
    )
    assert error["hint"].startswith("Did you mean hello? ")
    assert _leftovers() == []


def test_a_version_that_does_not_exist(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    error = Worker(conda_plan("hello>=3"), tmp_path / "run").result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "hello")
    assert error["message"] == (
        "No version of the conda package 'hello' fits 'hello >=3'; there are "
        f"2.0 ({channel.url}), 1.0 ({channel.url})"
    )
    assert error["hint"] == "Ask for one of these"


def test_a_python_that_no_channel_has(conda_plan: CondaPlan, tmp_path: Path) -> None:
    error = Worker(conda_plan("tool", python="2.6"), tmp_path / "run").result(1)["error"]
    assert "No version of the conda package 'python' fits 'python 2.6.*'" in error["message"]
    assert VERSION in error["message"]


def test_a_conflict(conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path) -> None:
    channel.add("old", depends=["hello <2"])
    channel.add("new", depends=["hello >=2"])
    channel.index()
    error = Worker(conda_plan("old", "new"), tmp_path / "run").result(1)["error"]
    assert error["type"] == "unresolvable"
    assert error["package"] in ("old", "new")
    assert error["message"].startswith("No set of conda packages fits what is asked for: ")
    assert "hello >=2" in error["message"]
    assert "\n" not in error["message"]
    assert not set(error["message"]) & set("│└├")


def test_a_missing_virtual_package(
    conda_plan: CondaPlan,
    channel: CondaChannel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel.add("gpu-tool", depends=["__cuda >=99"])
    channel.index()
    without = conda_plan("gpu-tool")
    error = Worker(without, tmp_path / "run").result(1)["error"]
    assert "This machine lacks what a package needs (__cuda >=99)" in error["message"]
    assert "CONDA_OVERRIDE_CUDA" in error["hint"]
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "99.1")
    spec = conda_plan("gpu-tool")
    assert spec.key != without.key
    assert Worker(spec, tmp_path / "run2").result()["ok"]


def test_glibc_is_a_virtual_package(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    channel.add("native", depends=["__glibc >=2.5", "__linux"])
    channel.index()
    assert Worker(conda_plan("native"), tmp_path / "run").result()["ok"]


def test_the_first_channel_that_has_a_package_wins(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    other = CondaChannel(tmp_path / "other")
    other.add_module("hello", "9.0")
    other.add_module("extra")
    other.index()
    spec = conda_plan("hello", "extra", channels=(channel.url, str(other.folder)))
    lock = Worker(spec, tmp_path / "run").result()["lock"]
    assert [line.split("=")[0:2] for line in lock[:2]] == [["extra", "1.0"], ["hello", "2.0"]]
    qualified = conda_plan(f"{other.url}::hello", "tool")
    assert qualified.channels == (channel.url, other.url)
    lock = Worker(qualified, tmp_path / "run2").result()["lock"]
    assert lock[0].startswith(f"hello=9.0=0 channel={other.url}/noarch ")
    # Versions that were not asked for do not count.
    behind = conda_plan("hello>=9", channels=(channel.url, other.url))
    lock = Worker(behind, tmp_path / "run3").result()["lock"]
    assert lock[0].startswith(f"hello=9.0=0 channel={other.url}/noarch ")


def test_a_channel_folder_that_is_gone(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    spec = conda_plan("hello")
    channel.folder.rename(tmp_path / "away")
    error = Worker(spec, tmp_path / "run").result(1)["error"]
    assert error["type"] == "network"
    assert error["message"].startswith(f"The conda channel {channel.url} cannot be reached: ")
    assert "No such file" in error["message"]
    assert _leftovers() == []


def test_an_unreachable_channel(
    conda_plan: CondaPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNEL_PASSWORD", "secret-word")
    address = "http://${CHANNEL_PASSWORD}@127.0.0.1:9/packages"
    worker = Worker(conda_plan("hello", channels=(address,)), tmp_path / "run")
    error = worker.result(1)["error"]
    assert error["type"] == "network"
    assert error["message"].startswith(
        "The conda channel http://127.0.0.1:9/packages cannot be reached: Connection refused"
    )
    assert "RUNYARD_CONDA_BACKEND=pip" in error["hint"]
    assert "secret-word" not in worker.log + str(error)


def test_a_name_of_a_channel_follows_the_alias(
    conda_plan: CondaPlan,
    channel: CondaChannel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", channel.folder.parent.as_uri())
    lock = Worker(conda_plan("hello", channels=("channel",)), tmp_path / "run").result()["lock"]
    assert " channel=channel/noarch " in lock[0]


def test_downloads_are_said_and_a_second_environment_needs_no_network(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    with channel.served() as address:
        one = Worker(conda_plan("hello", "tool", channels=(address,)), tmp_path / "one")
        assert one.result()["ok"]
    assert re.search(r"^Downloading 3 packages, [\d.]+ K?B: python \(", one.log, re.MULTILINE)
    assert re.search(r"^Downloaded 3 of 3: .* \([\d.]+ K?B\)$", one.log, re.MULTILINE), one.log
    two = Worker(conda_plan("hello", channels=(address,)), tmp_path / "two")
    assert two.result()["ok"]
    assert "Downloading" not in two.log
    three = Worker(
        conda_plan("tool", channels=(address,)), tmp_path / "three", {"CONDA_OFFLINE": "1"}
    )
    assert three.result()["ok"]


def test_an_index_that_has_not_changed_is_not_fetched_again(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    answers: list[str] = []
    with channel.served(answers=answers) as address:
        plans = [conda_plan(name, channels=(address,)) for name in ("hello", "tool")]
        assert Worker(plans[0], tmp_path / "one").result()["ok"]
        first = [answer for answer in answers if "repodata" in answer]
        answers.clear()
        assert Worker(plans[1], tmp_path / "two").result()["ok"]
    assert any(answer.endswith(" 200") for answer in first)
    again = [answer for answer in answers if "repodata" in answer]
    assert again, answers
    assert not [answer for answer in again if answer.endswith(" 200")]


def test_a_server_that_says_unchanged_without_a_date_is_asked_again(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    answers: list[str] = []
    with channel.served(answers=answers, dates=False) as address:
        plans = [conda_plan(name, channels=(address,)) for name in ("hello", "tool")]
        assert Worker(plans[0], tmp_path / "one").result()["ok"]
        answers.clear()
        assert Worker(plans[1], tmp_path / "two").result()["ok"]
    codes = {answer.split(" ")[1] for answer in answers if "repodata" in answer}
    assert {"200", "304"} <= codes


def test_offline_without_a_cache(conda_plan: CondaPlan, tmp_path: Path) -> None:
    spec = conda_plan("hello", channels=("http://127.0.0.1:9/packages",))
    error = Worker(spec, tmp_path / "run", {"CONDA_OFFLINE": "1"}).result(1)["error"]
    assert error["type"] == "network"
    assert "Only the cache may be used (CONDA_OFFLINE or UV_OFFLINE)" in error["message"]


def test_no_password_is_written_anywhere(
    conda_plan: CondaPlan,
    channel: CondaChannel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHANNEL_USER", "me")
    monkeypatch.setenv("CHANNEL_PASSWORD", "secret-word")
    with channel.served(password="secret-word") as address:
        private = address.replace("://", "://${CHANNEL_USER}:${CHANNEL_PASSWORD}@")
        worker = Worker(conda_plan("hello", channels=(private,)), tmp_path / "run")
        assert worker.result()["ok"], worker.log
        plain = Worker(
            conda_plan("hello", channels=(address,)),
            tmp_path / "run2",
            {"RUNYARD_CACHE_DIR": str(tmp_path / "empty")},
        )
        error = plain.result(1)["error"]
    assert error["type"] == "unauthorized"
    assert f"The conda channel {address} refuses access" in error["message"]
    written = [*(tmp_path / "run").iterdir()]
    written += [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(written) > 10
    for path in written:
        assert b"secret-word" not in path.read_bytes(), path


def test_activation_scripts_and_variables(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    channel.add(
        "sets",
        files={
            "etc/conda/activate.d/a.sh": 'export DATA_OF_TOOL="$CONDA_PREFIX/share"\n',
            "etc/conda/env_vars.d/sets.json": json.dumps({"PLAIN": "1"}),
        },
    )
    channel.index()
    spec = conda_plan("sets")
    result = Worker(spec, tmp_path / "run").result()
    wanted = {"PLAIN": "1", "DATA_OF_TOOL": f"{cache.prefix(spec.key)}/share"}
    assert result["variables"] == wanted
    marker = cache.built(spec.key)
    assert marker is not None
    assert marker["variables"] == wanted


def test_builders_of_one_key_meet(conda_plan: CondaPlan, source: Path, tmp_path: Path) -> None:
    gated = GatedProject.make(source / "gated")
    spec = conda_plan("hello", pip=("./gated",))
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    second = Worker(spec, tmp_path / "two")
    second.wait_for_log("Waiting for another build of this environment: process")
    gated.open()
    assert not first.result()["reused"]
    assert second.result()["reused"]


def test_builders_of_different_keys_share_the_packages(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    with channel.served() as address:
        plans = [("hello",), ("tool",), ("hello", "tool")]
        workers = [
            Worker(conda_plan(*packages, channels=(address,)), tmp_path / str(number))
            for number, packages in enumerate(plans)
        ]
        assert all(worker.result()["ok"] for worker in workers)


def test_a_builder_killed_in_the_middle(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    gate = threading.Event()
    with channel.served(gate=gate) as address:
        spec = conda_plan("hello", channels=(address,))
        first = Worker(spec, tmp_path / "one")
        first.wait_for_log("Downloading ")
        (solver,) = psutil.Process(first.process.pid).children()
        first.process.kill()
        first.process.wait()
        assert cache.built(spec.key) is None
        assert not first.has_result
        runs.wait_for(lambda: not is_alive(solver))
        gate.set()
        second = Worker(spec, tmp_path / "two")
        assert not second.result()["reused"]
    assert "Removing what an unfinished build left" in second.log
    assert "Waiting" not in second.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_builder_cleans_up(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path, number: signal.Signals
) -> None:
    with channel.served(gate=threading.Event()) as address:
        spec = conda_plan("hello", channels=(address,))
        worker = Worker(spec, tmp_path / "one")
        worker.wait_for_log("Downloading ")
        (solver,) = psutil.Process(worker.process.pid).children()
        worker.process.send_signal(number)
        assert worker.result(1)["error"]["type"] == "cancelled"
        assert not solver.is_running()
    assert _leftovers() == []


def test_a_solver_that_is_killed(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    with channel.served(gate=threading.Event()) as address:
        worker = Worker(conda_plan("hello", channels=(address,)), tmp_path / "one")
        worker.wait_for_log("Downloading ")
        (solver,) = psutil.Process(worker.process.pid).children()
        solver.kill()
        error = worker.result(1)["error"]
    assert error["type"] == "killed"
    assert error["hint"] == "The machine may have run out of memory"
    assert _leftovers() == []


def test_a_file_size_limit_is_a_full_disk(
    conda_plan: CondaPlan, channel: CondaChannel, tmp_path: Path
) -> None:
    channel.add("big", files={"share/big": os.urandom(8 << 20)})
    channel.index()
    spec = conda_plan("big")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, limit[1]))
    try:
        worker = Worker(spec, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert worker.result(1)["error"]["type"] == "disk_full", worker.log
    assert _leftovers() == []


def test_a_full_disk_is_named_and_the_next_build_succeeds(
    conda_plan: CondaPlan,
    channel: CondaChannel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel.add("big", files={"share/big": os.urandom(8 << 20)})
    channel.index()
    with small_disk(tmp_path / "small", "4m") as disk, channel.served() as address:
        monkeypatch.setenv("RUNYARD_CACHE_DIR", str(disk))
        spec = conda_plan("big", channels=(address,))
        worker = Worker(spec, tmp_path / "one")
        error = worker.result(1)["error"]
        assert "Downloading 2 packages, 8.4 MB" in worker.log
        assert error["type"] == "disk_full", worker.log
        assert error["message"].startswith("There is no space left on the disk, or in the quota, ")
        assert _leftovers() == []
        used = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file())
        assert used < 1 << 20
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        result = Worker(spec, tmp_path / "two").result()
        assert os.path.getsize(f"{result['prefix']}/share/big") == 8 << 20


def test_an_estimator_with_a_conda_file_runs_in_it(
    channel: CondaChannel, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    project = tmp_path / "project"
    project.mkdir()
    (project / "conda.yml").write_text(
        f"channels: [{channel.url}]\ndependencies: [tool, hello=1.0, {{pip: [base]}}]\n"
        "variables: {FROM_FILE: yes-it-is}\n"
    )
    (project / "train.py").write_text(
        "import base, hello, os, subprocess, sys\n"
        "print(hello.version, base.version, os.environ['FROM_FILE'])\n"
        "print(subprocess.check_output(['tool']).decode().strip())\n"
        "assert os.environ['CONDA_PREFIX'] == sys.prefix\n"
    )
    workspace = Workspace.create("demo", path=str(tmp_path / "workspace"))
    estimator = Estimator(
        str(project),
        compute_target="local",
        entry_script="train.py",
        conda_dependencies_file="conda.yml",
    )
    run = Experiment(workspace, "conda").submit(estimator)
    run.wait_for_completion()
    written = Path(run.directory.environment_json)
    prefix = json.loads(written.read_text())["prefix"]
    log = (written.parent / "user_logs" / "std_log.txt").read_text()
    assert log == f"1.0 1.0 yes-it-is\ntool of {prefix}\n"
    assert run.get_status() == "Completed"
