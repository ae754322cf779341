"""The classes of SDK v1 over the pools of a workspace (spec 14)."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import pickle
import signal
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, Run, ScriptRunConfig, Workspace
from runyard.computes import elsewhere
from runyard.computes.amlcompute import AmlCompute
from runyard.computes.amlcompute_status import AmlComputeStatus, ScaleSettings
from runyard.computes.compute_target import ComputeTarget, LocalCompute
from runyard.computes.pool_folder import PoolFolder
from runyard.errors import ComputeTargetException, RunConfigurationException, UserErrorException
from runyard.record import jsonl, owner
from runyard.testing import runs

describe = AmlCompute.provisioning_configuration


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("my-ws", path=tmp_path, show_output=False)


@pytest.fixture
def target(workspace: Workspace) -> AmlCompute:
    return make(workspace, max_nodes=2)


def make(workspace: Workspace, name: str = "cpu-cluster", **settings: Any) -> AmlCompute:
    made = ComputeTarget.create(workspace, name, describe(**settings))
    assert isinstance(made, AmlCompute)
    return made


@pytest.fixture
def submit(workspace: Workspace, tmp_path: Path) -> Callable[[str | ComputeTarget], Run]:
    """Submit a script that ends when there is a file ``go`` beside the workspace."""
    source = tmp_path / "source"
    source.mkdir()
    go = str(tmp_path / "go")
    text = f"import os, time\nwhile not os.path.exists({go!r}): time.sleep(0.01)\n"
    (source / "train.py").write_text(text)
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    experiment = Experiment(workspace, "exp")

    def submitted(target: str | ComputeTarget) -> Run:
        return experiment.submit(
            ScriptRunConfig(source, "train.py", compute_target=target, environment=environment)
        )

    return submitted


def test_the_idiom_of_nearly_every_notebook(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        ComputeTarget(workspace=workspace, name="cpu-cluster")
    assert caught.value.message == (
        "ComputeTargetNotFound: no compute target named 'cpu-cluster'; known here: local. "
        "Make one: runyard compute create cpu-cluster --max-nodes 2"
    )
    config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=4)
    target = ComputeTarget.create(workspace, "cpu-cluster", config)
    begun = time.monotonic()
    target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)  # type: ignore[call-arg]
    assert time.monotonic() - begun < 60
    assert capsys.readouterr().out == (
        "Succeeded\nAmlCompute wait for completion finished\n\n"
        "'cpu-cluster' runs up to 4 at once on this machine\n"
    )
    assert isinstance(ComputeTarget(workspace, "cpu-cluster"), AmlCompute)
    assert isinstance(AmlCompute(workspace, "cpu-cluster"), AmlCompute)
    assert list(workspace.compute_targets) == ["cpu-cluster"]
    assert [found.name for found in ComputeTarget.list(workspace)] == ["cpu-cluster"]
    assert repr(target) == (
        f"AmlCompute(workspace={workspace.name!r}, name='cpu-cluster', type=AmlCompute, "
        "provisioning_state='Succeeded')"
    )


def test_local_is_a_target_of_every_workspace(
    workspace: Workspace, submit: Callable[..., Run], tmp_path: Path
) -> None:
    local = ComputeTarget(workspace, "local")
    assert isinstance(local, LocalCompute)
    assert (local.type, local.get_status(), workspace.compute_targets) == ("local", "Succeeded", {})
    (tmp_path / "go").touch()
    assert submit(local).wait_for_completion()["target"] == "local"
    with pytest.raises(ComputeTargetException, match="no AmlCompute named 'local'"):
        AmlCompute(workspace, "local")
    with pytest.raises(ComputeTargetException, match="compute target 'local' cannot be deleted"):
        local.delete()
    with pytest.raises(ComputeTargetException, match="was not attached, so it cannot be detached"):
        local.detach()


def test_the_status_has_true_figures(
    target: AmlCompute, submit: Callable[..., Run], tmp_path: Path
) -> None:
    runs_ = [submit(target) for _ in range(3)]
    runs.wait_for(lambda: [run.get_status() for run in runs_[:2]] == ["Running"] * 2)
    status = target.get_status()
    assert status is not None
    figures = status.serialize()
    assert figures["nodeStateCounts"] == {
        "preparingNodeCount": 0,
        "runningNodeCount": 2,
        "idleNodeCount": 0,
        "unusableNodeCount": 0,
        "leavingNodeCount": 0,
        "preemptedNodeCount": 0,
    }
    assert figures["scaleSettings"] == {
        "minNodeCount": 0,
        "maxNodeCount": 2,
        "nodeIdleTimeBeforeScaleDown": "PT1800S",
    }
    assert {key: figures[key] for key in ("allocationState", "provisioningState")} == {
        "allocationState": "Steady",
        "provisioningState": "Succeeded",
    }
    assert (figures["currentNodeCount"], figures["targetNodeCount"]) == (2, 2)
    assert (figures["vmPriority"], figures["vmSize"]) == ("Dedicated", None)
    assert json.loads(json.dumps(figures)) == figures
    again = AmlComputeStatus.deserialize(figures)
    assert again is not None
    assert again.serialize() == figures
    nodes = target.list_nodes()
    assert [(node["nodeId"], node["nodeState"], node["runId"]) for node in nodes] == [
        ("cpu-cluster-0", "running", runs_[0].id),
        ("cpu-cluster-1", "running", runs_[1].id),
    ]
    assert {run.id for run in target.get_active_runs()} == {run.id for run in runs_}
    assert runs_[2].get_detailed_status() == {
        "status": "Queued",
        "details": {
            "target": "cpu-cluster",
            "position": 1,
            "length": 1,
            "whose": "",
            "why": "",
        },
    }
    (tmp_path / "go").touch()
    for run in runs_:
        run.wait_for_completion()
    assert list(target.get_active_runs()) == []
    assert [node["nodeState"] for node in target.list_nodes()] == ["idle", "idle"]


def test_the_place_in_the_queue_is_shown_while_it_changes(
    workspace: Workspace, submit: Callable[..., Run], tmp_path: Path
) -> None:
    class Shown(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("Queued: "):
                (tmp_path / "go").touch()
            return super().write(text)

    target = make(workspace, max_nodes=1)
    submit(target)
    second, third = submit(target), submit(target)
    second.cancel()
    assert second.get_status() == "Canceled"
    with redirect_stdout(Shown()) as shown:
        third.wait_for_completion(show_output=True)
    assert "Queued: position 1 of 1 in the queue of cpu-cluster\n" in shown.getvalue()


def test_delete_says_what_it_does_and_a_deleted_target_takes_no_runs(
    workspace: Workspace,
    target: AmlCompute,
    submit: Callable[..., Run],
    capsys: pytest.CaptureFixture[str],
) -> None:
    some = [submit(target) for _ in range(3)]
    target.delete()
    assert capsys.readouterr().out == (
        "compute target 'cpu-cluster': 3 runs are asked to end; it is removed when they have\n"
    )
    target.wait_for_completion(show_output=True, is_delete_operation=True)
    assert capsys.readouterr().out == "Deleting\nDeleted\n"
    assert [run.get_status() for run in some] == ["Canceled"] * 3
    assert (workspace.compute_targets, target.get_status()) == ({}, None)
    with pytest.raises(RunConfigurationException) as caught:
        submit(target)
    assert caught.value.message == (
        "compute_target='cpu-cluster' cannot be used: no compute target named 'cpu-cluster'; known "
        "here: local. Make one: runyard compute create cpu-cluster --max-nodes 2"
    )
    for use in (target.delete, target.refresh_state, lambda: target.update(max_nodes=3)):
        with pytest.raises(ComputeTargetException, match="'cpu-cluster'"):
            use()
    assert make(workspace, max_nodes=1).provisioning_state == "Succeeded"


def test_a_target_being_deleted_is_not_made_again(
    workspace: Workspace, target: AmlCompute, submit: Callable[..., Run]
) -> None:
    run = submit(target)
    runs.wait_for(lambda: run.get_status() == "Running")
    runner = owner.signature(run.directory.lock)["pid"]
    os.kill(runner, signal.SIGSTOP)  # it would end the run, and with it the target
    target.delete()
    with pytest.raises(ComputeTargetException, match="is being deleted; wait until its runs"):
        make(workspace, max_nodes=2)
    os.kill(runner, signal.SIGCONT)
    target.wait_for_completion(is_delete_operation=True)


def test_the_same_target_made_twice_is_one(
    workspace: Workspace, target: AmlCompute, caplog: pytest.LogCaptureFixture
) -> None:
    before = (Path(workspace.path) / "computes" / "cpu-cluster.json").read_bytes()
    make(workspace, max_nodes=2)
    assert (Path(workspace.path) / "computes" / "cpu-cluster.json").read_bytes() == before
    assert caplog.messages == []


def test_a_target_made_again_with_another_scale_takes_it_over(
    workspace: Workspace, target: AmlCompute, caplog: pytest.LogCaptureFixture
) -> None:
    again = make(workspace, max_nodes=3, tags={"team": "vision"})
    assert again.scale_settings.maximum_node_count == 3
    assert again.tags == {"team": "vision"}
    assert caplog.messages == [
        "compute target 'cpu-cluster': it was there already and was changed: max_nodes=3, "
        "tags={'team': 'vision'}"
    ]


def test_a_target_is_not_silently_another_one(workspace: Workspace, target: AmlCompute) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        make(workspace, max_nodes=2, vm_size="STANDARD_NC6")
    assert caught.value.message == (
        "there is a compute target 'cpu-cluster' already, with vm_size='', not 'Standard_NC6'. Use "
        "it: ComputeTarget(workspace, 'cpu-cluster'); or choose another name; or delete it first"
    )


def test_of_two_that_make_a_target_at_once_one_finds_the_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = PoolFolder.make

    def overtaken(folder: PoolFolder) -> None:
        monkeypatch.setattr(PoolFolder, "make", prepare)
        make(workspace, max_nodes=5, vm_size="STANDARD_NC6")

    monkeypatch.setattr(PoolFolder, "make", overtaken)
    with pytest.raises(ComputeTargetException, match="with vm_size='Standard_NC6', not ''"):
        make(workspace, max_nodes=2)
    assert make(workspace, max_nodes=5, vm_size="STANDARD_NC6").name == "cpu-cluster"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("local", "'local' is a reserved name of a compute target; choose another one, such as"),
        ("AmlCompute", "'AmlCompute' is a reserved name"),
        ("containerinstance", "'containerinstance' is a reserved name"),
        ("", "compute target name '' is not valid: 1 to 32 English letters, digits and '-'"),
        ("a/b", "compute target name 'a/b' is not valid"),
        ("../up", "compute target name '../up' is not valid"),
        ("1st", "compute target name '1st' is not valid"),
        ("end-", "compute target name 'end-' is not valid"),
        ("x" * 33, "is not valid: 1 to 32"),
        (None, "compute target name None is not valid"),
    ],
)
def test_names_that_cannot_be_given(workspace: Workspace, name: Any, message: str) -> None:
    with pytest.raises(UserErrorException, match=message.replace("'", ".")):
        ComputeTarget.create(workspace, name, describe(max_nodes=1))
    assert workspace.compute_targets == {}


def test_what_is_no_description_of_a_target_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match="of type dict; give AmlCompute"):
        ComputeTarget.create(workspace, "a", {"max_nodes": 2})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "max nodes count is mandatory: give max_nodes, the number of runs at once, such as"),
        ({"max_nodes": -1}, "max_nodes=-1: give a whole number, 0 or more"),
        ({"max_nodes": 1.5}, "max_nodes=1.5: give a whole number, 0 or more"),
        ({"max_nodes": True}, "max_nodes=True: give a whole number, 0 or more"),
        ({"max_nodes": 1, "min_nodes": 2}, "max_nodes=1 is less than min_nodes=2; give max_nodes="),
        ({"max_nodes": 1, "min_nodes": -2}, "min_nodes=-2: give a whole number"),
        (
            {"max_nodes": 1, "idle_seconds_before_scaledown": -1},
            "idle_seconds_before_scaledown=-1: give a whole number",
        ),
        ({"max_nodes": 1, "vm_priority": "cheap"}, "vm_priority='cheap' is not known; give 'dedic"),
        ({"max_nodes": 1, "admin_username": "me"}, "admin_username='me' needs admin_user_password"),
        ({"max_nodes": 1, "admin_user_ssh_key": "k"}, "is given without admin_username; give all"),
        (
            {"max_nodes": 1, "admin_username": "me", "admin_user_password": "lower1"},
            "admin_user_password is too weak: it needs three of lower case letters",
        ),
        (
            {"max_nodes": 1, "vnet_name": "net"},
            "vnet_resourcegroup_name, vnet_name, subnet_name belong together, and "
            "vnet_resourcegroup_name, subnet_name is missing",
        ),
        (
            {"max_nodes": 1, "identity_id": "x"},
            "identity_id='x' is given without identity_type; give identity_type='UserAssigned'",
        ),
        (
            {"max_nodes": 1, "remote_login_port_public_access": "yes"},
            "remote_login_port_public_access='yes' is not known; give one of 'NotSpecified'",
        ),
        ({"max_nodes": 1, "tags": ["a"]}, "tags is ['a'] of type list; give a dict such as"),
    ],
)
def test_what_sdk_v1_refuses_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        describe(**settings)
    assert message in caught.value.message


def test_an_unknown_machine_size_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserErrorException, match=r"vm_size='STANDARD_D2_V99' is not a known machi"):
        describe(vm_size="STANDARD_D2_V99", max_nodes=1)


def test_what_means_nothing_here_is_kept_and_said_once(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        target = make(
            workspace,
            max_nodes=1,
            min_nodes=1,
            admin_username="me",
            admin_user_password="Secret12345",
            vnet_resourcegroup_name="group",
            vnet_name="net",
            subnet_name="sub",
            identity_type="SystemAssigned",
            enable_node_public_ip=False,
        )
    assert caplog.messages == [
        "compute target 'cpu-cluster': min_nodes, admin_username, vnet_resourcegroup_name, "
        "vnet_name, subnet_name, identity_type, enable_node_public_ip: kept with the target and "
        "without effect, since its nodes are places on this machine, always there and never billed",
        "compute target 'cpu-cluster': admin_user_password: without effect on this machine, and "
        "not kept",
    ]
    record = jsonl.read_json(f"{workspace.path}/computes/cpu-cluster.json")
    assert {record[key] for key in ("admin_username", "vnet_name", "subnet_name")} == {
        "me",
        "net",
        "sub",
    }
    assert (target.admin_username, target.admin_user_password) == ("me", None)
    assert not target.enable_node_public_ip
    held = [path for path in Path(workspace.path).rglob("*") if path.is_file()]
    assert [path for path in held if b"Secret12345" in path.read_bytes()] == []


def test_update_changes_the_scale(target: AmlCompute) -> None:
    target.update(max_nodes=5, min_nodes=1)
    scale = target.scale_settings
    assert (scale.minimum_node_count, scale.maximum_node_count) == (1, 5)
    with pytest.raises(ComputeTargetException, match="max_nodes=0 is less than min_nodes=1"):
        target.update(max_nodes=0)
    target.refresh_state()
    assert target.scale_settings.maximum_node_count == 5


def test_more_nodes_than_there_can_be_are_not_waited_for(target: AmlCompute) -> None:
    target.wait_for_completion(min_node_count=2)
    with pytest.raises(ComputeTargetException) as caught:
        target.wait_for_completion(min_node_count=3)
    assert caught.value.message == (
        "min_node_count=3 cannot be reached: 'cpu-cluster' has at most 2 nodes; raise that: "
        "target.update(max_nodes=3)"
    )


def test_a_target_travels_as_a_dict_and_to_other_processes(
    workspace: Workspace, target: AmlCompute
) -> None:
    for again in (
        ComputeTarget.deserialize(workspace, target.serialize()),
        pickle.loads(pickle.dumps(target)),
        copy.deepcopy(target),
    ):
        assert isinstance(again, AmlCompute)
        assert again.serialize() == target.serialize()
    assert json.loads(json.dumps(target.get()))["properties"]["computeType"] == "AmlCompute"
    assert ScaleSettings.deserialize(None) is None


def test_identities_are_kept(target: AmlCompute) -> None:
    target.add_identity("UserAssigned", ["an-id"])
    assert (target.identity_type, target.identity_id) == ("UserAssigned", ["an-id"])
    target.remove_identity()
    assert (target.identity_type, target.identity_id) == (None, None)
    with pytest.raises(ComputeTargetException, match="identity_type='x' is not known"):
        target.add_identity("x")


def test_machine_sizes_and_quotas(workspace: Workspace) -> None:
    sizes = {size["name"]: size for size in AmlCompute.supported_vmsizes(workspace)}
    assert sizes["Standard_D2_v2"] == {
        "name": "Standard_D2_v2",
        "vCPUs": 2,
        "gpus": 0,
        "memoryGB": 7.0,
    }
    assert AmlCompute.list_usages(workspace) == AmlCompute.list_quotas(workspace) == []
    with pytest.raises(ComputeTargetException, match="has no quota; how many runs a pool takes"):
        AmlCompute.update_quotas(workspace, "standardDFamily", 4)


def test_default_targets_are_those_of_these_names(workspace: Workspace) -> None:
    assert workspace.get_default_compute_target("CPU") is None
    make(workspace, max_nodes=1)
    assert workspace.get_default_compute_target("CPU").name == "cpu-cluster"
    assert workspace.get_default_compute_target("GPU") is None
    with pytest.raises(UserErrorException, match="type='TPU' is not known; give 'CPU' or 'GPU'"):
        workspace.get_default_compute_target("TPU")


@pytest.mark.parametrize(
    "kind", elsewhere.Elsewhere.__subclasses__(), ids=lambda kind: kind.__name__
)
def test_targets_of_other_kinds_can_be_asked_about_and_not_made(
    workspace: Workspace, target: AmlCompute, kind: Any
) -> None:
    assert not isinstance(target, kind)
    with pytest.raises(ComputeTargetException, match=f"^ComputeTargetNotFound: no {kind.__name__}"):
        kind(workspace, "cpu-cluster")
    for make_one in (kind.attach_configuration, kind.provisioning_configuration):
        with pytest.raises(ComputeTargetException) as caught:
            make_one(username="me", address="host")
        assert caught.value.message.startswith(f"{kind.__name__}: ")
        assert caught.value.message.endswith(
            "make a pool on this machine: AmlCompute.provisioning_configuration(max_nodes=2)"
        )


def test_what_is_no_cluster_cannot_be_attached(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException) as caught:
        ComputeTarget.attach(workspace, "far", 1)
    assert caught.value.message == (
        "attach_configuration is 1 of type int; give "
        "SlurmCompute.attach_configuration(partition='gpu')"
    )


def test_records_that_cannot_be_read_say_what_to_do(
    workspace: Workspace, target: AmlCompute, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(workspace.path) / "computes" / "cpu-cluster.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": 99}))
    with pytest.raises(ComputeTargetException, match=r"was written by a newer runyard \(format 99"):
        ComputeTarget(workspace, "cpu-cluster")
    path.write_text("{")
    with pytest.raises(ComputeTargetException, match=r"cannot be read: .* Put a copy of the file"):
        ComputeTarget(workspace, "cpu-cluster")
    assert workspace.compute_targets == {}
    assert caplog.messages[0].startswith("left out: compute target 'cpu-cluster' cannot be read:")
    path.write_text(json.dumps({**content, "type": "Mainframe"}))
    with pytest.raises(ComputeTargetException, match="of type 'Mainframe', which this version"):
        ComputeTarget(workspace, "cpu-cluster")
