#!/usr/bin/env python3
"""One small run through the public names, in a new folder: what CI does with the built wheel.

The script it trains imports ``azureml.core``, as scripts written for SDK v1 do, in an environment
built for it, where runyard is not installed.
"""

import sys
import tempfile
from pathlib import Path

from runyard import Environment, Experiment, ScriptRunConfig, Workspace

SCRIPT = """
import sys
from azureml.core import Run
run = Run.get_context()
run.log("answer", 42)
print("hello from", sys.prefix)
open("outputs/model.txt", "w").close()
"""


def main() -> int:
    """Return 0 if the run ended as a run should."""
    # The runner ends a moment after its run, and may write in its folder until then.
    with tempfile.TemporaryDirectory(prefix="runyard-smoke-", ignore_cleanup_errors=True) as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "train.py").write_text(SCRIPT)
        workspace = Workspace.create("smoke", path=folder)
        config = ScriptRunConfig(str(source), script="train.py", environment=Environment("nothing"))
        run = Experiment(workspace, "smoke").submit(config)
        run.wait_for_completion(show_output=True)
        status, metrics, files = run.get_status(), run.get_metrics(), run.get_file_names()
    print(status, metrics, files)
    ended_well = status == "Completed" and metrics == {"answer": 42}
    return 0 if ended_well and "outputs/model.txt" in files else 1


if __name__ == "__main__":
    sys.exit(main())
