"""Files with a JSON object in each line."""

import json

from runyard.job.datasets.reading.delimited import SAMPLE_ROWS
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping

    from runyard.job.datasets.reading.wanted import Wanted


def read(path: str, name: str, options: "Mapping[str, Any]", wanted: "Wanted") -> "Any":
    """A frame of what is wanted of a file.

    A line that is no JSON object is an error, or passed over with ``invalid_lines='drop'``; a
    blank line is none. Raises DatasetExecutionError.
    """
    import pandas as pd

    limit = None if wanted.limit is None else max(wanted.limit, SAMPLE_ROWS)
    records: "List[Dict[str, Any]]" = []
    names: "Dict[str, None]" = {}
    drop = options.get("invalid_lines") == "drop"
    with open(path, encoding=_encoding(options), newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            if limit is not None and len(records) >= limit:
                break
            record = _parsed(line, name, number, drop)
            if record is not None:
                names.update(dict.fromkeys(record))
                records.append(record)
    kept = wanted.of(list(names))
    frame = pd.DataFrame(
        {key: pd.Series([record.get(key) for record in records]) for key in kept},
        index=range(len(records)),
        columns=kept,
    )
    return frame if wanted.limit is None else frame.iloc[: wanted.limit]


def _encoding(options: "Mapping[str, Any]") -> str:
    encoding = str(options.get("encoding", "utf8"))
    return "utf-8-sig" if encoding.lower() in ("utf8", "utf-8") else encoding


def _parsed(line: str, name: str, number: int, drop: bool) -> "Any":
    if not line.strip():
        return None
    try:
        record = json.loads(line)
        why = "it is no object in braces"
        if isinstance(record, list):
            why = (
                "it is an array; a file of JSON lines has one object on each line, and no brackets"
            )
    except ValueError as error:
        record, why = None, str(error)
    if isinstance(record, dict):
        return record
    if drop:
        return None
    raise DatasetExecutionError(
        "{}, line {} is not a JSON object: {}; repair it, or make the dataset with "
        "invalid_lines='drop'".format(name, number, why)
    )
