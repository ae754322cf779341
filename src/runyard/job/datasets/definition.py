"""What a dataset is, as plain JSON: where its data lies and what is done with it.

A definition never changes; every method of a dataset that selects something makes a new one. It is
what the workspace keeps of a registered dataset and what run.json has of an input::

    {
      "format": 1,
      "type": "file" | "tabular",
      "sources": [{"datastore": "photos", "path": "train/**/*.png"},
                  {"url": "https://host/folder/file.csv"},
                  {"datastore": "warehouse", "query": "select 1", "timeout_s": 30}],
      "is_file": false,
      "reader": {"kind": "delimited" | "parquet" | "json_lines" | "sql", ...},
      "partition_format": "{country}/{day:yyyy-MM-dd}.csv",
      "timestamp": {"fine": "time", "coarse": "day"},
      "steps": [{"step": "skip", "count": 1}, {"step": "take", "count": 10},
                {"step": "sample", "probability": 0.1, "seed": 7},
                {"step": "split", "percentage": 0.8, "seed": 7, "part": 0},
                {"step": "keep_columns", "columns": ["a"]},
                {"step": "drop_columns", "columns": ["b"]},
                {"step": "filter", "expression": {"op": "gt", "args": [...]}}]
    }

``sources``: in a path ``*`` and ``?`` stand for characters of one name and ``**`` for any folders;
a path without them is a file, or a folder with all that is below it; '' is all of the datastore.
``is_file``: what was said to be one file. ``reader``: of tabular datasets, with the options of
``reading``. ``partition_format``: see `partitions`; columns taken from paths. ``timestamp``: names
of columns. ``steps``: in their order, each on what the one before has left; files of a file
dataset, rows of a tabular one. Seeds are 0 to 2**32-1. Keys without a value are left out.

Standard library only, Python 3.6 and later; so is all of this package but for pandas and pyarrow,
which are imported when rows are read.
"""

import json
import re
import uuid

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Pattern, Sequence, Tuple, Union

    Definition = Dict[str, Any]
    Source = Union[Tuple[str, str], Dict[str, Any]]

FORMAT = 1
FILE = "file"
TABULAR = "tabular"

ROW_STEPS = ("skip", "take", "sample", "split", "filter")
"""Steps that leave out files or rows; the others leave out columns."""

_NAMESPACE = uuid.UUID("c5b4b0f6-6f2e-5c1b-9d39-5d1f7f8f2a10")
_WILD = re.compile(r"[*?]")


def of_files(
    sources: "Sequence[Source]", partition_format: "Optional[str]" = None, is_file: bool = False
) -> "Definition":
    """A dataset of files; each source is (datastore name, path) or a dict as above."""
    made = _made(FILE, sources, partition_format)
    return dict(made, is_file=True) if is_file else made


def of_table(
    sources: "Sequence[Source]",
    reader: "Dict[str, Any]",
    partition_format: "Optional[str]" = None,
) -> "Definition":
    """A dataset of rows that a reader, a dict as ``reading`` takes it, finds in its sources."""
    return dict(_made(TABULAR, sources, partition_format), reader=reader)


def _made(
    kind: str, sources: "Sequence[Source]", partition_format: "Optional[str]"
) -> "Definition":
    made: "Definition" = {"format": FORMAT, "type": kind, "sources": _plain(sources), "steps": []}
    return dict(made, partition_format=partition_format) if partition_format else made


def _plain(sources: "Sequence[Source]") -> "List[Dict[str, Any]]":
    return [
        dict(source) if isinstance(source, dict) else {"datastore": source[0], "path": source[1]}
        for source in sources
    ]


def with_sources(definition: "Definition", sources: "Sequence[Source]") -> "Definition":
    """The same with its data elsewhere."""
    return dict(definition, sources=_plain(sources))


def with_step(definition: "Definition", step: str, **options: "Any") -> "Definition":
    """The same with one more step."""
    return dict(definition, steps=[*definition["steps"], dict(options, step=step)])


def id_of(definition: "Definition") -> str:
    """The id of a dataset that is not registered: the same for the same definition."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return str(uuid.uuid5(_NAMESPACE, text))


def checked(definition: "Any") -> "Definition":
    """A definition that was read from a file. Raises UserErrorException for a newer format."""
    if isinstance(definition, dict) and definition.get("format") == FORMAT:
        return definition
    found = definition.get("format") if isinstance(definition, dict) else definition
    raise UserErrorException(
        "this definition of a dataset has format {!r}, and this version of runyard reads format "
        "{}; update runyard, or register the dataset again".format(found, FORMAT)
    )


def is_pattern(path: str) -> bool:
    """Whether a path has wildcards."""
    return _WILD.search(path) is not None


def base(path: str) -> str:
    """The folder all files of a path with wildcards lie below; a path without them itself."""
    kept = []
    for part in path.split("/"):
        if is_pattern(part):
            break
        kept.append(part)
    return "/".join(kept)


def matcher(path: str) -> "Pattern[str]":
    """What the paths of files match that a path with wildcards means."""
    parts = path.split("/")
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:[^/]+/)*"
        else:
            text += _of_name(part) + ("" if last else "/")
    return re.compile(text + r"\Z", re.DOTALL)


def _of_name(part: str) -> str:
    kept = {"*": "[^/]*", "?": "[^/]"}
    return "".join(kept.get(letter) or re.escape(letter) for letter in re.sub(r"\*+", "*", part))


def whole_folder(definition: "Definition") -> "Optional[Dict[str, Any]]":
    """The source of a file dataset that is all there is below one path, None otherwise.

    Its path is given without the wildcards.
    """
    source = definition["sources"][0]
    path = source.get("path")
    if len(definition["sources"]) != 1 or path is None or definition["type"] != FILE:
        return None
    if definition["steps"] or definition.get("partition_format") or definition.get("is_file"):
        return None
    plain = base(path)
    if path not in (plain, plain + "/**" if plain else "**"):
        return None
    return dict(source, path=plain)
