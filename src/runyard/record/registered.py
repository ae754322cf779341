"""Records of things that have a name (models, datasets): one that cannot be read says so.

A damaged one is in nobody's way: lists leave it out with a warning, and asking for it names the
file and what to do.
"""

import warnings

from runyard.errors import UserErrorException
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping

    Record = Dict[str, Any]


class DamagedRecordException(UserErrorException):
    """A record is there and cannot be read."""


def read(path: str, what: str, place: str, shape: "Mapping[str, Any]") -> "Record":
    """The record of ``what``, whose ``shape`` is what type each of its keys must have.

    ``place``: what is to be removed where there is no copy of the file. Raises FileNotFoundError,
    and DamagedRecordException naming the file.
    """
    try:
        record = jsonl.read_json(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise damaged(what, str(error), place, error)
    for key in sorted(shape):
        if not isinstance(record.get(key), shape[key]):
            why = "{} has no usable {!r} ({!r:.80})".format(path, key, record.get(key))
            raise damaged(what, why, place)
    return record


def damaged(what: str, why: str, place: str, error: "Any" = None) -> DamagedRecordException:
    """The error about a record; ``why`` names the file, ``error`` is the exception behind it."""
    return DamagedRecordException(
        "{} cannot be read: {}. Put a copy of the file back, or remove it: rm -r {}".format(
            what, why, place
        ),
        error,
    )


def leave_out(error: DamagedRecordException) -> None:
    """Say why something is not in a list."""
    warnings.warn("left out: {}".format(error.message), stacklevel=3)
