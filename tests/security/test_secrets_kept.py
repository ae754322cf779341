"""Files that hold secrets: whose they are, who may read them, and whom they are handed to."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from runyard.errors import UserErrorException
from runyard.history.workspace import Workspace
from runyard.record import keyvault
from tests.security.conftest import ANOTHER, Scene


@pytest.fixture(autouse=True)
def vaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "vaults"
    monkeypatch.setenv("RUNYARD_KEYVAULT", str(folder))
    return folder


def test_a_workspace_with_the_id_of_ours_does_not_get_our_secrets(scene: Scene) -> None:
    ours = Workspace.create("ours", path=str(scene.home / "project"))
    ours.get_default_keyvault().set_secret("db-password", "for us alone")
    content = json.loads(Path(scene.workspace.workspace_json).read_text())
    content["id"] = json.loads(Path(ours.directory.workspace_json).read_text())["id"]
    Path(scene.workspace.workspace_json).write_text(json.dumps(content))
    vault = Workspace.at(scene.workspace).get_default_keyvault()
    assert vault.get_secret("db-password") == "for us alone", "a copy of our own"
    scene.given_away()
    with pytest.raises(UserErrorException, match="has no secret 'db-password'"):
        Workspace.at(scene.workspace).get_default_keyvault().get_secret("db-password")
    vault.set_secret("db-password", "in theirs")
    assert ours.get_default_keyvault().get_secret("db-password") == "for us alone"


@pytest.mark.parametrize("name", ["../../ours", "/ours", ".", "", "a/b"])
def test_no_id_leads_out_of_the_folder_of_secrets(scene: Scene, name: str) -> None:
    Path(scene.workspace.workspace_json).write_text(
        json.dumps({"format": 1, "name": "tests", "id": name})
    )
    with pytest.raises(Exception, match="has no usable id"):
        keyvault.folder_of(scene.workspace)


def test_secrets_are_readable_by_their_owner_alone_whatever_the_umask(
    tmp_path: Path, vaults: Path
) -> None:
    before = os.umask(0)
    try:
        workspace = Workspace.create("ours", path=str(tmp_path / "project"))
        workspace.get_default_keyvault().set_secret("a", "b")
    finally:
        os.umask(before)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (vaults, *vaults.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}


def test_another_user_cannot_read_them(scene: Scene) -> None:
    workspace = Workspace.create("ours", path=str(scene.home / "project"))
    workspace.get_default_keyvault().set_secret("a", "b")
    path = Path(keyvault.folder_of(workspace.directory), "secrets.json")
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setresuid(ANOTHER, ANOTHER, ANOTHER)
        os._exit(0 if not os.access(path, os.R_OK) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
