"""This machine keeps the promises of a compute target."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from runyard.computes import gpus, machine
from runyard.computes.channels import open_channel
from runyard.computes.local import LocalTarget
from runyard.computes.local_channel import LocalChannel
from runyard.computes.protocol import ComputeTarget
from runyard.config.jobspec import DistributionSpec, JobSpec
from runyard.containers import finding
from runyard.history.targets import TargetState
from runyard.record import jsonl
from runyard.testing import ComputeTargetConformance, runs


class TestLocalTarget(ComputeTargetConformance):
    @pytest.fixture
    def target(self) -> ComputeTarget:
        return LocalTarget()


def _distributed(**changes: Any) -> JobSpec:
    spec = msgspec.convert(runs.spec(), JobSpec)
    made = DistributionSpec(process_count=8, backend=changes.pop("backend", ""))
    return msgspec.structs.replace(spec, distribution=made, **changes)


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpus", lambda: 16)


def test_more_processes_than_cores_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = _distributed(processes_per_node=8, launcher="mpi")
    assert LocalTarget().notices(spec) == []
    monkeypatch.setattr(machine, "cpus", lambda: 2)
    assert LocalTarget().notices(spec) == [
        "8 processes share the 2 processor threads of this machine and take turns"
    ]


def test_several_nodes_are_rehearsed_and_that_is_said() -> None:
    spec = _distributed(node_count=2, processes_per_node=4, launcher="mpi")
    assert LocalTarget().check(spec) == []
    assert LocalTarget().notices(spec) == [
        "the 2 nodes are a rehearsal: groups of processes on this machine, each with its own node "
        "number and folder for temporary files"
    ]
    assert LocalTarget().notices(_distributed(processes_per_node=8, launcher="mpi")) == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            "this machine has no GPU; leave out use_gpu",
            ["NCCL needs a GPU for each process, and this machine has no GPU; Gloo needs none"],
        ),
        ("", []),
    ],
)
def test_nccl_without_a_gpu_is_said(
    monkeypatch: pytest.MonkeyPatch, missing: str, said: list[str]
) -> None:
    monkeypatch.setattr(gpus, "missing", lambda variables: missing)
    assert LocalTarget().notices(_distributed(backend="nccl", launcher="pytorch")) == said
    assert LocalTarget().notices(_distributed(backend="gloo", launcher="pytorch")) == []


def test_another_machines_runs_are_unknown_here(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    handle = {"run": run.path, "host": "elsewhere", "pid": 1}
    assert LocalTarget().poll([handle]) == [TargetState.UNKNOWN]


def test_a_target_without_a_channel_of_its_own_runs_where_its_runner_is(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    for name in ("local", "a-plug-in"):
        channel = open_channel(runs.spec(target=name), run)
        assert isinstance(channel, LocalChannel)
        assert (channel.nodes, channel.addresses) == (("localhost",), ("127.0.0.1",))


def test_free_ports_are_free_and_different(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    [first], second = open_channel(runs.spec(), run).free_ports([1, 2])
    assert len({first, *second}) == 3
    for port in (first, *second):
        socket.create_server(("", port)).close()


def test_no_program_that_came_with_a_workspace_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """container.json of a lost run names its engine and container; only ours are touched."""
    run = runs.make_run(runs.workspace(tmp_path))
    script = tmp_path / "docker"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    script.chmod(0o755)
    removed: list[str] = []
    monkeypatch.setattr(finding, "named", lambda name: SimpleNamespace(remove=removed.append))
    own = f"runyard-{run.id}-1234abcd"
    for name in ("database", own):
        place = {"engine": "docker", "program": str(script), "container": name}
        jsonl.write_once(run.container_json, place, sync=False)
        LocalTarget().reap(run)
    several = {"engine": "docker", "container": own, "containers": [own, "database", own]}
    jsonl.write_once(run.container_json, several, sync=False)
    LocalTarget().reap(run)
    assert removed == [own, own]
    assert not (tmp_path / "started").exists()
