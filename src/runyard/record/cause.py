"""Why a runner ends its script: ``launch/cause.json``, written before the script is told.

A script that is told to end does so by any exit code. Should the runner be killed meanwhile, the
one that goes on with the run (``runner.adopting``) knows by this that it did not end by itself.
"""

import os

from runyard.record import jsonl
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple


def path_of(run: RunDirectory) -> str:
    """The file; only the holder of the run's lock writes it."""
    return os.path.join(run.launch, "cause.json")


def note(run: RunDirectory, cause: str, request: "Dict[str, Any]") -> None:
    """The script is about to be told to end; ``request``: who asked for it. Raises OSError."""
    os.makedirs(run.launch, exist_ok=True)
    jsonl.write_once(path_of(run), {"cause": cause, "request": request}, sync=False)


def read(run: RunDirectory) -> "Tuple[str, Dict[str, Any]]":
    """The cause and the request behind it; ('', {}) of a script that nobody has told to end."""
    try:
        body = jsonl.read_json(path_of(run))
    except (OSError, ValueError):
        return "", {}
    request = body.get("request")
    return str(body.get("cause") or ""), request if isinstance(request, dict) else {}
