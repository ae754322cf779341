"""Files of web servers as a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datastore import Datastore
from runyard.data.stores.opening import open_store
from runyard.errors import UserErrorException
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
        with pytest.raises(UserErrorException, match=r"storing 'new' on 'http://.* answers 501"):
            store.put([(str(tmp_path / "out"), "new")])
        os.utime(folder / "sub/a.txt", (1, 1))
        with pytest.raises(UserErrorException, match="it was changed while it was being read"):
            store.fetch([(found, str(tmp_path / "again"))])


def test_a_server_without_ranges_is_asked_for_all_again(folder: Path, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (folder / "big").write_bytes(content)
    with served(folder) as address, before(address) as proxy:
        store = open_store(proxy.address, {"timeout": 2})
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
