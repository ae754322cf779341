"""Secrets: who can read them, who writes at once, and where they must never turn up."""

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard import Datastore, Environment, Experiment, Keyvault, ScriptRunConfig, Workspace
from runyard.data import credentials
from runyard.errors import UserErrorException
from runyard.record import keyvault
from tests.requirements import missing

VALUE = "hunter2-correct-horse"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("RUNYARD_KEYVAULT", str(tmp_path / "vaults"))
    return Workspace.create("secrets", path=tmp_path / "project")


@pytest.fixture
def vault(workspace: Workspace) -> Keyvault:
    return workspace.get_default_keyvault()


def file_of(workspace: Workspace) -> Path:
    return Path(keyvault.folder_of(workspace.directory), "secrets.json")


def test_what_is_set_can_be_read_listed_replaced_and_deleted(vault: Keyvault) -> None:
    assert vault.list_secrets() == []
    vault.set_secret("db-key", "one")
    vault.set_secrets({"DB-Key": "two", "other": "three"})
    assert vault.list_secrets() == ["DB-Key", "other"]
    assert vault.get_secret("db-KEY") == "two"
    assert vault.get_secrets(["other", "none"]) == {"other": "three", "none": None}
    vault.delete_secret("other")
    vault.delete_secrets(["db-key", "never there"])
    assert vault.list_secrets() == []


def test_what_cannot_be_kept_is_refused_and_not_shown(vault: Keyvault) -> None:
    with pytest.raises(UserErrorException, match="has no secret 'none'; set it: runyard secret"):
        vault.get_secret("none")
    with pytest.raises(UserErrorException, match=r"secret name 'a b' cannot be used: give 1 to"):
        vault.set_secret("a b", VALUE)
    with pytest.raises(UserErrorException, match="the value of secret 'x' is a bytes; give text"):
        vault.set_secret("x", VALUE.encode())  # type: ignore[arg-type]
    with pytest.raises(UserErrorException, match="takes a dict of text by name and got a list"):
        vault.set_secrets([("x", VALUE)])  # type: ignore[arg-type]
    assert vault.list_secrets() == []


def test_only_the_owner_can_read_them_whatever_the_umask(
    vault: Keyvault, workspace: Workspace
) -> None:
    path = file_of(workspace)
    for mask in (0o777, 0, 0o077):
        before = os.umask(mask)
        try:
            vault.set_secret("key", VALUE)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert vault.get_secret("key") == VALUE
        shutil.rmtree(path.parent.parent)


def test_they_are_not_in_the_workspace(vault: Keyvault, workspace: Workspace) -> None:
    vault.set_secret("key", VALUE)
    assert not found_in(Path(workspace.path))
    assert found_in(file_of(workspace).parent) == [file_of(workspace)]


def test_by_default_they_are_in_the_data_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RUNYARD_KEYVAULT")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert keyvault.where() == f"{tmp_path}/.local/share/runyard/keyvaults"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert keyvault.where() == "/data/runyard/keyvaults"
    config = tmp_path / "config.toml"
    config.write_text('keyvault = "~/mine"\n')
    monkeypatch.setenv("RUNYARD_CONFIG", str(config))
    assert keyvault.where() == f"{tmp_path}/mine"
    config.write_text('keyvault = "relative"\n')
    with pytest.raises(UserErrorException, match="line 1: keyvault is 'relative'; give 'keyring'"):
        keyvault.where()


WRITER = """
import sys
import threading
from runyard import Workspace
vault = Workspace.at(sys.argv[1]).get_default_keyvault()
for number in range(25):
    vault.set_secret("w{}-{}".format(sys.argv[2], number), "x" * 1000)
"""


def test_writers_at_once_lose_nothing_and_readers_see_whole_files(
    vault: Keyvault, workspace: Workspace
) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, workspace.path, str(number)])
        for number in range(4)
    ]
    while any(writer.poll() is None for writer in writers):
        vault.list_secrets()  # raises for half a file
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(vault.list_secrets()) == 100
    assert [path.name for path in file_of(workspace).parent.iterdir()] == ["secrets.json"]


def test_a_damaged_file_is_named_and_not_shown(vault: Keyvault, workspace: Workspace) -> None:
    vault.set_secret("key", VALUE)
    path = file_of(workspace)
    path.write_text(path.read_text()[:-3])
    with pytest.raises(UserErrorException) as caught:
        vault.get_secret("key")
    assert caught.value.message == f"{path} is damaged; remove it and set its secrets again"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


SCRIPT = """
import json, sys
from azureml.core import Run
run = Run.get_context()
secret = run.get_secret("db-key")
vault = run.experiment.workspace.get_default_keyvault()
assert vault.get_secret("db-key") == secret
assert run.get_secrets(["db-key", "none"]) == {"db-key": secret, "none": None}
vault.set_secret("from-script", secret[::-1])
run.log("length", len(secret))
print(sys.version_info[:2], vault)
try:
    run.get_secret("none")
except Exception as error:
    print(error)
raise RuntimeError("the end")
"""


def found_in(folder: Path, value: str = VALUE) -> list[Path]:
    """The files below a folder with the secret in them, forwards or backwards."""
    hits = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if value.encode() in content or value[::-1].encode() in content:
                hits.append(path)
    return hits


@pytest.mark.parametrize("name", ["python3.6", "own"])
def test_scripts_read_them_and_no_file_of_the_run_has_them(
    name: str, vault: Keyvault, workspace: Workspace, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    vault.set_secret("db-key", VALUE)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(SCRIPT)
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable if name == "own" else tool(name)
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    run = Experiment(workspace, "e").submit(config)
    details = run.wait_for_completion(raise_on_error=False)
    assert details["error"]["error"]["message"].endswith("RuntimeError: the end")
    assert run.get_metrics() == {"length": len(VALUE)}
    assert vault.get_secret("from-script") == VALUE[::-1]
    log = Path(run.directory.std_log).read_text()
    assert "there is no secret 'none'; set it: runyard secret set none, or set the env" in log
    assert not found_in(Path(workspace.path))
    assert VALUE not in json.dumps(run.get_details_with_logs())


def test_they_are_in_no_process_list(vault: Keyvault, workspace: Workspace, tmp_path: Path) -> None:
    vault.set_secret("db-key", VALUE)
    source = tmp_path / "source"
    source.mkdir()
    script = SCRIPT.replace("raise RuntimeError", "__import__('time').sleep(60)\nraise Runtime")
    (source / "train.py").write_text(script)
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    run = Experiment(workspace, "e").submit(config)
    try:
        while "length" not in run.get_metrics():
            assert run.get_status() != "Failed", run.get_details_with_logs()
        seen = 0
        for process in Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    content = (process / file).read_bytes()
                except OSError:
                    continue
                seen += run.id.encode() in content
                assert VALUE.encode() not in content, process
        assert seen  # the run's own processes were looked at
    finally:
        run.cancel()
        run.wait_for_completion()


def test_a_script_started_by_hand_reads_those_of_the_workspace_above(
    vault: Keyvault, workspace: Workspace
) -> None:
    vault.set_secret("db-key", VALUE)
    code = "from runyard import Run; print(len(Run.get_context().get_secret('db-key')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(workspace.path).parent,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (f"{len(VALUE)}\n", "")


BACKEND = """
import json, os, pathlib
from keyring.backend import KeyringBackend

class Backend(KeyringBackend):
    priority = 1
    path = property(lambda self: pathlib.Path(os.environ["TEST_KEYRING"]))
    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, username):
        return self._all().get(service + "/" + username)
    def set_password(self, service, username, password):
        if os.environ.get("TEST_KEYRING_LOCKED"):
            raise RuntimeError("cannot keep " + password)
        found = self._all()
        found[service + "/" + username] = password
        self.path.write_text(json.dumps(found))
    def delete_password(self, service, username):
        raise NotImplementedError
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Path:
    """The package keyring, with a backend that keeps its entries in a file, for the test to see."""
    if importlib.util.find_spec("keyring") is None:
        missing("keyring", "the package keyring is not installed")
    import keyring.core

    home, place = tmp_path / "home", tmp_path / "entries.json"
    config = home / "config" / "python_keyring"
    config.mkdir(parents=True)
    (home / "test_backend.py").write_text(BACKEND)
    (config / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring=test_backend.Backend\nkeyring-path={home}\n"
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("TEST_KEYRING", str(place))
    monkeypatch.setenv("RUNYARD_KEYVAULT", "keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return place


@pytest.mark.parametrize("name", ["python3.6", "own"])
def test_the_keyring_of_the_system_when_the_settings_say_so(
    name: str, keyring: Path, workspace: Workspace, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    vault = workspace.get_default_keyvault()
    assert vault.list_secrets() == []
    vault.set_secret("db-key", VALUE)
    assert VALUE in keyring.read_text()
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(SCRIPT.replace("raise RuntimeError", "print"))
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable if name == "own" else tool(name)
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    run = Experiment(workspace, "e").submit(config)
    run.wait_for_completion()
    assert vault.get_secret("from-script") == VALUE[::-1]
    assert not found_in(Path(workspace.path))
    assert found_in(tmp_path) == [keyring]


def test_the_secrets_of_datastores_are_in_the_keyring_as_well(
    keyring: Path, workspace: Workspace
) -> None:
    Datastore.register(workspace, "cloud", "https://host/path", token=VALUE)
    assert VALUE in keyring.read_text()
    assert credentials.read(workspace.directory, "cloud") == {"token": VALUE}
    Datastore.get(workspace, "cloud").unregister()
    assert credentials.read(workspace.directory, "cloud") == {}


def test_a_folder_is_registered_without_a_keyring(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNYARD_KEYVAULT", "keyring")
    monkeypatch.setitem(sys.modules, "keyring", None)
    Datastore.register(workspace, "photos", tmp_path)
    Datastore.get(workspace, "photos").unregister()
    with pytest.raises(UserErrorException, match="needs the package keyring"):
        Datastore.register(workspace, "cloud", "https://host", token=VALUE)
    assert "cloud" not in workspace.datastores


def test_what_to_type_where_the_package_keyring_is_not_installed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_KEYVAULT", "keyring")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UserErrorException) as caught:
        workspace.get_default_keyvault().set_secret("db-key", VALUE)
    assert caught.value.message == (
        "keyvault = 'keyring' needs the package keyring, which is not installed; "
        f"{sys.executable} -m pip install 'keyring>=24', or leave the setting out to keep "
        "secrets in a file"
    )


def test_a_keyring_that_refuses_shows_nothing(
    keyring: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEYRING_LOCKED", "1")
    with pytest.raises(UserErrorException) as caught:
        workspace.get_default_keyvault().set_secret("db-key", VALUE)
    assert caught.value.message == (
        "the system's keyring refused: RuntimeError; unlock it and try again"
    )
    assert caught.value.__context__ is None


def test_without_a_place_for_the_lock_the_keyring_stays_as_it_is(
    keyring: Path, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_text("no folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with pytest.raises(UserErrorException) as caught:
        workspace.get_default_keyvault().set_secret("db-key", VALUE)
    folder = f"{tmp_path}/data/runyard/keyvaults/{workspace.id}"
    assert caught.value.message == (
        f"secrets cannot be changed without a lock in {folder}: Not a directory; let this user "
        "write there"
    )
    assert not keyring.exists()


def test_changes_of_the_keyring_wait_for_each_other(
    keyring: Path, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    vault = workspace.get_default_keyvault()
    vault.set_secret("one", "1")
    folder = tmp_path / "data/runyard/keyvaults" / workspace.id
    assert folder.stat().st_mode & 0o777 == 0o700
    second = threading.Thread(target=vault.set_secret, args=("two", "2"))
    with keyvault.locked(str(folder)):
        second.start()
        second.join(0.2)
        assert second.is_alive()
    second.join(60)
    assert vault.list_secrets() == ["one", "two"]
    assert list(folder.iterdir()) == []


def test_a_machine_without_a_keyring_is_told(
    keyring: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    with pytest.raises(UserErrorException, match=r"has no keyring that can be used .* in a file"):
        workspace.get_default_keyvault().list_secrets()
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UserErrorException, match=r"-m pip install 'keyring>=24', or leave"):
        workspace.get_default_keyvault().list_secrets()


def test_a_container_does_not_reach_the_keyring(
    keyring: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_RUN_DIRECTORY", workspace.path)
    monkeypatch.setenv("RUNYARD_PYTHON", "/no/such/python")
    with pytest.raises(UserErrorException, match="which a container does not reach; hand the run"):
        workspace.get_default_keyvault().get_secret("db-key")
