"""Real runs with every sign that a shell knows in names and values, and with a secret to look for.

On this machine, as several ranks, under MPI, in a container and on Slurm: what the script gets is
what was written, nothing is carried out on the way, and the secret is in no file, no list of
processes, and nothing that engine or scheduler tell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runyard import MpiConfiguration, PyTorchConfiguration
from runyard.computes.local import LocalTarget
from runyard.config.script_run_config import ScriptRunConfig
from runyard.containers.engine import Engine
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record import events
from runyard.record.states import Reason
from runyard.testing import runs
from tests import mpi_environments
from tests.computes.slurm.targets import target_of
from tests.container_engines import BASE
from tests.slurm_cluster import SlurmCluster

pytestmark = pytest.mark.integration

SECRET = "kx93-hunter2-" + os.urandom(4).hex()
"""Not in the source of any program, so that every place that has it was given it."""
TOUCH = "touch pwned-by-a-shell"
SIGNS = (
    f"it's $({TOUCH})",
    f"`{TOUCH}`",
    f"; {TOUCH};",
    f"& {TOUCH} &",
    f"| {TOUCH}",
    f"x\n{TOUCH}\n",
    f"$'\\n{TOUCH}'",
    '"quoted" \\"back\\\\slash\\',
    "~ * ? [a] {b,c} !! #",
    "%j %n %% %t",
    "--export=ALL",
    "-rf",
    "",
    "ünïcode\u202e",
    "tab\there",
    "a=b, c:d",
)
FOLDER = f'it\'s; $({TOUCH}) & `{TOUCH}` "x" % *'
SCRIPT_NAME = f"train; {TOUCH};'$(x).py"
SCRIPT = """
import json, os, sys, time
rank = os.environ.get("RUNYARD_RANK", os.environ.get("PMI_RANK", "0"))
os.makedirs("outputs", exist_ok=True)
seen = {
    "argv": sys.argv[1:],
    "variables": {k: v for k, v in os.environ.items() if k.startswith("SIGN_")},
    "secret": os.environ.get("MY_TOKEN", "")[::-1],
    "file": os.path.basename(sys.argv[0]),
}
with open("outputs/part-" + rank, "w") as stream:
    json.dump(seen, stream)
os.rename("outputs/part-" + rank, "outputs/seen-" + rank)
until = time.time() + 60
while not os.path.exists("outputs/go") and time.time() < until:
    time.sleep(0.05)
"""
R_SCRIPT_NAME = f"train; {TOUCH};'$(x).R"
R_SCRIPT = """
written <- function(text, ...) writeBin(charToRaw(text), file.path("outputs", "part", ...))
dir.create(file.path("outputs", "part", "argv"), recursive = TRUE)
dir.create(file.path("outputs", "part", "variables"))
argv <- commandArgs(trailingOnly = TRUE)
for (n in seq_along(argv)) written(argv[n], "argv", sprintf("%03d", n))
for (name in grep("^SIGN_", names(Sys.getenv()), value = TRUE)) {
  written(Sys.getenv(name), "variables", name)
}
written(rev(strsplit(Sys.getenv("MY_TOKEN"), "")[[1]]) |> paste(collapse = ""), "secret")
file.rename(file.path("outputs", "part"), file.path("outputs", "seen-0"))
for (n in 1:1200) if (!file.exists(file.path("outputs", "go"))) Sys.sleep(0.05)
"""
VARIABLES = {f"SIGN_{number}": text for number, text in enumerate(SIGNS) if "\n" not in text}


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """In a folder whose name a shell would carry out."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "source").mkdir()
    (folder / "source" / SCRIPT_NAME).write_text(SCRIPT)
    (folder / "source" / R_SCRIPT_NAME).write_text(R_SCRIPT)
    workspace: Any = Workspace.create("tests", path=str(folder / "workspace"))
    return Experiment(workspace, "signs")


def _submitted(experiment: Experiment, *, target: str = "local", **settings: Any) -> Run:
    environment = settings.pop("environment", None)
    if environment is None:
        environment = Environment("mine")
        environment.python.user_managed_dependencies = True
        environment.python.interpreter_path = settings.pop("python", sys.executable)
    source = Path(experiment.workspace.directory.path).parents[1] / "source"
    script = settings.pop("script", SCRIPT_NAME)
    config = ScriptRunConfig(
        source, script, list(SIGNS), compute_target=target, environment=environment, **settings
    )
    config.run_config.environment_variables = {**VARIABLES, "MY_TOKEN": SECRET}
    run = experiment.submit(config, tags={text or "none": text for text in SIGNS})
    run.display_name = SIGNS[0]
    return run


def _told() -> bytes:
    """The words of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)


def _checked(run: Run, ranks: int, told: Any = lambda: "") -> None:
    """Wait for the ranks, look, let them end, look again. ``told``: by engine or scheduler."""
    outputs = Path(run.directory.outputs)

    def all_there() -> bool:
        ended = events.read_state(run.directory)
        assert not ended.status.ended, (ended.detail, runs.log_of(run.directory))
        return all((outputs / f"seen-{rank}").exists() for rank in range(ranks))

    runs.wait_for(all_there, timeout_s=60)
    assert SECRET.encode() not in _told()
    assert SECRET not in told()
    (outputs / "go").touch()
    state = runs.finish(run.directory, timeout_s=60)
    assert state.reason is Reason.COMPLETED, (state.detail, runs.log_of(run.directory))
    for rank in range(ranks):
        seen = _seen(outputs / f"seen-{rank}")
        assert seen["argv"] == list(SIGNS)
        assert seen["variables"] == VARIABLES
        assert seen["secret"] == SECRET[::-1]
        assert seen["file"] == run.get_details()["runDefinition"]["script"]
    _nothing_left(Path(run.directory.workspace.path).parents[1])


def _seen(path: Path) -> dict[str, Any]:
    """What the script has got; one in R says each value in a file of its own."""
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return {
        "argv": [each.read_text() for each in sorted((path / "argv").iterdir())],
        "variables": {each.name: each.read_text() for each in (path / "variables").iterdir()},
        "secret": (path / "secret").read_text(),
        "file": R_SCRIPT_NAME,
    }


def _below(folder: Path) -> Iterator[Path]:
    """All that is there; folders may be removed meanwhile, which ``rglob`` does not suffer."""
    for parent, folders, names in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *names))


def _nothing_left(folder: Path) -> None:
    """No file was touched, and none has the secret."""
    places = [folder, Path(os.environ["XDG_STATE_HOME"]), Path(os.environ["RUNYARD_CACHE_DIR"])]
    places.append(Path("/dev/shm", f"runyard-{os.getuid()}"))
    for path in (path for place in places for path in _below(place)):
        assert "pwned" not in path.name or TOUCH in path.name, path
        with suppress(FileNotFoundError):  # those of other runs come and go
            if path.is_file() and path.stat().st_size < 50_000_000:
                assert SECRET.encode() not in path.read_bytes(), path
    assert not Path("pwned-by-a-shell").exists()
    assert not Path.home().joinpath("pwned-by-a-shell").exists()


def test_on_this_machine(experiment: Experiment) -> None:
    _checked(_submitted(experiment), 1)


def test_in_r(experiment: Experiment, tool: Callable[[str], str]) -> None:
    """R's own front end is a shell script."""
    tool("Rscript")
    _checked(_submitted(experiment, script=R_SCRIPT_NAME), 1)


@pytest.mark.parametrize(
    "words", [["-e", "quit(status=3)"], ["--version"], ["--args", "-g", "Tk"], ["--file=other.R"]]
)
def test_options_of_r_are_arguments_of_the_script(
    tmp_path: Path, tool: Callable[[str], str], words: list[str]
) -> None:
    tool("Rscript")
    workspace = runs.workspace(tmp_path)
    entry = {"kind": "program", "interpreter": ["Rscript"], "script": "train.R"}
    text = "cat(commandArgs(trailingOnly = TRUE), sep = '\\n')"
    run = runs.make_run(
        workspace, files={"train.R": text}, script="train.R", entry=entry, arguments=words
    )
    runs.start(LocalTarget(), run)
    assert runs.finish(run, timeout_s=60).reason is Reason.COMPLETED, runs.log_of(run)
    assert runs.log_of(run).splitlines() == words


NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "-c.py": ("print('whole')", {"kind": "python"}),
    "-e.sh": ("echo whole", {"kind": "program", "interpreter": ["bash"]}),
    "-e.R": ("cat('whole\\n')", {"kind": "program", "interpreter": ["Rscript"]}),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_script_is_no_option(
    tmp_path: Path, tool: Callable[[str], str], name: str
) -> None:
    text, entry = NAMES[name]
    for program in entry.get("interpreter", ()):
        tool(program)
    files = {name: text}
    run = runs.make_run(runs.workspace(tmp_path), files=files, script=name, entry=entry)
    runs.start(LocalTarget(), run)
    assert runs.finish(run, timeout_s=60).reason is Reason.COMPLETED, runs.log_of(run)
    assert runs.log_of(run) == "whole\n"


def test_as_ranks(experiment: Experiment) -> None:
    run = _submitted(experiment, distributed_job_config=PyTorchConfiguration(process_count=2))
    _checked(run, 2)


@pytest.mark.xdist_group("mpi")
def test_under_mpi(experiment: Experiment) -> None:
    given: dict[str, Any] = {"distributed_job_config": MpiConfiguration(process_count_per_node=2)}
    _checked(_submitted(experiment, python=mpi_environments.python("mpich"), **given), 2)


def test_in_a_container(experiment: Experiment, engine: Engine) -> None:
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    run = _submitted(experiment, environment=environment)

    def told() -> str:
        names = engine.ask("ps", "--all", "--format", "{{.Names}}").split()
        layers = "".join(engine.ask("history", "--no-trunc", BASE))
        return layers + "".join(engine.ask("container", "inspect", name) for name in names)

    _checked(run, 1, told)


def _of_slurm(slurm: SlurmCluster) -> str:
    return subprocess.run(
        ["scontrol", "show", "job", "-d"], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("nodes", [1, 2])
def test_on_slurm(experiment: Experiment, slurm: SlurmCluster, nodes: int) -> None:
    target_of(slurm, experiment.workspace.directory)
    given: dict[str, Any] = {}
    if nodes > 1:
        given["distributed_job_config"] = PyTorchConfiguration(process_count=2, node_count=2)
    run = _submitted(experiment, target="hpc", **given)
    _checked(run, nodes, lambda: _of_slurm(slurm))
