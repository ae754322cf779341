"""Files of web servers as a store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.data.stores.opening import open_store
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from tests.data.conftest import write
from tests.faulty_proxy import before
from tests.file_server import served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "served", sub__a="A", b="BB")


def test_a_file_is_named_and_fetched(folder: Path, tmp_path: Path) -> None:
    with served(folder) as address:
        store = open_store(address, {"retries": 1})
        (found,) = store.entries("sub/a.txt")
        assert (found.path, found.size_bytes) == ("sub/a.txt", 1)
        assert store.entry("sub/c.txt") is None
        assert list(store.entries("sub/c.txt")) == []
        store.fetch([(found, str(tmp_path / "out"))])
        assert (tmp_path / "out").read_text() == "A"
        text = f"'{address}' is on a web server, which tells no list of its files; give the path"
        with pytest.raises(UserErrorException, match=text):
            list(store.entries())
        os.utime(folder / "sub/a.txt", (1, 1))
        with pytest.raises(UserErrorException, match="it was changed while it was being read"):
            store.fetch([(found, str(tmp_path / "again"))])


_FOLDER = (
    "'sub' on '{0}' is a folder, and web servers give single files, not folders; give the path of "
    "a file, such as 'sub/data.csv', once for each file"
)
_TAKES_NONE = (
    "'{0}' is on a web server, which gives files and takes none; give a datastore that files can "
    "be stored on, such as workspaceblobstore"
)


def test_a_folder_is_an_error_before_the_queue(
    workspace: Any, experiment: Experiment, here: Environment, folder: Path, tmp_path: Path
) -> None:
    """Else the page that lists it would be taken for a file of its name."""
    (folder / "train.py").write_text("")
    with served(folder) as address, before(address) as proxy:
        web = Datastore.register(workspace, "web", proxy.address, retries=1)
        text = re.escape(_FOLDER.format(proxy.address))
        config = ScriptRunConfig(folder, "train.py", [web.path("sub").as_mount()], environment=here)
        with pytest.raises(UserErrorException, match=text):
            experiment.submit(config)
        assert list(experiment.get_runs()) == []
        with pytest.raises(UserErrorException, match=text):
            web.download(tmp_path / "out", "sub", show_progress=False)
        proxy.fault("HEAD /sub$", status=404)  # a server that knows only '/sub/'
        with pytest.raises(UserErrorException, match=text):
            web.download(tmp_path / "out", "sub", show_progress=False)
        assert not (tmp_path / "out").exists()
        assert list(web.files("sub/a.txt")) == ["sub/a.txt"]
        assert list(web.files("no/such")) == []


def test_nothing_is_stored(
    workspace: Any, experiment: Experiment, here: Environment, folder: Path
) -> None:
    (folder / "train.py").write_text("")
    with served(folder) as address, before(address) as proxy:
        web = Datastore.register(workspace, "web", proxy.address)
        text = _TAKES_NONE.format(proxy.address)
        for given in (
            web.path("out").as_upload(),
            OutputFileDatasetConfig("out", (web, "out")),
            OutputFileDatasetConfig("out", (web, "out")).as_upload(),
        ):
            config = ScriptRunConfig(folder, "train.py", [given], environment=here)
            said = f": nothing can be stored on datastore 'web': {text}"
            with pytest.raises(UserErrorException, match=re.escape(said)):
                experiment.submit(config)
        assert list(experiment.get_runs()) == []
        with pytest.raises(UserErrorException, match=re.escape(f"datastore 'web': {text}")):
            web.upload(folder, show_progress=False)
        with pytest.raises(UserErrorException, match=re.escape(text)):
            web.store.put([(str(folder / "b.txt"), "new")])
        assert proxy.requests == []


def test_a_server_without_ranges_is_asked_for_all_again(folder: Path, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (folder / "big").write_bytes(content)
    with served(folder) as address, before(address) as proxy:
        store = open_store(proxy.address, {"timeout": 30})
        fault = proxy.fault("GET", times=2, cut_after=2 << 20)
        found = store.entry("big")
        assert found is not None
        store.fetch([(found, str(tmp_path / "out"))])
        assert (tmp_path / "out").read_bytes() == content
        assert len(fault.seen) == 2


def test_a_password_is_a_secret_and_is_used(workspace: Any, folder: Path, tmp_path: Path) -> None:
    with served(folder, password="hidden") as address:
        url = address.replace("//", "//me:hidden@")
        web = Datastore.register(workspace, "web", url)
        assert web.container_name == address.replace("//", "//me@")
        assert web.datastore_type == "Http"
        assert web.download(tmp_path / "out", "b.txt", show_progress=False) == 1
        assert "hidden" not in Path(workspace.path, "datastores/web.json").read_text()
        Datastore.register(workspace, "web", address, overwrite=True)
        with pytest.raises(UserErrorException, match="the storage refuses \\(401"):
            Datastore(workspace, "web").download(tmp_path / "new", "b.txt", show_progress=False)
        with pytest.raises(UserErrorException, match="a web server has no option region"):
            Datastore.register(workspace, "other", address, region="x")
