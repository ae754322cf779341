"""Starting a program in which ``azureml`` is ours, for ``runyard exec``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import NoReturn

from runyard import _lending, _tree
from runyard.errors import UserErrorException


def execute(words: Sequence[str]) -> NoReturn:
    """Become the command. Raises UserErrorException for one that is not there."""
    argv = command(words)
    program = shutil.which(argv[0])
    if program is None:
        raise UserErrorException(
            f"there is no program {argv[0]!r} on PATH; give a command, a Python script or a "
            "notebook: runyard exec -- python submit.py"
        )
    sys.stdout.flush()
    os.execve(program, argv, environment(os.environ))


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables with which Python finds our ``azureml`` before any other."""
    own = [path for path in inherited.get("PYTHONPATH", "").split(os.pathsep) if path]
    others = [path for path in own if path != _tree.SCRIPT_PATH]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([_tree.SCRIPT_PATH, *others]),
        _lending.VARIABLE: _lending.offer(),
    }


def command(words: Sequence[str]) -> list[str]:
    """The words as a command: scripts and notebooks get the program that runs them."""
    name = words[0].lower()
    if name.endswith((".py", ".ipynb")) and not os.path.isfile(words[0]):
        raise UserErrorException(f"there is no file {words[0]!r} in {os.getcwd()}")
    if name.endswith(".py"):
        return [sys.executable, *words]
    if name.endswith(".ipynb"):
        return _notebook(words[0], words[1:])
    return list(words)


def _notebook(path: str, more: Sequence[str]) -> list[str]:
    """Executed by papermill, or by nbconvert, in the interpreter of runyard.

    Public notebooks name kernels that only their author's machine had (``python36``,
    ``python3-azureml``). What the user gives wins over the kernel chosen here.
    """
    output = f"{path[: -len('.ipynb')]}.output.ipynb"
    programs = [name for name in ("papermill", "nbconvert") if find_spec(name)]
    if not programs or find_spec("ipykernel") is None:
        raise UserErrorException(
            f"{path!r} is a notebook, and {sys.executable} has not got what executes one: "
            f"{sys.executable} -m pip install papermill ipykernel; or start yours: "
            "runyard exec -- jupyter lab"
        )
    if programs[0] == "papermill":
        options = ["--log-output", "--cwd", os.path.dirname(os.path.abspath(path))]
        kernel = ["--kernel", "python3", "--language", "python"]
        chosen = [*options, *_unless_foreign(path, kernel), *more]
        return [sys.executable, "-m", "papermill", path, output, *chosen]
    name = os.path.basename(output)
    options = ["--to", "notebook", "--execute", "--output", name]
    kernel = ["--ExecutePreprocessor.kernel_name=python3"]
    chosen = [*options, *_unless_foreign(path, kernel), *more]
    return [sys.executable, "-m", "nbconvert", *chosen, path]


def _unless_foreign(path: str, kernel: list[str]) -> list[str]:
    """The options, or none for a notebook of another language, which has a kernel of its own."""
    from runyard.config import notebooks

    return [] if notebooks.is_of_another_language(path) else kernel
