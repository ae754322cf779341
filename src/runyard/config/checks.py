"""What can be checked of a run before anything starts, piece by piece."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.errors import (
    ExperimentExecutionException,
    UserErrorException,
)

if TYPE_CHECKING:
    from runyard.history.snapshots import SnapshotPlan


def source_directory(given: object) -> Path:
    """The absolute path of the source folder. Raises UserErrorException when it is none."""
    if not isinstance(given, (str, os.PathLike)):
        raise UserErrorException(
            f"source_directory is {given!r} of type {type(given).__name__}; give the path of the "
            "folder that holds the script"
        )
    path = Path(os.path.abspath(given))
    if path.is_dir():
        return path
    if path.exists():
        raise UserErrorException(
            f"source_directory={str(given)!r} is a file; give the folder it lies in "
            f"({str(path.parent)!r}) and name the file with script"
        )
    looked_at = "" if str(given) == str(path) else f" (looked at {str(path)!r})"
    raise UserErrorException(
        f"source_directory={str(given)!r} does not exist{looked_at}; give the folder that holds "
        "the script"
    )


def script_name(given: object, source: Path) -> str:
    """The script's path inside the source folder, in its plain form.

    Raises ExperimentExecutionException when it is no file in there (spec 9.2). Whether the
    ignore rules let it into the snapshot is not looked at here.
    """
    if not isinstance(given, (str, os.PathLike)) or "\0" in os.fspath(given):
        raise UserErrorException(f"script is {given!r}; give a path inside the source folder")
    text = str(os.fspath(given))
    name = os.path.normpath(text)
    _refuse_outside(text, name, source)
    path = source / name
    if path.exists() and not path.is_file():
        raise ExperimentExecutionException(
            f"script={text!r} is not a file in {str(source)!r}; give a file, such as 'train.py'"
        )
    if not path.exists():
        raise ExperimentExecutionException(
            f"{str(path)!r}: the script path does not exist; script={text!r} must lie inside the "
            f"project folder {str(source)!r}{_nearby(name, source)}"
        )
    return name


def _refuse_outside(text: str, name: str, source: Path) -> None:
    if not (os.path.isabs(name) or name.split(os.sep, 1)[0] == os.pardir):
        return
    inside = os.path.relpath(os.path.join(source, name), source)
    if inside.split(os.sep, 1)[0] == os.pardir:
        advice = "copy it in, or give a source_directory that holds it"
    else:
        advice = f"give its path inside the folder: {inside!r}"
    raise ExperimentExecutionException(
        f"script={text!r} leads outside the project folder {str(source)!r}, and only that folder "
        f"is copied for the run; {advice}"
    )


def _nearby(name: str, source: Path) -> str:
    """'; did you mean …' when there is a file like it; the usual slip is a folder too many."""
    import difflib

    parts = Path(name).parts
    tails = [os.path.join(*parts[start:]) for start in range(1, len(parts))]
    found = next((tail for tail in tails if (source / tail).is_file()), None)
    if found is None:
        names = [entry.name for entry in os.scandir(source) if entry.is_file()]
        found = next(iter(difflib.get_close_matches(parts[-1], sorted(names), n=1)), None)
    return f"; did you mean {found!r}?" if found else ""


def duration_s(given: object) -> float | None:
    """A time limit in seconds; None is no limit. Raises UserErrorException."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        raise UserErrorException(
            f"max_run_duration_seconds is {given!r} of type {type(given).__name__}; give a "
            "number of seconds, or None for no limit"
        )
    if not math.isfinite(given) or given <= 0:
        raise UserErrorException(
            f"max_run_duration_seconds={given!r} is not above zero and finite; give a number of "
            "seconds such as 3600, or None for no limit"
        )
    return float(given)


def restarts(given: object) -> int:
    """How often a lost run is started again; None is 0. Raises UserErrorException."""
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise UserErrorException(
            f"max_restarts={given!r} is not a whole number of at least 0; give how often a run "
            "that was lost is to be started again, such as 2"
        )
    return given


def variables(given: object, parameter: str = "environment_variables") -> dict[str, str]:
    """Environment variables as text. Raises UserErrorException naming the variable."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UserErrorException(
            f"{parameter} is {given!r} of type {type(given).__name__}; give a dict such as "
            "{'LOG_LEVEL': 'debug'}"
        )
    return {
        _variable_name(name, parameter): _variable_value(name, value, parameter)
        for name, value in given.items()
    }


def _variable_name(name: object, parameter: str) -> str:
    if isinstance(name, str) and name and not any(c in "=\0" or c.isspace() for c in name):
        return name
    raise UserErrorException(
        f"{parameter}: {name!r} cannot be the name of a variable; give text that is not empty "
        "and holds no '=', no white space and no NUL character"
    )


def _variable_value(name: object, value: object, parameter: str) -> str:
    # The value is not shown: it may be a secret.
    if value is None:
        raise UserErrorException(f"{parameter}[{name!r}] is None; leave it out, or give ''")
    text = str(value)
    if "\0" in text:
        raise UserErrorException(
            f"{parameter}[{name!r}] holds a NUL character, which no variable can; remove it"
        )
    return text


def result_folders(source: Path, snapshot: SnapshotPlan) -> None:
    """Raise UserErrorException when ``outputs`` or ``logs`` is a file that would be copied."""
    for name in ("outputs", "logs"):
        path = source / name
        if os.path.lexists(path) and not path.is_dir() and name not in snapshot.skipped:
            raise UserErrorException(
                f"{str(path)!r} is a file, and a run keeps its results in a folder of that name; "
                "rename the file, or name it in .amlignore"
            )


def script_in_snapshot(script: str, source: Path, snapshot: SnapshotPlan) -> None:
    """Raise ExperimentExecutionException when the ignore rules leave the script out.

    ``snapshot.skipped`` may be cut short; ``submission`` looks again then.
    """
    skipped = frozenset(snapshot.skipped)
    if any(place in skipped for name in names_of(script, source) for place in _places(name)):
        raise left_out(script, source)


def names_of(script: str, source: Path) -> tuple[str, str]:
    """The script's path as given, and where symlinks on the way lead."""
    return script, os.path.relpath(os.path.realpath(source / script), os.path.realpath(source))


def _places(name: str) -> list[str]:
    """The path itself and the folders above it, as ``SnapshotPlan.skipped`` has them."""
    return [name, *(f"{folder}/" for folder in Path(name).parents)]


def left_out(script: str, source: Path) -> ExperimentExecutionException:
    """The error for a script that is not in the snapshot."""
    return ExperimentExecutionException(
        f"script={script!r} is left out of the snapshot by the ignore rules in force in "
        f"{str(source)!r}; take it out of .amlignore or .gitignore, or add the line "
        f"'!/{script}' there"
    )


def node_count(given: object) -> int:
    """How many nodes; whether the target has so many is for it to say."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UserErrorException(f"node_count={given!r} is not a whole number of at least 1")
    return given
