"""Whole runs of scripts that are more, or other, than one Python file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record.events import State
from runyard.record.states import Reason
from runyard.testing import runs

Submitted = Callable[..., "tuple[State, str]"]


@pytest.fixture
def submitted(tmp_path: Path) -> Submitted:
    """Submit a script of these files; returns how it ended, and its log."""
    workspace: Any = Workspace.create("tests", path=str(tmp_path / "ws"), show_output=False)
    environment = Environment("here")
    environment.python.user_managed_dependencies = True

    def run(script: str, files: dict[str, str], *arguments: object) -> tuple[State, str]:
        source = tmp_path / "source"
        for name, content in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        config = ScriptRunConfig(source, script, list(arguments), environment=environment)
        started = config.submit_to(Experiment(workspace, "exp"))
        state = runs.finish(started.directory)
        return state, runs.log_of(started.directory)

    return run


_PACKAGE = {
    "pkg/__init__.py": "",
    "pkg/data.py": "from .size import SIZE\n",
    "pkg/size.py": "SIZE = 3\n",
}
_SHOWN = "import sys; print(__name__, SIZE, sys.argv[1:])"


@pytest.mark.parametrize(
    "line",
    ["from .data import SIZE", "from pkg.data import SIZE", "from size import SIZE"],
)
@pytest.mark.parametrize("script", ["pkg/train.py", "pkg.train"])
def test_a_module_of_a_package_imports_its_neighbours_either_way(
    submitted: Submitted, line: str, script: str
) -> None:
    files = {**_PACKAGE, "pkg/train.py": f"{line}\n{_SHOWN}\n"}
    state, log = submitted(script, files, "--lr", 0.1)
    assert (state.reason, log) == (Reason.COMPLETED, "__main__ 3 ['--lr', '0.1']\n")


def test_the_traceback_of_a_module_leads_to_its_file(submitted: Submitted) -> None:
    code = "from .data import SIZE\n\ndef train():\n    raise ValueError(SIZE)\n\ntrain()\n"
    state, _ = submitted("pkg/train.py", {**_PACKAGE, "pkg/train.py": code})
    assert state.reason is Reason.SCRIPT_EXCEPTION
    error = state.detail["error"]
    assert (error["type"], error["message"]) == ("ValueError", "3")
    assert error["location"]["file"].endswith("/work/pkg/train.py")
    assert (error["location"]["line"], error["location"]["function"]) == (4, "train")


def test_workers_of_a_module_find_it(submitted: Submitted) -> None:
    code = """
from .data import SIZE
import multiprocessing

def work(number):
    return number * SIZE

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
"""
    state, log = submitted("pkg/train.py", {**_PACKAGE, "pkg/train.py": code})
    assert (state.reason, log) == (Reason.COMPLETED, "[3, 6]\n")


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("a.sh", 'echo "$0 $1"; exit 4\n', 4, "a.sh proj_1"),
        ("a.sh", '#!/bin/sh -u\necho "$1"; echo "$NONE"\n', None, "proj_1"),
        ("train", "#!/usr/bin/env -S sh -e\nfalse\nexit 0\n", 1, ""),
        ("train", "#!/usr/bin/env python2.7\nimport sys\nsys.exit(sys.version_info[0])", 3, ""),
    ],
)
def test_scripts_of_a_shell_and_with_a_first_line(
    submitted: Submitted, name: str, content: str, code: int | None, said: str
) -> None:
    state, log = submitted(name, {name: content}, "proj_1")
    assert state.reason is Reason.SCRIPT_EXIT_CODE
    assert code is None or state.detail["exit_code"] == code
    assert log.startswith(said)


def test_a_program_that_is_gone_by_then_is_named(
    submitted: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "julia").touch(mode=0o755)
    from runyard.config import programs

    monkeypatch.setattr(programs, "check", lambda *_: None)
    state, _ = submitted("a.jl", {"a.jl": f"#!{tools}/none\n"})
    assert state.reason is Reason.LAUNCH_FAILED
    assert state.detail["error"]["message"] == (
        f"there is no program '{tools}/none': install it on this machine, or use an environment "
        "or an image that has it"
    )


_R = """
arguments <- commandArgs(trailingOnly = TRUE)
cat(arguments, "\\n")
cat(Sys.getenv("AZUREML_RUN_ID"), Sys.getenv("MODE"), "\\n")
log <- function(name, value) system2("python", c("-m", "runyard.job", "metric", name, value))
log("accuracy", 0.9)
writeLines("weights", file.path("outputs", "model.txt"))
if (length(arguments) > 2) stop("no data")
"""


def test_r_scripts(tmp_path: Path, tool: Callable[[str], str], submitted: Submitted) -> None:
    tool("Rscript")
    state, log = submitted("train.R", {"train.R": _R}, "--lr", "$AZUREML_RUN_ID")
    run = next((tmp_path / "ws" / ".runyard" / "runs" / "exp").iterdir())
    assert state.reason is Reason.COMPLETED, log
    assert log.split() == ["--lr", run.name, run.name]
    assert (run / "outputs" / "model.txt").read_text() == "weights\n"
    metrics = "".join(path.read_text() for path in (run / "metrics").iterdir())
    assert '"n":"accuracy","v":0.9' in metrics
    state, log = submitted("train.R", {"train.R": _R}, 1, 2, 3)
    assert state.reason is Reason.SCRIPT_EXIT_CODE
    assert log.endswith("Error: no data\nExecution halted\n")
    assert os.path.isdir(run)
