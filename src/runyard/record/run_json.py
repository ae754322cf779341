"""run.json read back: what every reader of runs may rely on."""

from runyard.record import jsonl
from runyard.record.layout import FORMAT, RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

_NOTHING = type(None)
_SHAPE: "Dict[str, Any]" = {
    "format": int,
    "created": (int, float),
    "type": (str, _NOTHING),
    "parent": (str, _NOTHING),
    "target": (str, _NOTHING),
    "snapshot": (str, _NOTHING),
    "spec": (dict, _NOTHING),
    "tags": (dict, _NOTHING),
    "properties": (dict, _NOTHING),
}
_END_OF_TIME = 253402300800
"""The year 10000, in s since 1970: what is later no calendar can show."""


def read(run: RunDirectory) -> "Dict[str, Any]":
    """The content. Raises FileNotFoundError, and ValueError naming the file when it is damaged.

    One of a newer format is given back as it is.
    """
    record = jsonl.read_json(run.run_json)
    form = record.get("format", FORMAT)
    if isinstance(form, int) and form > FORMAT:
        return record
    for key, kinds in sorted(_SHAPE.items()):
        if not isinstance(record.get(key, FORMAT if key == "format" else None), kinds):
            raise _unusable(run, key, record.get(key))
    if not 0 <= record["created"] < _END_OF_TIME:  # nor is one that is no number (NaN)
        raise _unusable(run, "created", record["created"])
    return record


def _unusable(run: RunDirectory, key: str, value: object) -> ValueError:
    return ValueError("{} has no usable {!r}: {!r:.80}".format(run.run_json, key, value))
