"""The command line of the user's script, by what kind of file it is."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NOTEBOOK = "runyard.job.notebook"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_RANK_MAIN = os.path.join(_PACKAGE, "job", "mpi_main.py")


def command_line(spec: Mapping[str, Any], python: str) -> list[str]:
    """The argv of one process of a run; ``spec`` as it stands in run.json.

    A ``command`` given as text is the user's own shell text and goes to a shell; a list is an
    argv. ``python``: the interpreter of the run's environment.
    """
    command = spec.get("command")
    if isinstance(command, str):
        return ["bash", "-c", command]
    if command:
        return [str(part) for part in command]
    arguments = (str(argument) for argument in spec.get("arguments") or ())
    return [*_started(str(spec["script"]), spec.get("entry"), python), *arguments]


def _started(script: str, entry: Mapping[str, Any] | None, python: str) -> list[str]:
    if script.startswith("-"):  # what starts it would take the name for an option
        script = "./" + script
    if entry is None:  # a run of an older version
        return ["bash" if script.endswith(".sh") else python, script]
    if entry["kind"] == "module":
        return [python, "-m", str(entry["module"])]
    if entry["kind"] == "notebook":
        return [python, "-m", _NOTEBOOK, script]
    if entry["kind"] == "program":
        return (
            [*map(str, entry["interpreter"]), script] if entry["interpreter"] else ["./" + script]
        )
    return [python, script]


def of_rank(spec: Mapping[str, Any], python: str) -> list[str]:
    """The argv of a process that others wait for, and that waits for others.

    Python runs the script through our own start of it (``job/mpi_main.py``), which says at once
    that the script has failed, and does not let it wait for its peers at its end.
    """
    argv = command_line(spec, python)
    if argv[0] != python or spec.get("command"):
        return argv
    return [python, _RANK_MAIN, *argv[1:]]


def python_path(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Folders of the working directory that the script's Python looks for modules in."""
    return tuple((spec.get("entry") or {}).get("python_path") or ())


def variables(spec: Mapping[str, Any], python: str) -> dict[str, str]:
    """What a program of another language finds, beside the variables of all runs."""
    interpreter = (spec.get("entry") or {}).get("interpreter") or ()
    name = "RETICULATE_PYTHON"
    if tuple(interpreter) == ("Rscript",) and name not in spec["environment_variables"]:
        return {name: python}
    return {}
