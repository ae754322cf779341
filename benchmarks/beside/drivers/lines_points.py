"""Nobody's: a line of JSON and one write for each point, as every training script could."""

import json
import time
from collections.abc import Sequence

from benchmarks.beside.drivers.points import NAME, main, timed


def write(count: int) -> None:
    """Unbuffered: a point is in the file when the call returns."""
    with open("points.jsonl", "wb", buffering=0) as stream:

        def log(step: int, value: float) -> None:
            line = {"t": time.time(), "n": NAME, "v": value, "s": step}
            stream.write((json.dumps(line) + "\n").encode())

        timed(log, count)


def read() -> Sequence[float]:
    """Line by line."""
    with open("points.jsonl") as stream:
        return [json.loads(line)["v"] for line in stream]


if __name__ == "__main__":
    main(write, read)
