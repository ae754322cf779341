"""A workspace with a file of every kind in it, made by real runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from runyard.computes import engine, pool_private
from runyard.computes.local import LocalTarget
from runyard.computes.pool import Pool
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import PyTorchConfiguration
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from runyard.record import events
from runyard.record.layout import RunDirectory
from runyard.testing import runs
from tests.computes import pools
from tests.wheelhouse import Wheelhouse

TRAIN = """
import os, sys
from runyard import Run
run = Run.get_context()
for step in range(3):
    run.log('loss', 1.0 / (step + 1), step=step)
run.log_table('table', {'a': [1, 2]})
run.tag('stage', 'final')
os.makedirs('outputs', exist_ok=True)
open('outputs/model.bin', 'w').write('the weights')
open('plot.png', 'w').write('a picture')
if os.environ.get('RANK', '0') == '0':
    run.upload_file('plots/plot.png', 'plot.png')
if len(sys.argv) > 1 and os.path.isdir(sys.argv[-1]):
    open(os.path.join(sys.argv[-1], 'made.txt'), 'w').write('made')
print('trained')
"""


class Everything(NamedTuple):
    """The workspace, and its runs by what they are."""

    workspace: Any
    runs: dict[str, RunDirectory]


def make(folder: Path, tools: Path) -> Everything:
    """Make it in ``folder``; ``tools`` is for what lies outside of it."""
    workspace = Workspace.create("tests", path=folder)
    source = tools / "source"
    source.mkdir(parents=True)
    (source / "train.py").write_text(TRAIN)
    experiment = Experiment(workspace, "exp")
    made = {
        "plain": _plain(experiment, source),
        "ranks": _ranks(experiment, source),
        "built": _built(experiment, source, tools),
        "data": _data(experiment, source, tools),
        "interactive": _interactive(experiment),
        "cancelled": _cancelled(workspace, tools),
        **_queued(workspace),
    }
    experiment.tag("state", "tried")
    engine.use(workspace.directory, None)
    workspace._index.close()  # nobody has it open when it is damaged
    return Everything(workspace, {name: RunDirectory(run) for name, run in made.items()})


def here() -> Environment:
    """The interpreter of the tests, as it is."""
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    return environment


def _run(experiment: Experiment, source: Path, *arguments: Any, **config: Any) -> Any:
    config.setdefault("environment", here())
    run = experiment.submit(ScriptRunConfig(source, "train.py", list(arguments), **config))
    run.wait_for_completion()
    return run


def _plain(experiment: Experiment, source: Path) -> str:
    run = _run(experiment, source)
    run.register_model("net", "outputs/model.bin")
    return str(run.directory.path)


def _ranks(experiment: Experiment, source: Path) -> str:
    run = _run(experiment, source, distributed_job_config=PyTorchConfiguration("Gloo", 2))
    return str(run.directory.path)


def _built(experiment: Experiment, source: Path, tools: Path) -> str:
    wheels = Wheelhouse(tools / "wheels")
    wheels.add("tiny", "1.0")
    environ = wheels.environ(Path(os.environ["RUNYARD_CACHE_DIR"]))
    environment = Environment("built")
    environment.python.conda_dependencies.add_pip_package("tiny==1.0")
    old = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        run = _run(experiment, source, environment=environment)
    finally:
        for name, value in old.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    environment.register(experiment.workspace)
    return str(run.directory.path)


def _data(experiment: Experiment, source: Path, tools: Path) -> str:
    workspace = experiment.workspace
    (tools / "photos").mkdir()
    (tools / "photos/a.txt").write_text("A")
    store = Datastore.register(workspace, "photos", tools / "photos")
    photos = Dataset.File.from_files((store, "*.txt")).register(workspace, "photos")
    left = OutputFileDatasetConfig("left", (store, "left")).register_on_complete("left")
    run = _run(experiment, source, photos.as_named_input("photos").as_download(), left)
    return str(run.directory.path)


def _interactive(experiment: Experiment) -> str:
    run = experiment.start_logging(snapshot_directory=None)
    run.child_run("child").complete()
    run.log("loss", 0.5)
    run.complete()
    return str(run.directory.path)


def _cancelled(workspace: Any, tools: Path) -> str:
    run = runs.make_run(workspace.directory, pools.until(tools / "never"))
    runs.start(LocalTarget(), run)
    pools.begun(run)
    events.request(run, "cancel")
    runs.finish(run)
    return run.path


def _queued(workspace: Any) -> dict[str, str]:
    """A run of a pool, and one whose ticket this user has not made: it waits for who did."""
    pool: Pool = pools.make(workspace.directory)
    flag = Path(workspace.path) / "flag"
    first = pools.submit(pool, pools.until(flag))
    second = pools.submit(pool)
    for ticket in pool_private.known(pool.folder.path):
        pool_private.forget(pool.folder.path, ticket)
    flag.touch()
    runs.finish(first)
    flag.unlink()
    return {"pool": first.path, "queued": second.path}
