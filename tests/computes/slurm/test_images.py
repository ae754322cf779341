"""Images on the nodes of a real Slurm, entered by a stand-in for apptainer (tests/apptainer.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import runyard
from runyard.computes.local import LocalTarget
from runyard.computes.slurm import container_trial, entering, jobs, steps
from runyard.computes.slurm.channel import SlurmChannel
from runyard.computes.slurm.commands import Slurm
from runyard.computes.slurm.entering import Entry
from runyard.computes.slurm.target import SlurmTarget
from runyard.containers import finding
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests import apptainer, container_image
from tests.daemons import needs_root
from tests.holding import holding
from tests.requirements import missing
from tests.slurm_cluster import SlurmCluster

IMAGE = "base:1"
TOLD = """
import os, signal, sys, time
def end(*_):
    print("told", flush=True)
    time.sleep(0.3)
    open("outputs/checkpoint", "w").write("kept")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""
SEEN = """
import json, os, sys
print(json.dumps({
    "root": sorted(os.listdir("/")), "python": sys.executable, "home": os.environ["HOME"],
    "here": os.getcwd(), "variables": dict(os.environ), "path": sys.path, "arguments": sys.argv[1:],
    "of_image": os.path.exists("/image"), "data": os.path.exists("/data/one"),
}))
open("outputs/left", "w").write("whole")
from runyard import Run
Run.get_context().log("answer", 42)
"""
RANK = """
import os
print(os.environ["RANK"], os.environ["WORLD_SIZE"], os.path.exists("/image"),
      os.environ.get("SLURMD_NODENAME"), os.environ["MASTER_ADDR"])
"""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the root file system of the tests' image."""
    needs_root("chroot")
    folder = tmp_path_factory.mktemp("images")
    root = folder / IMAGE
    root.mkdir()
    try:
        tar = container_image.path()
    except (OSError, subprocess.CalledProcessError):
        missing("docker", "the image of the tests cannot be made")
    subprocess.run(["tar", "--extract", f"--file={tar}", f"--directory={root}"], check=True)
    (root / "image").touch()
    return folder


@pytest.fixture
def experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm: SlurmCluster, images: Path
) -> Any:
    apptainer.install(tmp_path / "bin", images)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", "/of/the/node")
    monkeypatch.setenv("OF_THE_SHELL", "unseen")
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    config = runyard.SlurmCompute.attach_configuration("normal", containers="apptainer")
    runyard.ComputeTarget.attach(workspace, "hpc", config)
    monkeypatch.chdir(tmp_path)
    return runyard.Experiment(workspace, "images")


def submitted(experiment: Any, text: str, image: str = IMAGE, **given: Any) -> Any:
    source = Path("source")
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(text)
    environment = runyard.Environment.from_docker_image("image", image)
    environment.environment_variables.update(given.pop("variables", {}))
    config = runyard.ScriptRunConfig(
        str(source), "train.py", compute_target="hpc", environment=environment, **given
    )
    return experiment.submit(config)


def ended(run: Any) -> RunDirectory:
    run.wait_for_completion(raise_on_error=False)
    directory: RunDirectory = run.directory
    return directory


def log_of(run: RunDirectory) -> str:
    path = Path(run.std_log)
    return path.read_text() if path.exists() else ""


def test_a_script_runs_in_an_image(
    experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_MINE", "hidden")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "one").touch()
    docker = runyard.DockerConfiguration(arguments=["-v", f"{tmp_path}/rows:/data:ro"])
    run = submitted(experiment, SEEN, arguments=["--rate", "0.1"], docker_runtime_config=docker)
    directory = ended(run)
    assert run.get_status() == "Completed", run.get_details()
    seen = json.loads(log_of(directory).splitlines()[-1])
    assert seen["of_image"]
    assert seen["data"]
    assert seen["python"] == "/usr/bin/python3"
    assert seen["here"] == directory.work
    assert seen["arguments"] == ["--rate", "0.1"]
    assert "/of/the/node" not in seen["path"]
    assert not {"OF_THE_SHELL", "TOKEN_OF_MINE", "PYTHONHOME", "LD_LIBRARY_PATH"} & {
        *seen["variables"]
    }
    assert seen["variables"]["SLURM_JOB_ID"] == number(directory)
    assert seen["home"].startswith("/tmp/runyard-home-")
    assert not os.path.exists(seen["home"])
    assert Path(directory.outputs, "left").read_text() == "whole"
    assert run.get_metrics() == {"answer": 42}
    assert not [name for name in os.listdir(directory.launch) if "docker" in name]


def number(run: RunDirectory) -> str:
    job = jobs.read(run)
    assert job is not None
    return job.number


def test_secrets_reach_the_script_and_no_command_line(experiment: Any) -> None:
    text = "import os, time; print(len(os.environ['API_TOKEN']), flush=True); time.sleep(600)"
    run = submitted(experiment, text, variables={"API_TOKEN": "s3cr3t-of-a-test"})
    runs.wait_for(lambda: "16" in log_of(run.directory))
    assert not [
        path
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.parent.name != str(os.getpid()) and b"s3cr3t-of-a-test" in read(path)
    ]
    run.cancel()
    ended(run)
    assert holding(b"s3cr3t-of-a-test", run.directory.path) == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_cancelled_script_is_told_once_and_keeps_its_image(experiment: Any, images: Path) -> None:
    run = submitted(experiment, TOLD)
    runs.wait_for(lambda: "ready" in log_of(run.directory))
    run.cancel()
    directory = ended(run)
    assert run.get_status() == "Canceled"
    assert log_of(directory).split() == ["ready", "told"]
    assert Path(directory.outputs, "checkpoint").read_text() == "kept"
    assert not (images / "base:1.lost").exists()


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("raise SystemExit(7)", Reason.SCRIPT_EXIT_CODE, 7),
        ("import os; os.kill(os.getpid(), 9)", Reason.SIGNAL, 137),
    ],
)
def test_a_script_that_fails_does_so_as_anywhere(
    experiment: Any, text: str, reason: Reason, code: int
) -> None:
    state = events.read_state(ended(submitted(experiment, text)))
    assert (state.reason, state.detail["exit_code"]) == (reason, code)


def test_an_image_that_cannot_be_had(experiment: Any) -> None:
    state = events.read_state(ended(submitted(experiment, "pass", image="missing:1")))
    assert state.reason is Reason.LAUNCH_FAILED
    assert state.detail["error"] == {
        "message": "the script was not started in a container: FATAL:   while pulling "
        "docker://missing:1: no such image",
        "hint": "All of what was said is in system_logs/container.txt",
    }


def test_a_node_without_the_program(experiment: Any, tmp_path: Path) -> None:
    (tmp_path / "bin" / "apptainer").unlink()
    state = events.read_state(ended(submitted(experiment, "pass")))
    assert state.reason is Reason.LAUNCH_FAILED
    assert state.detail["error"]["message"].startswith(
        "the script was not started in a container: there is no program apptainer or singularity "
        "on PATH of node "
    )
    assert state.detail["error"]["message"].endswith(
        ": have a module loaded that brings it (attach the cluster with modules=), or choose "
        "other nodes"
    )


def test_an_image_in_a_file(experiment: Any, images: Path) -> None:
    (images / "team").symlink_to(IMAGE)
    run = submitted(experiment, SEEN, image=f"{images}/team.sif")
    directory = ended(run)
    assert json.loads(log_of(directory).splitlines()[-1])["of_image"]


def test_ranks_of_two_nodes_run_in_images(experiment: Any) -> None:
    distributed = runyard.PyTorchConfiguration(process_count=4, node_count=2)
    run = submitted(experiment, RANK, distributed_job_config=distributed)
    directory = ended(run)
    assert run.get_status() == "Completed", run.get_details()
    said = [Path(directory.rank_log(n)).read_text().splitlines()[-1].split() for n in range(4)]
    assert [line[:3] for line in said] == [[str(n), "4", "True"] for n in range(4)]
    nodes = [line[3] for line in said]
    assert nodes[0] == nodes[1] != nodes[2] == nodes[3]
    assert len({line[4] for line in said}) == 1


def test_a_rank_that_fails_ends_all_of_them(experiment: Any) -> None:
    distributed = runyard.PyTorchConfiguration(process_count=4, node_count=2)
    text = "import os, time; os.environ['RANK'] == '3' and exit(5); time.sleep(600)"
    run = submitted(experiment, text, distributed_job_config=distributed)
    state = events.read_state(ended(run))
    assert (state.reason, state.detail["rank"]) == (Reason.SCRIPT_EXIT_CODE, 3)
    assert state.detail["exit_codes"][3] == 5


def test_cancelled_ranks_are_told_once(experiment: Any) -> None:
    text = TOLD.replace('"outputs/checkpoint"', '"outputs/of-" + os.environ["RANK"]')
    distributed = runyard.PyTorchConfiguration(process_count=4, node_count=2)
    run = submitted(experiment, text, distributed_job_config=distributed)
    logs = [Path(run.directory.rank_log(n)) for n in range(4)]
    runs.wait_for(lambda: all(log.exists() and "ready" in log.read_text() for log in logs))
    run.cancel()
    directory = ended(run)
    assert run.get_status() == "Canceled"
    assert [log.read_text().split()[-2:] for log in logs] == [["ready", "told"]] * 4
    assert sorted(os.listdir(directory.outputs)) == [f"of-{n}" for n in range(4)]


def test_one_node_that_cannot_enter_ends_the_run(
    experiment: Any, images: Path, tmp_path: Path
) -> None:
    program = apptainer.install(tmp_path / "bin", images)
    head, command = program.read_text().split("\n", 1)
    refuse = '[ "$SLURMD_NODENAME" = n1 ] || { echo "FATAL:   no space left" >&2; exit 255; }'
    program.write_text(f"{head}\n{refuse}\n{command}")
    distributed = runyard.PyTorchConfiguration(process_count=2, node_count=2)
    run = submitted(experiment, "import time; time.sleep(600)", distributed_job_config=distributed)
    state = events.read_state(ended(run))
    assert state.reason is Reason.LAUNCH_FAILED
    assert state.detail["error"]["message"].endswith("FATAL:   no space left")


def test_a_trial_says_whether_a_node_has_the_program(
    experiment: Any, tmp_path: Path, slurm: SlurmCluster
) -> None:
    record = {"name": "hpc", "containers": "apptainer", "partition": "normal"}
    program, conf = tmp_path / "bin" / "apptainer", Slurm(str(slurm.conf))
    found = container_trial.look(conf, record, 60)
    assert (found.lacks, found.text[:33]) == ("", "apptainer version 1.3.4 on node n")
    program.rename(program.with_name("singularity"))
    assert container_trial.look(conf, record, 60).lacks == ""
    program.with_name("singularity").unlink()
    lacks = container_trial.look(conf, record, 60).lacks
    assert re.fullmatch("node n. has no program apptainer or singularity on PATH", lacks)
    assert container_trial.look(conf, {**record, "containers": "pyxis"}, 60) == (
        "",
        "srun has no option --container-image: the plug-in pyxis is not loaded here",
        "ask who runs the cluster (plugstack.conf), or attach it with --containers apptainer",
    )
    loaded = container_trial.look(conf, {**record, "modules": ["apptainer"]}, 60)
    assert loaded.text == "apptainer is brought by what is loaded in the job: seen by the first run"


# What real programs are given ----------------------------------------------------------------

MOUNTS = (("/w", "/w", False), ("/package", "/opt/runyard-job/runyard", True))


def test_what_apptainer_is_given() -> None:
    program, script, *words = entering.apptainer(Entry("python:3.11", MOUNTS, "/w/run"), ["true"])
    assert (program, os.path.basename(script)) == ("sh", "apptainer.sh")
    assert words == [
        *("--cleanenv", "--no-home", "--pwd", "/w/run", "--bind", "/w:/w"),
        *("--bind", "/package:/opt/runyard-job/runyard:ro", "docker://python:3.11", "true"),
    ]
    assert entering.apptainer(Entry("/w/a.sif", (), "/w"), ["true"])[-2:] == ["/w/a.sif", "true"]


@pytest.mark.parametrize("name", ["apptainer", "singularity"])
def test_what_is_let_into_the_container(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text('#!/bin/sh\necho "$@"; env\n')
    program.chmod(0o755)
    given = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "RUNYARD_RUN_DIRECTORY": "/w/run $(id)",
        "CUDA_VISIBLE_DEVICES": "1,2",
        "SLURM_JOB_ID": "4711",
    }
    script = entering._APPTAINER
    said = subprocess.run(
        ["sh", script, "--cleanenv", "a.sif"], env=given, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    prefix = f"{name.upper()}ENV_"
    assert said[0] in ("exec --cleanenv a.sif", "exec --nv --cleanenv a.sif")
    assert {line for line in said if line.startswith(prefix)} == {
        f"{prefix}RUNYARD_RUN_DIRECTORY=/w/run $(id)",
        f"{prefix}CUDA_VISIBLE_DEVICES=1,2",
        f"{prefix}SLURM_JOB_ID=4711",
    }
    assert "RUNYARD_RUN_DIRECTORY=/" in said


@pytest.mark.parametrize(
    ("image", "word"),
    [
        ("python:3.11", "python:3.11"),
        ("nvidia/cuda:12", "nvidia/cuda:12"),
        ("docker.io/nvidia/cuda:12", "nvidia/cuda:12"),
        ("nvcr.io/nvidia/pytorch:25.01-py3", "nvcr.io#nvidia/pytorch:25.01-py3"),
        ("localhost:5000/team/a:1", "localhost:5000#team/a:1"),
        ("/w/a.sqsh", "/w/a.sqsh"),
    ],
)
def test_what_pyxis_is_given(image: str, word: str) -> None:
    assert entering.pyxis(Entry(image, MOUNTS, "/w/run")) == [
        f"--container-image={word}",
        "--container-mounts=/w:/w,/package:/opt/runyard-job/runyard:ro",
        "--container-workdir=/w/run",
        "--no-container-mount-home",
        "--no-container-entrypoint",
    ]


def test_a_step_of_pyxis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "scontrol": "TaskPlugin = task/none",
        "scancel": "",
        "srun": "slurm 23.11.10",
    }
    for name, line in said.items():
        program = tmp_path / name
        program.write_text(
            f"#!/bin/sh\n[ $# -gt 1 ] && [ {name} = srun ] || exec echo '{line}'\n"
            f'printf "%s\\n" "$@"; echo "# read: $(cat)"; env\n'
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    monkeypatch.setenv("RUNYARD_CONTAINERS", "pyxis")
    steps.srun.cache_clear()
    run = runs.make_run(runs.workspace(tmp_path), "pass")
    channel = SlurmChannel({"grace_period_s": 10.0}, run)
    (tmp_path / "given").write_text("export A=1")
    entry = Entry("nvcr.io/nvidia/pytorch:25.01-py3", MOUNTS, run.work)
    env = {**os.environ, "PYTHONPATH": "/of/the/node"}
    with open(tmp_path / "said", "w+") as out, open(tmp_path / "given") as given:
        argv = ["sh", "container.sh", "log"]
        started = channel.enter(0, entry, argv, env, out.fileno(), stdin_fd=given.fileno())
        assert started.wait(20) == 0
        out.seek(0)
        words = out.read().splitlines()
    steps.srun.cache_clear()
    read = words.index("# read: export A=1")
    assert words[: read - 5] == [
        *("--jobid=4711", "--overlap", "--export=ALL", "--mpi=none", "--kill-on-bad-exit=0"),
        *("--wait=0", "--quiet", "--nodes=1", "--ntasks=1", "--nodelist=n1"),
        f"--chdir={run.path}",
        *entering.pyxis(entry),
        *("sh", "-c"),
    ]
    assert words[read - 4 : read] == [run.path, *argv]
    assert "RUNYARD_RUN_DIRECTORY=/" in words[read:]
    assert not [word for word in words if "/of/the/node" in word]


def test_pyxis_hands_on_nothing_of_the_shell() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/of/the/node", "SLURM_JOB_ID": "1", "SECRET": "x"}
    assert entering.for_srun(given) == {"PATH": "/bin", "SLURM_JOB_ID": "1"}


# What is refused -----------------------------------------------------------------------------


def asked(**changes: Any) -> Any:
    """A spec, as far as it is looked at."""
    image = {"name": "python:3.11", "username": "", **changes.pop("image", {})}
    kind = changes.pop("kind", "user_managed")
    container = {"arguments": (), "shm_size": "2g", **changes.pop("container", {})}
    return SimpleNamespace(
        **{
            "container": SimpleNamespace(**container),
            "environment": SimpleNamespace(kind=kind, image=SimpleNamespace(**image)),
            "launcher": "single",
            "node_count": 1,
            **changes,
        }
    )


def target(folder: Path, containers: str | None) -> SlurmTarget:
    record = {"name": "hpc", "type": "Slurm", **({"containers": containers} if containers else {})}
    return SlurmTarget(WorkspaceDirectory(str(folder)), record)


def test_images_are_refused_until_they_are_allowed(tmp_path: Path) -> None:
    (problem,) = target(tmp_path, None).check(asked())
    assert problem == (
        "environment.docker",
        "images do not run on the nodes of 'hpc': where they have apptainer (or singularity), or "
        "Slurm has the plug-in pyxis, attach it again with containers='apptainer' or 'pyxis' "
        "(runyard compute attach hpc --containers apptainer); else use packages without an image",
    )
    assert target(tmp_path, "apptainer").check(asked()) == []
    assert target(tmp_path, "pyxis").check(asked()) == []


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "apptainer",
        {"image": {"name": "", "dockerfile": "FROM x"}},
        "environment.docker",
        "images are not built for a cluster: build it where docker or podman is, push it to a "
        "registry, and name it with Environment.from_docker_image(name, 'registry/name:tag')",
    ),
    (
        "apptainer",
        {"kind": "venv"},
        "environment.python",
        "packages are not added to an image on a cluster: build and push an image that has them, "
        "and set python.user_managed_dependencies=True (--user-managed), or leave the image out",
    ),
    (
        "pyxis",
        {"image": {"username": "me"}},
        "environment.docker.base_image_registry",
        "pyxis takes no user name and password of a registry from runyard; write them to "
        "~/.config/enroot/.credentials, and leave out username and password",
    ),
    (
        "pyxis",
        {"image": {"name": "/w/a.sif"}},
        "environment.docker.base_image",
        "/w/a.sif is an image of apptainer; pyxis has .sqsh files and names: enroot import makes "
        "one",
    ),
    (
        "apptainer",
        {"container": {"arguments": ("-v", "/a:/a", "--memory=4g")}},
        "docker",
        "docker.arguments=['-v', '/a:/a', '--memory=4g']: of the options of `docker run` a cluster "
        "has only folders, ['-v', '/data:/data:ro']; leave out the others",
    ),
    (
        "apptainer",
        {"launcher": "mpi", "node_count": 2},
        "node_count",
        "MPI in a container runs on one node of a cluster; use communicator 'Gloo' or 'Nccl' for "
        "several, or packages without an image",
    ),
]


@pytest.mark.parametrize(("program", "changes", "parameter", "message"), REFUSED)
def test_what_cannot_be_done_is_refused(
    tmp_path: Path, program: str, changes: dict[str, Any], parameter: str, message: str
) -> None:
    assert target(tmp_path, program).check(asked(**changes)) == [(parameter, message)]


def test_a_folder_that_cannot_be_mounted(tmp_path: Path) -> None:
    (problem,) = target(tmp_path / "a,b", "apptainer").check(asked())
    assert problem.message == (
        f"the path of the workspace, {str(tmp_path / 'a,b')!r}, has ':' or ',', which apptainer "
        "cannot mount; make the workspace in another folder"
    )


def test_a_file_is_for_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "find", lambda: SimpleNamespace(name="docker"))
    spec = asked(image={"name": "/w/a.sif"}, use_gpu=False)
    assert LocalTarget().check(spec) == [
        (
            "environment.docker.base_image",
            "/w/a.sif is an image for apptainer or pyxis on a cluster; docker here needs the name "
            "of one",
        )
    ]
    spec.environment.image.name = "python:3.11"
    assert LocalTarget().check(spec) == []


def test_what_has_no_effect(tmp_path: Path) -> None:
    spec = asked(container={"shm_size": "8g"})
    assert target(tmp_path, "apptainer").notices(spec) == [
        "docker.shm_size='8g' has no effect on 'hpc': a container there has the /dev/shm of its "
        "node"
    ]
    assert target(tmp_path, "apptainer").notices(asked()) == []


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], []),
        (["-v", "/a:/b"], [("/a", "/b", False)]),
        (["--volume=/a:/b:ro", "-v=/c:/c:rw"], [("/a", "/b", True), ("/c", "/c", False)]),
        (["-v", "named:/b"], None),
        (["-v", "/a:/b:z"], None),
        (["-v"], None),
        (["--memory=4g"], None),
    ],
)
def test_folders_of_docker_arguments(arguments: list[str], found: Any) -> None:
    assert entering.volumes(arguments) == found
