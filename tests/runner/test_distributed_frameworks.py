"""Distributed training with the real frameworks, under Python 3.6: several processes, one model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard.record import events, ranks
from tests.linear_ddp import DDP
from tests.requirements import missing

pytestmark = pytest.mark.integration

PARAMETER_SERVER = """
import json, os, time
import numpy as np
import tensorflow as tf
config = json.loads(os.environ["TF_CONFIG"])
kind, index = config["task"]["type"], config["task"]["index"]
cluster = tf.train.ClusterSpec(config["cluster"])
server = tf.train.Server(cluster, job_name=kind, task_index=index)
if kind == "ps":
    server.join()
me = "/job:worker/task:%d" % index
x, y = tf.placeholder(tf.float32, [None, 1]), tf.placeholder(tf.float32, [None, 1])
with tf.device(tf.train.replica_device_setter(worker_device=me, cluster=cluster)):
    w = tf.get_variable("w", [1, 1])
    step = tf.train.get_or_create_global_step()
    mine = tf.get_variable("steps", [2], initializer=tf.zeros_initializer)
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - y))
    train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
    count = tf.scatter_add(mine, [index], [1.0])
assert w.device == "/job:ps/task:0", w.device
inputs = np.random.rand(64, 1)
fed = {x: inputs, y: 3 * inputs}
only = tf.ConfigProto(device_filters=["/job:ps", me])  # one that is done is not waited for
with tf.train.MonitoredTrainingSession(server.target, index == 0, config=only) as session:
    steps = np.zeros(2)
    while steps.min() < 200:
        _, steps, error, last = session.run([train, count, loss, w], fed)
print("trained to", "%.3f" % last[0, 0], "by both" if steps.min() >= 200 else "alone")
"""


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], str]) -> Any:
    tool("python3.6")
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    monkeypatch.chdir(tmp_path)
    return runyard.Experiment(workspace, "distributed")


def trained(
    experiment: Any,
    tmp_path: Path,
    script: str,
    estimator: Any,
    status: str = "Completed",
    **given: Any,
) -> Any:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    made = estimator(source, compute_target="local", entry_script="train.py", **given)
    run = experiment.submit(made)
    run.wait_for_completion(raise_on_error=False)
    folder = Path(run.directory.path)
    log = (folder / "system_logs" / "environment.txt").read_text()
    if run.get_status() != status and "cannot be reached" in log:
        missing("index", "no package index can be reached")
    logs = "".join(path.read_text() for path in (folder / "user_logs").glob("*.txt"))
    assert run.get_status() == status, log + logs
    return run


def last_line(run: Any, rank: int) -> str:
    return str(Path(run.directory.rank_log(rank)).read_text().splitlines()[-1])


def test_pytorch_trains_one_model_with_gloo(experiment: Any, tmp_path: Path) -> None:
    for count in (1, 2):  # the gradients are averaged: two learn what one does
        run = trained(
            experiment,
            tmp_path,
            DDP,
            runyard.PyTorch,
            framework_version="1.4",
            distributed_training=runyard.PyTorchConfiguration("Gloo", process_count=count),
        )
        assert last_line(run, 0).partition(" on ")[0] == f"loss 0.003316 of {count}"


def test_the_rank_that_raises_is_named_and_not_those_it_has_left_alone(
    experiment: Any, tmp_path: Path
) -> None:
    line = "    optimizer.zero_grad()\n"
    raising = DDP.replace(
        line, f"    if rank == _ // 50 == 1: raise ValueError('a bad batch')\n{line}"
    )
    run = trained(
        experiment,
        tmp_path,
        raising,
        runyard.PyTorch,
        "Failed",
        framework_version="1.4",
        distributed_training=runyard.PyTorchConfiguration("Gloo", process_count=3),
    )
    error = events.read_state(run.directory).detail["error"]
    assert (error["rank"], error["type"], error["message"]) == (1, "ValueError", "a bad batch")


def test_tensorflow_trains_one_model_with_a_parameter_server(
    experiment: Any, tmp_path: Path
) -> None:
    run = trained(
        experiment,
        tmp_path,
        PARAMETER_SERVER,
        runyard.TensorFlow,
        framework_version="1.13",
        distributed_training=runyard.TensorflowConfiguration(worker_count=2),
    )
    assert [last_line(run, rank) for rank in (0, 1)] == ["trained to 3.000 by both"] * 2
    codes = [rank.code for rank in ranks.read(run.directory)]
    assert codes == [0, 0, 143]
