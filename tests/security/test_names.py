"""Every name that becomes a path: nothing is made outside of the workspace, nothing runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import runyard
from runyard import Datastore, Environment, Experiment, Model, Run, ScriptRunConfig, Workspace
from runyard.computes.compute_target import ComputeTarget
from runyard.data.reference import DataReference
from runyard.errors import RunyardError

NAMES = (
    "../../escaped",
    "..",
    ".",
    "/escaped",
    "a/../../../escaped",
    "a\0b",
    "a\nb",
    "",
    "-rf",
    "~root",
    "$(touch escaped)",
    "`touch escaped`",
    "a;touch escaped",
    "..\\..\\escaped",
    "%2e%2e/escaped",
    "a\u202eb",
    ".hidden",
    "a" * 300,
)


def _pool(ws: Workspace, name: str) -> Any:
    given = runyard.AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=1)
    return ComputeTarget.create(ws, name, given)


def _submit(ws: Workspace, **settings: Any) -> Run:
    return Experiment(ws, "main").submit(ScriptRunConfig(".", **settings))


Place = Any
USES: dict[str, Callable[[Place, str], Any]] = {
    "experiment": lambda p, n: Experiment(p.ws, n).start_logging(
        snapshot_directory=None, outputs=None
    ),
    "run": lambda p, n: p.ws.get_run(n),
    "run of an experiment": lambda p, n: Run(Experiment(p.ws, "main"), n).tag("a", "b"),
    "file": lambda p, n: p.run.upload_file(n, "file"),
    "folder": lambda p, n: p.run.upload_folder(n, "folder"),
    "download": lambda p, n: p.run.download_file(n, "folder/"),
    "downloads": lambda p, n: p.run.download_files(prefix=n, output_directory="folder"),
    "table": lambda p, n: p.run.log_table(n, {"a": [1]}),
    "image": lambda p, n: p.run.log_image(n, path="file"),
    "tag": lambda p, n: p.run.tag(n, n),
    "child": lambda p, n: p.run.child_run(name=n).complete(),
    "snapshot": lambda p, n: p.run.restore_snapshot(snapshot_id=n, path="folder"),
    "model": lambda p, n: Model.register(p.ws, "file", n),
    "model by name": lambda p, n: Model(p.ws, n),
    "model by id": lambda p, n: Model(p.ws, id=n),
    "model of a run": lambda p, n: p.run.register_model("m", n),
    "environment": lambda p, n: Environment(n).register(p.ws),
    "environment by name": lambda p, n: Environment.get(p.ws, n),
    "version": lambda p, n: Environment.get(p.ws, "x", n),
    "datastore": lambda p, n: Datastore.register_azure_blob_container(
        p.ws, n, "c", account_name="a", account_key="k"
    ),
    "datastore by name": lambda p, n: Datastore.get(p.ws, n),
    "path of an upload": lambda p, n: p.store.upload_files(["file"], target_path=n),
    "prefix of a download": lambda p, n: p.store.download("folder", prefix=n),
    "reference": lambda p, n: DataReference(p.store, data_reference_name=n),
    "path of a reference": lambda p, n: DataReference(p.store, "x", path_on_datastore=n),
    "path of a dataset": lambda p, n: runyard.Dataset.File.from_files(
        (p.store, n), validate=False
    ).download("folder", overwrite=True),
    "dataset": lambda p, n: runyard.Dataset.File.from_files(
        (p.store, "x"), validate=False
    ).register(p.ws, n),
    "dataset by name": lambda p, n: runyard.Dataset.get_by_name(p.ws, n),
    "dataset by id": lambda p, n: runyard.Dataset.get_by_id(p.ws, n),
    "compute target": lambda p, n: _pool(p.ws, n),
    "compute target by name": lambda p, n: ComputeTarget(p.ws, n),
    "target of a run": lambda p, n: _submit(p.ws, script="train.py", compute_target=n or "none"),
    "script": lambda p, n: _submit(p.ws, script=n),
    "secret": lambda p, n: p.ws.get_default_keyvault().set_secret(n, "v"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Deep below the folder that is looked at, so that a way up is seen."""
    folder = tmp_path / "one/two/three"
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("x")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UV_OFFLINE", "1")
    ws = Workspace.create("tests", path=".")
    run = Experiment(ws, "main").start_logging(snapshot_directory=None, outputs=None)
    return SimpleNamespace(ws=ws, run=run, store=ws.get_default_datastore())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("use", USES)
def test_no_name_leads_out_of_the_workspace(place: Place, tmp_path: Path, use: str) -> None:
    before = _seen(tmp_path)
    for name in NAMES:
        try:
            USES[use](place, name)
        except (RunyardError, OSError, ValueError):
            continue
    assert _seen(tmp_path) == before
    assert not [p for p in tmp_path.rglob("escaped") if ".runyard" not in p.parts]
    assert not os.path.exists("/escaped")


def _seen(folder: Path) -> set[Path]:
    """All but what lies in the workspace, and in the folder that downloads go to."""
    known = folder / "one/two/three"
    own = (known / ".runyard", known / "folder")
    return {p for p in folder.rglob("*") if not any(p.is_relative_to(o) for o in own)}
