"""Rows of a database query, as ``data.datasets.query`` has left them in a file."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.job.datasets.reading.wanted import Wanted


def read(path: str, wanted: "Wanted") -> "Any":
    """A frame of what is wanted: the first line of the file has the names, each other a row."""
    import pandas as pd

    from runyard.job.datasets.reading import columns

    with open(path, encoding="utf8") as stream:
        head = json.loads(stream.readline())
        rows = [json.loads(line) for line in stream]
    kept = wanted.of(head["columns"])
    places = {name: number for number, name in enumerate(head["columns"])}
    frame = pd.DataFrame(
        {name: pd.Series([row[places[name]] for row in rows]) for name in kept},
        index=range(len(rows)),
        columns=kept,
    )
    for name in kept:
        if name in head["dates"]:
            faults = columns.Faults("null", "object")
            frame[name] = columns.datetimes(frame[name].astype(object), faults)
    return frame if wanted.limit is None else frame.iloc[: wanted.limit]
