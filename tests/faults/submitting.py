"""A project and a workspace, and submits as users write them: what tests of faults share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.history.run import Run
from runyard.record.layout import WorkspaceDirectory

ROOT = Path(__file__).parents[2]


def workspace(folder: Path) -> WorkspaceDirectory:
    """A new workspace in the folder."""
    return Workspace.create("faults", path=folder, show_output=False).directory


def source(folder: Path, script: str) -> Path:
    """A new source folder with that ``train.py``."""
    (folder / "lib").mkdir(parents=True)
    (folder / "train.py").write_text(script)
    (folder / "lib" / "__init__.py").write_text("")
    return folder


def configured(folder: Path, *arguments: Any, **changes: Any) -> ScriptRunConfig:
    """The script of a source folder, under this interpreter.

    ``changes``: keyword arguments of ScriptRunConfig.
    """
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    given = {"environment": environment, "arguments": list(arguments), **changes}
    return ScriptRunConfig(str(folder), "train.py", **given)


def submit(place: WorkspaceDirectory, folder: Path, *arguments: Any, **changes: Any) -> Run:
    """Submit the script of a source folder to a workspace that is opened for it."""
    experiment = Experiment(Workspace.at(place), "exp")
    return experiment.submit(configured(folder, *arguments, **changes))


def program(text: str, *arguments: object, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a Python program that can import the tests; its output can be read.

    ``before``: a command that starts others, with its options.
    """
    argv = [*before, sys.executable, "-c", text, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
