"""The programs that are traced. What is counted is between their marks "begin" and "end"."""

from __future__ import annotations

from tests.costs.tracing import MARK

SCRIPT = """
import os, time
listed = os.path.join(os.environ["RUNYARD_RUN_DIRECTORY"], "environment.json")
end = time.monotonic() + 60
while '"lock"' not in open(listed).read() and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.5)
"""
"""Runs until its runner has nothing more to do but to wait for it."""

SUBMIT = f"""{MARK}
import sys, time
from runyard import AmlCompute, ComputeTarget, Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.slurm.compute import SlurmCompute

folder, target = sys.argv[1:]
environment = Environment("current")
environment.python.user_managed_dependencies = True
environment.python.interpreter_path = sys.executable
workspace = Workspace.create("costs", path=folder, exist_ok=True)
if target == "pool":
    AmlCompute.create(workspace, "pool", AmlCompute.provisioning_configuration(max_nodes=2))
if target == "slurm":
    held = SlurmCompute.attach_configuration(sbatch_options=["--hold"])
    ComputeTarget.attach(workspace, "slurm", held)
source = os.path.join(folder, "source")
config = ScriptRunConfig(source, "train.py", environment=environment, compute_target=target)
experiment = Experiment(workspace, "costs")

def submit():
    run = experiment.submit(config)
    mark("end")
    if target != "slurm":
        run.wait_for_completion(show_output=False)

# What is younger than two seconds is read again.
time.sleep(max(0.0, 2.2 - (time.time() - os.stat(source).st_mtime)))
submit()
mark("begin")
submit()
mark("all")
"""

LIST = f"""{MARK}
import sys
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.record.layout import WorkspaceDirectory

index = Index(WorkspaceDirectory(os.path.join(sys.argv[1], ".runyard")))
index.select(Query())
mark("begin")
index.select(Query())
mark("end")
"""

RUNS = f"""{MARK}
import atexit, sys
from runyard.cli import main
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.record.layout import WorkspaceDirectory

place = os.path.join(sys.argv[1], ".runyard")
Index(WorkspaceDirectory(place)).select(Query())
atexit.register(mark, "end")
mark("begin")
main(["runs", "--workspace", place])
"""

SHOW = f"""{MARK}
import atexit, sys
from runyard.cli import main

place = os.path.join(sys.argv[1], ".runyard")
atexit.register(mark, "end")
mark("begin")
main(["--workspace", place, "show", sys.argv[2]])
"""

LOG = f"""{MARK}
import sys
from runyard.job.submitted import SubmittedRun
from runyard.record.creation import create_run
from runyard.record.layout import WorkspaceDirectory

run = SubmittedRun(create_run(WorkspaceDirectory(sys.argv[1]), "costs", {{"spec": {{}}}}))
run.log("loss", 1.0)
mark("begin")
for value in range(100):
    run.log("loss", value / 7)
mark("end")
"""

SNAPSHOT = f"""{MARK}
import sys, time
from pathlib import Path
from runyard.history.snapshots import SnapshotStore

root = Path(sys.argv[1])
store = SnapshotStore(root / "workspace")
for number in range(int(sys.argv[2])):
    (root / "source" / "package").mkdir(parents=True, exist_ok=True)
    (root / "source" / "package" / f"{{number}}.py").write_text(f"{{number}}")
store.take(root / "source")
time.sleep(2.2)
store.take(root / "source")
mark("begin")
store.take(root / "source")
mark("end")
"""

FOUND = f"""{MARK}
import json, sys
from runyard.environments import cache
from runyard.record import jsonl

key = "0" * 32
os.makedirs(cache.prefix(key))
place = os.path.join(cache.prefix(key), cache.MARKER_NAME)
with open(place, "w") as stream:
    json.dump({{"format": cache.MARKER_FORMAT, "key": key, "python": place}}, stream)
mark("begin")
assert cache.built(key) is not None
mark("end")
"""
