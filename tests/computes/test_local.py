"""This machine keeps the promises of a compute target."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from runyard.computes.channels import open_channel
from runyard.computes.local import LocalTarget
from runyard.computes.local_channel import LocalChannel
from runyard.computes.protocol import ComputeTarget
from runyard.containers import finding
from runyard.history.targets import TargetState
from runyard.record import jsonl
from runyard.testing import ComputeTargetConformance, runs


class TestLocalTarget(ComputeTargetConformance):
    @pytest.fixture
    def target(self) -> ComputeTarget:
        return LocalTarget()


def test_what_one_machine_cannot_do_is_a_problem() -> None:
    problems = LocalTarget().check(SimpleNamespace(**runs.spec(node_count=2, processes_per_node=4)))
    assert [problem.parameter for problem in problems] == ["node_count", "process_count_per_node"]
    assert "'local' is one machine" in problems[0].message


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
    assert removed == [own]
    assert not (tmp_path / "started").exists()
