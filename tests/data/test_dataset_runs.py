"""Whole runs with datasets: read as paths and as themselves, left as outputs, read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset
from runyard.record.states import Reason
from runyard.testing import runs

REPORT = """
import json, os, sys
from runyard import Run
run = Run.get_context()
def tree(top):
    return {os.path.relpath(os.path.join(p, f), top): open(os.path.join(p, f)).read()
            for p, _, names in os.walk(top) for f in names}
def shown(given):
    if isinstance(given, str):
        return open(given).read() if os.path.isfile(given) else tree(given)
    return [given.id, given.name, given.version, given.to_path()]
names = os.environ["AZUREML_DATASET_ENVIRONMENT_VARS"]
print(json.dumps({"argv": sys.argv[1:], "inputs": {k: shown(v) for k, v in
    run.input_datasets.items()}, "names": names}))
"""


def finished(run: Any, reason: Reason = Reason.COMPLETED) -> Any:
    state = runs.finish(run.directory)
    assert state.reason is reason, (state.detail, runs.log_of(run.directory))
    return state


def report(run: Any) -> dict[str, Any]:
    """What the script has printed last."""
    finished(run)
    found: dict[str, Any] = json.loads(runs.log_of(run.directory).splitlines()[-1])
    return found


@pytest.fixture
def submit(experiment: Experiment, here: Environment, tmp_path: Path) -> Callable[..., Any]:
    """Submit a script with arguments."""

    def submitted(script: str, *arguments: object, **more: Any) -> Any:
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source/train.py").write_text(script)
        config = ScriptRunConfig(
            tmp_path / "source", "train.py", list(arguments), environment=here, **more
        )
        return experiment.submit(config)

    return submitted


TRAIN = {"a.txt": "A", "deep/b.txt": "B"}


def test_files_in_every_mode(workspace: Any, store: Any, submit: Any) -> None:
    photos = Dataset.File.from_files((store, "train")).register(workspace, "photos of all")
    run = submit(
        REPORT,
        *("--mount", photos.as_named_input("mounted").as_mount()),
        *("--copy", photos.as_named_input("copied").as_download("data/here")),
        *("--direct", photos.as_named_input("direct")),
    )
    found = report(run)
    work = run.directory.work
    assert found["argv"][0::2] == ["--mount", "--copy", "--direct"]
    assert found["argv"][3::2] == [f"{work}/data/here", photos.id]
    assert found["inputs"] == {
        "mounted": TRAIN,
        "copied": TRAIN,
        "direct": [photos.id, "photos of all", 1, ["/a.txt", "/deep/b.txt"]],
    }
    assert found["names"] == "mounted:mount,copied:download,direct:direct"
