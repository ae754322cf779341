"""Read datasets and print their rows: a script for any Python with pandas, from 3.6 on.

Its argument is a file of JSON: a list of contents of ``<run>/datasets/<input>.json``.
"""

import json
import sys

import pandas as pd

from runyard.job.datasets import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plain(value: "Any") -> "Any":
    """A value as every version of pandas has it."""
    if value is None or value != value:  # noqa: PLR0124
        return None
    if isinstance(value, (list, dict)):
        return value
    if hasattr(value, "isoformat"):
        return "time " + pd.Timestamp(value).isoformat()
    return value.item() if hasattr(value, "item") else value


def report(content: "Any") -> "Any":
    """Columns, types and rows; text is 'object' before pandas 3."""
    frame = opened(content).to_pandas_dataframe()
    types = [str(frame[name].dtype).replace("str", "object") for name in frame.columns]
    rows = [[plain(value) for value in frame[name].tolist()] for name in frame.columns]
    return [list(frame.columns), types, rows]


with open(sys.argv[1]) as given:
    print(json.dumps([report(content) for content in json.load(given)]))
