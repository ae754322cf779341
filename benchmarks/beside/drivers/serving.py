"""Answers orders, one line of JSON each, from the process that measures."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(answer: Callable[..., dict[str, Any]]) -> None:
    """Call it with what each line says, until there are no more.

    What the peer prints goes to standard error, and its jobs do not inherit the path that this
    program was found on.
    """
    os.environ.pop("PYTHONPATH", None)
    orders, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for line in orders:
        print(json.dumps(answer(**json.loads(line))), file=replies, flush=True)
    sys.exit(0)


def clock() -> float:
    """Seconds, the same in every process of this machine."""
    return time.monotonic()


def complete(path: Path, wanted: str = "last line at") -> str:
    """The text of a log that has to have the script's last line by now, at most 10 s later."""
    for _ in range(1000):
        text = path.read_text() if path.exists() else ""
        if wanted in text:
            return text
        time.sleep(0.01)
    raise RuntimeError(f"no {wanted!r} in {path}: {text!r}")
