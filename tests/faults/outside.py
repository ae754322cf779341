"""What runyard keeps outside of workspaces, made by real runs: caches, secrets, settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from tests.computes import pools
from tests.s3_server import S3
from tests.wheelhouse import Wheelhouse

SCRIPT = """
import sys
print("got", *(open(path).read() for path in sys.argv[1:]))
"""
PLACES = {
    "cache": "RUNYARD_CACHE_DIR",
    "state": "XDG_STATE_HOME",
    "user": "XDG_CACHE_HOME",
}
"""Folders of a user, and the variables that say where they are; each is empty."""


class Outside(NamedTuple):
    """``folder`` has all of it; ``built`` needs an environment, ``fed`` data and a secret."""

    folder: Path
    workspace: Any
    built: str
    fed: str


def make(folder: Path, s3: S3, patch: pytest.MonkeyPatch) -> Outside:
    """Make it in ``folder``, with the settings and variables of a user who has all there."""
    wheels = Wheelhouse(folder / "tools/wheels")
    wheels.add("tiny", "1.0")
    for name, value in wheels.environ(folder / "tools/cache").items():
        patch.setenv(name, value)
    for name, variable in PLACES.items():
        (folder / name).mkdir(parents=True)
        patch.setenv(variable, str(folder / name))
    patch.delenv("RUNYARD_KEYVAULT", raising=False)
    patch.setenv("RUNYARD_CONFIG", str(folder / "config.toml"))
    (folder / "config.toml").write_text(f'keyvault = "{folder}/secrets"\ngpu_fallback = true\n')
    workspace: Any = Workspace.create("tests", path=folder / "elsewhere")
    (folder / "project").mkdir()
    workspace.write_config(folder / "project")
    patch.chdir(folder / "project")
    (folder / "project/train.py").write_text(SCRIPT)
    experiment = Experiment(workspace, "exp")
    store = Datastore.register(workspace, "cloud", s3.bucket(a="A"), **s3.options)
    workspace.get_default_keyvault().set_secret("word", "a-secret-word")
    environment = Environment("built")
    environment.python.conda_dependencies.add_pip_package("tiny==1.0")
    built = _run(experiment, environment)
    fed = _run(experiment, here(), store.path("a.txt").as_download())
    pool = pools.make(workspace.directory)
    pools.begun(pools.submit(pool, pools.until(folder / "go")))
    pools.submit(pool)
    return Outside(folder, workspace, built, fed)


def _run(experiment: Experiment, environment: Environment, *arguments: Any) -> str:
    config = ScriptRunConfig(".", "train.py", list(arguments), environment=environment)
    run = experiment.submit(config)
    run.wait_for_completion()
    return run.id


def here() -> Environment:
    """The interpreter of the tests, as it is."""
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    return environment
