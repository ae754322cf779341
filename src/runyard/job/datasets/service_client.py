"""What datasets ask of the stores: answered in this process, or by runyard's own Python in a run.

Questions and answers are JSON. A script's interpreter has no client for object storage; runyard's
has, and its path is a variable of the run, as for the keyring.
"""

import json
import os
import subprocess

from runyard import errors
from runyard.errors import UserErrorException
from runyard.job import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from runyard.record.layout import WorkspaceDirectory

PROGRAM = "runyard.data.datasets.service"


def call(name: str, directory: "Optional[WorkspaceDirectory]", **arguments: "Any") -> "Any":
    """Ask a function of ``data.datasets.service``. Raises what it raises."""
    workspace = None if directory is None else directory.path
    if not os.environ.get(context.RUN_DIRECTORY):
        from runyard import _names

        return _names.load(PROGRAM + ":answer", "Dataset")(name, workspace, arguments)
    return _ask({"call": name, "workspace": workspace, "arguments": arguments})


def _ask(request: "Dict[str, Any]") -> "Any":
    python = os.environ.get(context.PYTHON, "")
    if not os.path.exists(python):
        raise UserErrorException(
            "this needs runyard's own Python, which a container does not reach; give the run the "
            "dataset as an input (as_named_input), and take it from run.input_datasets, or the "
            "datastore as a data reference (datastore.path('train').as_mount()), and take its path"
        )
    # -I: what the script's variables say to Python is not meant for this one.
    done = subprocess.Popen(
        [python, "-I", "-m", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    text = done.communicate(json.dumps(request).encode("ascii"))[0]
    try:
        answer: "Dict[str, Any]" = json.loads(text.decode("ascii"))
    except ValueError:
        raise UserErrorException(
            "runyard's own Python ({}) ended with code {} and no answer; what it said is in the "
            "log above".format(python, done.returncode)
        )
    if "error" in answer:
        raise getattr(errors, answer["kind"], UserErrorException)(answer["error"])
    return answer["result"]
