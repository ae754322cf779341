"""What of a file is asked for."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, FrozenSet, List, Mapping, Optional, Sequence


class Wanted:
    """What of the rows of a file is asked for.

    ``columns``: their names, None for all; those the file has not got are passed over.
    ``without``: columns that nobody wants. ``limit``: the first rows alone. ``as_text``: columns
    not to be taken for anything else.
    """

    def __init__(
        self,
        columns: "Optional[FrozenSet[str]]" = None,
        without: "FrozenSet[str]" = frozenset(),
        limit: "Optional[int]" = None,
        as_text: "FrozenSet[str]" = frozenset(),
    ) -> None:
        self.columns = columns
        self.without = without
        self.limit = limit
        self.as_text = as_text

    def of(self, names: "Sequence[str]") -> "List[str]":
        """Those of these columns that are asked for, in their order."""
        return [
            name
            for name in names
            if name not in self.without and (self.columns is None or name in self.columns)
        ]

    def at_most(self, limit: "Optional[int]") -> "Wanted":
        """The same with another limit."""
        return Wanted(self.columns, self.without, limit, self.as_text)

    def with_text(self, names: "FrozenSet[str]") -> "Wanted":
        """The same with more columns as text."""
        return Wanted(self.columns, self.without, self.limit, self.as_text | names)


def of_steps(steps: "Sequence[Mapping[str, Any]]") -> Wanted:
    """What the steps of a definition need of every file, as far as that is known before."""
    columns: "Optional[List[str]]" = None
    without: "List[str]" = []
    filtered: "List[str]" = []
    for step in steps:
        if step["step"] == "keep_columns":
            columns = [c for c in step["columns"] if columns is None or c in columns]
        elif step["step"] == "drop_columns":
            without += step["columns"]
        elif step["step"] == "filter":
            from runyard.job.datasets import expressions

            filtered += expressions.columns_of(step["expression"])
    needed = None if columns is None else frozenset(columns) - frozenset(without) | set(filtered)
    return Wanted(needed, frozenset(without) - set(filtered), _limit(steps))


def _limit(steps: "Sequence[Mapping[str, Any]]") -> "Optional[int]":
    """How many rows are enough, whatever is in them."""
    passed = 0
    for step in steps:
        if step["step"] == "take":
            return passed + int(step["count"])
        if step["step"] == "skip":
            passed += int(step["count"])
        elif step["step"] in ("sample", "split", "filter"):
            return None
    return None
