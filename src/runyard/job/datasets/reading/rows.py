"""The steps of a tabular dataset, taken on one frame after the other."""

from runyard.job.datasets import chance, expressions, selection
from runyard.job.datasets.reading import columns
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence


class Rows:
    """Steps, and how many rows each has seen. ``done``: whether no further row can be left."""

    def __init__(self, steps: "Sequence[Mapping[str, Any]]") -> None:
        self._steps = list(steps)
        self._seen: "List[int]" = [0] * len(steps)
        self._salts = [selection.salt_of(steps, number) for number in range(len(steps))]

    @property
    def done(self) -> bool:
        """Whether a step has taken all it takes."""
        return any(
            step["step"] == "take" and seen >= step["count"]
            for step, seen in zip(self._steps, self._seen)
        )

    def left(self, frame: "Any") -> "Any":
        """What the steps leave of the next frame."""
        for number, step in enumerate(self._steps):
            frame = self._after(frame, step, number)
        return frame

    def _after(self, frame: "Any", step: "Mapping[str, Any]", number: int) -> "Any":
        kind = step["step"]
        if kind == "keep_columns":
            return frame[[name for name in step["columns"] if name in frame.columns]]
        if kind == "drop_columns":
            return frame.drop(columns=[name for name in step["columns"] if name in frame.columns])
        if kind == "filter":
            return frame[of_frame(step["expression"], frame).values]
        seen = self._seen[number]
        self._seen[number] += len(frame)
        if kind == "skip":
            return frame.iloc[max(0, step["count"] - seen) :]
        if kind == "take":
            return frame.iloc[: max(0, step["count"] - seen)]
        if kind == "sample":
            share, wanted = step["probability"], True
        else:
            share, wanted = step["percentage"], step["part"] == 0
        drawn = chance.all_below(share, step["seed"], self._salts[number], seen, len(frame))
        return frame[drawn == wanted]


def of_frame(content: "Mapping[str, Any]", frame: "Any") -> "Any":
    """A filter for all rows of a frame: a column of True and False."""
    import pandas as pd

    found = _values(content, frame)
    if not hasattr(found, "index"):
        found = pd.Series(bool(found), index=frame.index)
    return found.fillna(False).astype(bool) if found.dtype != bool else found


def _values(content: "Mapping[str, Any]", frame: "Any") -> "Any":
    if "column" in content:
        return _column(content["column"], frame)
    if "op" not in content:
        return expressions.constant(content)
    op = content["op"]
    if op in ("and", "or", "not"):
        return _combined(op, [of_frame(part, frame) for part in content["args"]])
    found = [_values(part, frame) for part in content["args"]]
    if op == "is_null":
        return found[0].isnull() if hasattr(found[0], "isnull") else found[0] is None
    if op in expressions.TEXT_TESTS or op in expressions.TEXTS:
        return _of_text(op, found, frame)
    try:
        return _compared(op, found)
    except (TypeError, ValueError):
        kinds = [str(getattr(value, "dtype", type(value).__name__)) for value in found]
        raise expressions.not_comparable(content, kinds)


def _column(name: str, frame: "Any") -> "Any":
    if name in frame.columns:
        return frame[name]
    raise DatasetExecutionError(
        "the filter names {!r}, and there is only {}".format(
            name, ", ".join(repr(known) for known in frame.columns)
        )
    )


def _combined(op: str, found: "Any") -> "Any":
    if op == "not":
        return ~found[0]
    return found[0] & found[1] if op == "and" else found[0] | found[1]


def _compared(op: str, found: "List[Any]") -> "Any":
    """A comparison or a sum; a comparison with what is missing is false."""
    table: "Dict[str, Any]" = dict(expressions.COMPARISONS)
    table.update(expressions.ARITHMETIC)
    if op not in expressions.COMPARISONS:
        return table[op](*found)
    present = None
    for value in found:
        if hasattr(value, "notnull"):
            present = value.notnull() if present is None else present & value.notnull()
        elif value is None:
            return False
    if present is None:
        return table[op](*found)
    if op in ("eq", "ne"):
        return table[op](*found) & present
    kept = [value[present] if hasattr(value, "notnull") else value for value in found]
    if not present.any():
        return present
    made = table[op](*kept)
    return made.reindex(present.index, fill_value=False)


def _of_text(op: str, found: "List[Any]", frame: "Any") -> "Any":
    """A question to text, value by value."""
    table: "Dict[str, Any]" = dict(expressions.TEXT_TESTS)
    table.update(expressions.TEXTS)
    first, rest = found[0], found[1:]
    if not hasattr(first, "map"):
        return table[op](first, *rest)
    missing = False if op in expressions.TEXT_TESTS else None

    def one(value: "Any") -> "Any":
        if columns.is_missing(value):
            return missing
        return table[op](str(value), *map(str, rest))

    return first.astype(object).map(one)
