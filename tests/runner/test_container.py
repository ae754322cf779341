"""What starts a script in a container, where no engine is needed to see it."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.containers import gpus
from runyard.containers.engine import Engine
from runyard.runner import container
from runyard.testing import runs

SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]
FIRST = str(Path(container.__file__).with_name("container.sh"))


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """/bin/sh of an image is one of these."""
    return [request.param, *(["sh"] if request.param == "busybox" else [])]


def run(
    shell: list[str], folder: Path, *command: str, given: str = "", home: str = "/"
) -> subprocess.CompletedProcess[str]:
    argv = [*shell, FIRST, str(folder / "log"), str(folder), *command]
    variables = {"PATH": "/usr/bin:/bin", "HOME": home}
    return subprocess.run(
        argv,
        input=given + container.ALL,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def log(folder: Path) -> str:
    return (folder / "log").read_text()


def test_a_program_that_is_not_in_the_image_is_named(tmp_path: Path, shell: list[str]) -> None:
    done = run(shell, tmp_path, "Rscript", "train.R", given="export PATH=/nowhere\n")
    assert (done.returncode, done.stderr) == (127, "the image has no program Rscript\n")
    assert log(tmp_path) == ""


@pytest.mark.parametrize("value", ["it's", "a b\nc\n", "$HOME `id` \\", "", "ä\udcff", "-n"])
def test_variables_arrive_as_they_are(tmp_path: Path, shell: list[str], value: str) -> None:
    given = container.exports({"VALUE": value}, "python3", "me")
    code = "import os; open('value', 'wb').write(os.environb[b'VALUE'])"
    argv = [*shell, FIRST, str(tmp_path / "log"), str(tmp_path), "python3", "-c", code]
    done = subprocess.run(
        argv,
        input=(given + container.ALL).encode(errors="surrogateescape"),
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, log(tmp_path)
    assert (tmp_path / "value").read_bytes() == value.encode(errors="surrogateescape")


def test_variables_that_were_cut_off_start_nothing(tmp_path: Path, shell: list[str]) -> None:
    """As by an engine's client that was killed while it handed them over."""
    whole = container.exports({"FIRST": "1", "LAST": "it's"}, "python3", "me") + container.ALL
    argv = [*shell, FIRST, str(tmp_path / "log"), str(tmp_path), "touch", str(tmp_path / "ran")]
    for length in range(0, len(whole) - len("=yes\n"), 7):
        done = subprocess.run(
            argv,
            input=whole[:length].encode(),
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0, whole[:length]
    assert not (tmp_path / "ran").exists()


def test_folders_of_ours_come_before_those_of_the_image(tmp_path: Path, shell: list[str]) -> None:
    given = container.exports({"PYTHONPATH": "/mine"}, "/opt/env/bin/python", "me")
    assert run(shell, tmp_path, "sh", "-c", "echo $PATH $PYTHONPATH", given=given).returncode == 0
    path, pythonpath = log(tmp_path).split()
    assert path == "/opt/env/bin:/usr/bin:/bin"
    assert pythonpath == "/opt/runyard-job/runyard/job/path:/mine"


def test_stdout_and_stderr_are_in_order_behind_what_was_there(
    tmp_path: Path, shell: list[str]
) -> None:
    (tmp_path / "log").write_text("first\n")
    done = run(shell, tmp_path, "sh", "-c", "for i in 1 2 3; do echo $i; echo $i >&2; done; cat")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log(tmp_path).split() == ["first", "1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_that_of_the_script(tmp_path: Path, shell: list[str], code: int) -> None:
    assert run(shell, tmp_path, "sh", "-c", f"exit {code}").returncode == code


def test_a_signal_that_ends_the_script_is_told_and_not_logged(
    tmp_path: Path, shell: list[str]
) -> None:
    assert run(shell, tmp_path, "sh", "-c", "kill -SEGV $$").returncode == 128 + signal.SIGSEGV
    assert log(tmp_path) == ""


def test_a_log_that_cannot_be_written_is_said_to_the_client(shell: list[str]) -> None:
    done = run(shell, Path("/nowhere"), "true")
    assert done.returncode == 125
    assert "/nowhere/log" in done.stderr


def test_a_user_without_a_home_gets_one(tmp_path: Path, shell: list[str]) -> None:
    run(shell, tmp_path, "sh", "-c", 'cd "$HOME" && pwd', home="/nonexistent")
    assert log(tmp_path) == "/tmp/home\n"
    (tmp_path / "log").write_text("")
    for home in (tmp_path, tmp_path.parent):
        run(shell, tmp_path, "sh", "-c", "echo $HOME", home=str(home))
    assert log(tmp_path) == f"/tmp/home\n{tmp_path.parent}\n"


def test_term_reaches_the_script_which_may_take_its_time(tmp_path: Path, shell: list[str]) -> None:
    script = "trap 'sleep 0.2; echo saved; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    argv = [*shell, FIRST, str(tmp_path / "log"), str(tmp_path), "sh", "-c", script]
    process = subprocess.Popen(argv, stdin=container.in_memory(container.ALL))
    runs.wait_for(lambda: (tmp_path / "log").exists() and log(tmp_path) == "ready\n")
    process.terminate()
    assert process.wait(60) == 3
    assert log(tmp_path) == "ready\nsaved\n"


def test_a_stop_signal_does_not_end_the_wait(tmp_path: Path, shell: list[str]) -> None:
    """A script that ignores TERM is waited for all the same."""
    script = "trap '' TERM; echo ready; sleep 0.5; exit 4"
    argv = [*shell, FIRST, str(tmp_path / "log"), str(tmp_path), "sh", "-c", script]
    process = subprocess.Popen(argv, stdin=container.in_memory(container.ALL))
    runs.wait_for(lambda: (tmp_path / "log").exists() and log(tmp_path) == "ready\n")
    for _ in range(3):
        process.terminate()
        time.sleep(0.05)
    assert process.wait(60) == 4


def test_the_variables_are_the_runs_and_few_of_the_submitters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = runs.make_run(runs.workspace(tmp_path))
    record: dict[str, Any] = {
        "spec": runs.spec(environment_variables={"A": "1"}, secret_variables=["MY_TOKEN"])
    }
    prefix = {"python": "python3", "prefix": "", "submitter_python": "/x"}
    for name, value in {"MY_TOKEN": "s", "LD_PRELOAD": "/leak", "https_proxy": "p"}.items():
        monkeypatch.setenv(name, value)
    env = container.variables(made, record, prefix, {"RANK": "0"})
    assert (env["A"], env["MY_TOKEN"], env["https_proxy"], env["RANK"]) == ("1", "s", "p", "0")
    assert env["RUNYARD_RUN_DIRECTORY"] == made.path
    assert "LD_PRELOAD" not in env
    assert "PATH" not in env
    assert shlex.quote("/x") in container.exports(env, "python3", "me")


def test_gpus_that_cannot_be_had_are_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine without NVIDIA's toolkit starts nothing that asks for GPUs."""
    made = runs.make_run(runs.workspace(tmp_path))
    engine = Engine("docker", "/usr/bin/docker")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert container._has_gpus(made, engine, []) is False
    assert not Path(made.environment_log).exists()
    monkeypatch.setattr(gpus, "are_here", lambda: True)
    assert container._has_gpus(made, engine, ["--gpus=1"]) is False
    assert container._has_gpus(made, engine, []) is False
    assert "note: docker has no NVIDIA container toolkit" in Path(made.environment_log).read_text()
    (tmp_path / "nvidia-ctk").touch(mode=0o755)
    assert container._has_gpus(made, engine, []) is True


def test_the_client_of_the_engine_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MY_TOKEN", "RUNYARD_REGISTRY_PASSWORD", "DOCKER_HOST"):
        monkeypatch.setenv(name, "given")
    given = container.of_client(["MY_TOKEN"])
    assert given["DOCKER_HOST"] == "given"
    assert not {"MY_TOKEN", "RUNYARD_REGISTRY_PASSWORD"} & given.keys()


def test_names_of_users_may_be_anything(tmp_path: Path, shell: list[str]) -> None:
    given = container.exports({}, "python3", "an odd 'name'")
    run(shell, tmp_path, "sh", "-c", 'echo "$USER|$LOGNAME"', given=given)
    assert log(tmp_path) == "an odd 'name'|an odd 'name'\n"
