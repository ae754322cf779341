"""Which files of a file dataset its steps leave (`definition`)."""

import datetime

from runyard.errors import UserErrorException
from runyard.job.datasets import chance, definition, expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Sequence, Set, TypeVar

    Item = TypeVar("Item")

MODIFIED = "LastModifiedTime"
_EPOCH = datetime.datetime(1970, 1, 1)


def chosen(
    items: "Sequence[Item]",
    steps: "Sequence[Mapping[str, Any]]",
    values_of: "Callable[[Item], Mapping[str, Any]]",
    done: int = 0,
) -> "List[Item]":
    """The items that the steps leave, in their order; the first ``done`` steps were taken before.

    ``values_of``: what a filter sees of an item. Raises UserErrorException for a filter that names
    what there is not.
    """
    left = list(items)
    for number, step in enumerate(steps):
        if number >= done:
            left = _after(left, step, salt_of(steps, number), values_of)
    return left


def salt_of(steps: "Sequence[Mapping[str, Any]]", number: int) -> int:
    """What makes a step's draws its own: how many before it leave something out.

    Steps of columns do not count: the rows of a split are the same without them.
    """
    return sum(step["step"] in definition.ROW_STEPS for step in steps[:number])


def _after(
    left: "List[Item]",
    step: "Mapping[str, Any]",
    salt: int,
    values_of: "Callable[[Item], Mapping[str, Any]]",
) -> "List[Item]":
    kind = step["step"]
    if kind == "skip":
        return left[step["count"] :]
    if kind == "take":
        return left[: step["count"]]
    if kind == "filter":
        rule = step["expression"]
        names = set(expressions.columns_of(rule))
        kept = []
        for item in left:
            values = values_of(item)
            _check_dated(names, values)
            if expressions.of_values(rule, values):
                kept.append(item)
        return kept
    drawn = [position for position in range(len(left)) if is_drawn(step, salt, position)]
    return [left[position] for position in drawn]


def is_drawn(step: "Mapping[str, Any]", salt: int, position: int) -> bool:
    """Whether a step of chance keeps what is at a position."""
    if step["step"] == "sample":
        return chance.below(step["probability"], step["seed"], salt, position)
    first = chance.below(step["percentage"], step["seed"], salt, position)
    return first is (step["part"] == 0)


def file_values(file: "Mapping[str, Any]") -> "Dict[str, Any]":
    """What a filter of files sees of one: columns of its path, and ``file_metadata``."""
    name = file["path"].rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    found: "Dict[str, Any]" = dict(file["values"])
    found["Size"] = file["size_bytes"]
    found["Extension"] = extension if dot and stem else ""
    found["CanSeek"] = True
    seconds = file.get("modified_s")
    found[MODIFIED] = None if seconds is None else _EPOCH + datetime.timedelta(seconds=seconds)
    return found


def _check_dated(names: "Set[str]", values: "Mapping[str, Any]") -> None:
    """A comparison with what is not known would leave out files without a word."""
    if MODIFIED in names and values.get(MODIFIED) is None:
        raise UserErrorException(
            "the storage of the dataset does not tell when its files changed, as "
            "file_metadata({!r}) asks; filter by 'Size', 'Extension' or the columns of a "
            "partition_format".format(MODIFIED)
        )
