"""What names and paths of data may be."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import PurePosixPath

from runyard.data import places
from runyard.errors import UserErrorException

MODES = ("mount", "download", "upload")

_WORD = re.compile(r"[A-Za-z0-9_]{1,255}\Z")
_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}\Z")


def checked_datastore(name: object) -> str:
    """A valid name of a datastore, as it is. Raises UserErrorException otherwise."""
    return _word("datastore name", name)


def checked_reference(name: object) -> str:
    """A valid name of a data reference, as it is. Raises UserErrorException otherwise."""
    return _word("data_reference_name", name)


def checked_input(what: str, name: object) -> str:
    """A valid name of a dataset that a run reads or leaves, as it is (spec 15.3).

    ``what``: of which it is the name, for the message. Raises UserErrorException otherwise.
    """
    if isinstance(name, str) and _INPUT.match(name):
        return name
    raise UserErrorException(
        f"{what} {name!r} is not valid: give 1 to 255 English letters, digits and '_' that do "
        "not begin with a digit, such as 'training_data'"
    )


def warn_of_variable(what: str, name: str) -> None:
    """Warn of a name that the script does not find as a variable of its own."""
    if places.is_kept(name):
        warnings.warn(
            f"{what} {name!r} is that of a variable which every program needs, and it keeps its "
            f"value; the script finds the data at $AZUREML_DATAREFERENCE_{name}",
            stacklevel=4,
        )


def _word(what: str, name: object) -> str:
    # It becomes a part of the variable $AZUREML_DATAREFERENCE_<name>.
    if isinstance(name, str) and _WORD.match(name):
        return name
    raise UserErrorException(
        f"{what} {name!r} is not valid: give 1 to 255 English letters, digits and '_', such as "
        "'training_images'"
    )


def checked_mode(mode: object) -> str:
    """'mount', 'download' or 'upload', as it is. Raises UserErrorException otherwise."""
    if mode in MODES:
        return str(mode)
    raise UserErrorException(f"mode={mode!r} is not known; give one of {', '.join(MODES)}")


def inside(path: object) -> str:
    """A path on a datastore in its plain form: relative with '/', '' for all of it.

    ``./a//b/`` and ``/a/b`` are ``a/b``. Raises UserErrorException for one that leads outside.
    """
    if path is None:
        return ""
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fspath(path):
        raise UserErrorException(
            f"path on a datastore is {path!r}; give text such as 'images/train', or None for all"
        )
    parts = PurePosixPath(os.fspath(path)).parts
    if ".." in parts:
        raise UserErrorException(
            f"path {str(path)!r} leads outside the datastore with '..'; give a path below its "
            "root, or register the folder above as a datastore of its own"
        )
    return "/".join(part for part in parts if part.strip("/"))


def checked_place(path: object) -> str | None:
    """``path_on_compute`` in its plain form: absolute, or relative to the working directory.

    '' is None as well. Raises UserErrorException for one that leads out of the working directory.
    """
    if path is None or path == "":
        return None
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fspath(path):
        raise UserErrorException(
            f"path_on_compute is {path!r}; give text such as 'data', or leave it out"
        )
    text = str(os.fspath(path))
    plain = os.path.normpath(text)
    if plain.split(os.sep, 1)[0] == os.pardir:
        raise UserErrorException(
            f"path_on_compute={text!r} leads outside the working directory of the run; give a path "
            "below it, or an absolute one"
        )
    return plain + os.sep if text.endswith(os.sep) and plain != os.sep else plain
