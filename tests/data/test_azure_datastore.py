"""``Datastore.register_azure_*``: against a server of the Azure protocol where there is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runyard.data import databases
from runyard.data.datastore import Datastore
from runyard.data.stores import azure_container
from runyard.errors import UserErrorException
from runyard.record import keyvault
from tests.azure_server import ACCOUNT, ACCOUNT_KEY, Azure
from tests.data.conftest import files_of, write


def _registered(workspace: Any, azure: Azure, container: str, **more: Any) -> Any:
    given = {"account_key": ACCOUNT_KEY, "endpoint": azure.address, **more}
    return Datastore.register_azure_blob_container(workspace, "cloud", container, ACCOUNT, **given)


def test_a_container_is_made_and_used(workspace: Any, azure: Azure, tmp_path: Path) -> None:
    container = azure.new_name()
    with pytest.raises(UserErrorException) as caught:
        _registered(workspace, azure, container)
    assert "there is no such bucket or container (ContainerNotFound)" in caught.value.message
    assert "cloud" not in workspace.datastores
    cloud = _registered(workspace, azure, container, create_if_not_exists=True)
    assert (cloud.datastore_type, cloud.container_name) == ("AzureBlob", container)
    assert (cloud.account_name, cloud.is_sas) == (ACCOUNT, False)
    cloud.upload(write(tmp_path / "in", a="A", deep__b="B"), "x", show_progress=False)
    again = _registered(workspace, azure, container, create_if_not_exists=True)
    assert again.download(tmp_path / "out", "x", show_progress=False) == 2
    assert files_of(tmp_path / "out/x") == {"a.txt": "A", "deep/b.txt": "B"}
    for path in Path(workspace.path).rglob("*"):
        assert not path.is_file() or ACCOUNT_KEY not in path.read_text(errors="replace")


def test_a_wrong_key_is_refused(workspace: Any, azure: Azure) -> None:
    container = azure.container().removeprefix("az://")
    wrong = "d3Jvbmc="
    with pytest.raises(UserErrorException) as caught:
        _registered(workspace, azure, container, account_key=wrong)
    assert "the storage refuses (403 AuthorizationFailure); check the credentials" in (
        caught.value.message
    )
    assert wrong not in caught.value.message
    text = "could not be made: the storage refuses (403 AuthorizationFailure); check account_name"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        _registered(workspace, azure, container, account_key=wrong, create_if_not_exists=True)
    with pytest.raises(UserErrorException, match=r"cannot be opened: .*Invalid Access Key"):
        _registered(workspace, azure, container, account_key="%", create_if_not_exists=True)
    with pytest.raises(UserErrorException, match="account_key is not in base64; copy it as a"):
        azure_container.make(f"az://{container}", {**azure.plain, "account_key": "%"})
    with pytest.raises(UserErrorException, match=r"can be made with account_key='…' only; give it"):
        _registered(workspace, azure, container, account_key=None, create_if_not_exists=True)
    found = _registered(workspace, azure, container, account_key=wrong, skip_validation=True)
    assert found.name == "cloud"
    with pytest.raises(UserErrorException, match=r"registered already, for 'abfss://.* with other"):
        _registered(workspace, azure, container)
    assert list(_registered(workspace, azure, container, overwrite=True).files()) == []


def test_what_is_registered_without_being_asked(workspace: Any) -> None:
    lake = Datastore.register_azure_data_lake_gen2(
        workspace, "lake", "system", "acc", tenant_id="t", client_id="c", client_secret="hidden"
    )
    assert (lake.datastore_type, lake.container_name) == ("AzureDataLakeGen2", "system")
    cloud = Datastore.register_azure_blob_container(
        workspace, "cloud", "box", "acc", sas_token="?sig=hidden", skip_validation=True
    )
    assert (cloud.is_sas, cloud.protocol, cloud.endpoint) == (True, "abfss", None)
    assert cloud.store.url == "abfss://box@acc.dfs.core.windows.net"
    records = [path.read_text() for path in Path(workspace.path, "datastores").iterdir()]
    assert len(records) == 2
    assert not any("hidden" in text for text in records)


def test_databases(workspace: Any, tmp_path: Path) -> None:
    directory = workspace.directory
    Datastore.register_azure_postgre_sql(workspace, "pg", "srv", "db", "me@srv", "p/w:x@1")
    assert databases.engine_url(directory, "pg") == (
        "postgresql://me%40srv:p%2Fw%3Ax%401@srv.postgres.database.azure.com:5432/db?sslmode=require"
    )
    Datastore.register_azure_my_sql(workspace, "my", "srv", "db", "me", "secret", port_number=1)
    assert databases.engine_url(directory, "my") == (
        "mysql+pymysql://me:secret@srv.mysql.database.azure.com:1/db"
    )
    found = Datastore.register_azure_sql_database(
        workspace, "ms", "srv", "db", username="me", password="secret"
    )
    assert databases.engine_url(directory, "ms") == (
        "mssql+pymssql://me:secret@srv.database.windows.net:1433/db"
    )
    assert found.datastore_type == "AzureSqlDatabase"
    Datastore.register(workspace, "own", "postgresql://me:secret@host:1/db?connect_timeout=3")
    assert databases.engine_url(directory, "own") == (
        "postgresql://me:secret@host:1/db?connect_timeout=3"
    )
    Datastore.register(workspace, "lite", f"sqlite:///{tmp_path}/x.db")
    assert databases.engine_url(directory, "lite") == f"sqlite:///{tmp_path}/x.db"
    for path in Path(workspace.path, "datastores").iterdir():
        assert "secret" not in path.read_text().replace('"secrets"', "")
        assert "p/w:x" not in path.read_text()
    assert "secret" in Path(keyvault.folder_of(directory), "secrets.json").read_text()
    text = "datastore 'pg' is a database (postgresql://me%40srv@srv.postgres.database.azure.com"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        Datastore(workspace, "pg").download(tmp_path)
    with pytest.raises(UserErrorException, match="'workspaceblobstore' is no database; register"):
        databases.engine_url(directory, "workspaceblobstore")
    with pytest.raises(UserErrorException, match="the query of the URL has 'password'; give the"):
        Datastore.register(workspace, "new", "postgresql://host/db?password=x")
    with pytest.raises(UserErrorException, match="a database has no option region; what its"):
        Datastore.register(workspace, "new", "postgresql://host/db", region="x")
    with pytest.raises(UserErrorException, match=r"give username and password of a user of the"):
        Datastore.register_azure_sql_database(workspace, "new", "srv", "db", client_id="x")
