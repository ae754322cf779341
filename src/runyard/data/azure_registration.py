"""``Datastore.register_azure_*`` and its kin, with the parameters of SDK v1 (spec 15.1).

Blob containers, data lakes of the second generation and databases are what they say. A name that
was given to a folder or a URL with `Datastore.register` stays so, whatever the call says: notebooks
that name a cloud run beside it. What nothing here reaches needs such a stand-in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runyard import _names
from runyard.data import names, registration, registry
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.storage import StorageDatastore
    from runyard.history.workspace import Workspace

_AZURE = "core.windows.net"
_log = logging.getLogger(__name__)


def _registered(workspace: Workspace, name: str, storage: str) -> StorageDatastore:
    """The datastore that was registered here under that name; raises when there is none."""
    found = _stand_in(workspace, name, storage)
    if found is None:
        raise UserErrorException(
            f"datastore {name!r} is {storage}, which this version does not reach; register a "
            "folder that has its files under this name, and this call will find it: "
            f"Datastore.register(workspace, {name!r}, '/path/of/the/folder')"
        )
    return found


def _stand_in(workspace: Workspace, name: str, storage: str) -> StorageDatastore | None:
    """The datastore when its name was given to a folder or URL with `Datastore.register`."""
    directory = workspace.directory
    if not registry.is_registered(directory, names.checked_datastore(name)):
        return None
    if registry.record(directory, name).get("azure"):
        return None
    _log.info(
        "datastore %r stands for %s: it is %s, as registered here",
        name,
        storage,
        registry.url_of(directory, name),
    )
    return _get(workspace, name)


def _get(workspace: Workspace, name: str) -> StorageDatastore:
    found: StorageDatastore = _names.load("runyard.data.datastore:Datastore").get(workspace, name)
    return found


def _container(
    workspace: Workspace,
    name: str,
    container: str,
    account: str,
    options: Mapping[str, Any],
    *,
    azure: Mapping[str, Any],
    overwrite: bool,
    make: bool = False,
    check: bool = True,
) -> StorageDatastore:
    """Register a container; ``check``: look whether it answers before it is written down."""
    protocol, endpoint = azure["protocol"] or "https", azure["endpoint"] or _AZURE
    given = {key: value for key, value in options.items() if value is not None}
    if "://" in endpoint:
        given |= {"endpoint": endpoint, "account_name": account}
    elif (protocol, endpoint) != ("https", _AZURE):
        given["endpoint"] = f"{protocol}://{account}.blob.{endpoint}"
    registration.register(
        workspace.directory,
        names.checked_datastore(name),
        f"abfss://{container}@{account}.dfs.{_AZURE}",
        overwrite=overwrite,
        create_if_not_exists=make,
        check=check,
        options=given,
        more={"azure": {**azure, "container_name": container, "account_name": account}},
    )
    return _get(workspace, name)


def _database(  # noqa: PLR0917
    workspace: Workspace,
    name: str,
    kind: str,
    url: str,
    password: str | None,
    overwrite: bool,
) -> StorageDatastore:
    registration.register(
        workspace.directory,
        names.checked_datastore(name),
        url,
        overwrite=overwrite,
        options={"password": password} if password else {},
        more={"azure": {"type": kind}},
    )
    return _get(workspace, name)


class AzureRegistration:
    """Each returns the datastore of its name: as `Datastore.register` gave it, or else as said.

    Raises UserErrorException for what this version does not reach, saying what to do, when the
    name is taken, and when the storage refuses or does not answer.
    """

    @staticmethod
    def register_azure_blob_container(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
        blob_cache_timeout: int | None = None,
        grant_workspace_access: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
    ) -> StorageDatastore:
        """An Azure Blob container.

        ``endpoint``: the domain, 'core.windows.net' by default, or a whole address such as that
        of an emulator, 'http://127.0.0.1:10000/devstoreaccount1'. ``create_if_not_exists``: make
        the container, which takes ``account_key``. ``skip_validation``: do not look whether it
        answers. Without a key or token the variables of Azure count (AZURE_STORAGE_ACCOUNT_KEY).
        """
        storage = f"the Azure Blob container {container_name!r} of {account_name!r}"
        return _stand_in(workspace, datastore_name, storage) or _container(
            workspace,
            datastore_name,
            container_name,
            account_name,
            {"sas_token": sas_token, "account_key": account_key},
            azure={"type": "AzureBlob", "protocol": protocol, "endpoint": endpoint},
            overwrite=overwrite,
            make=create_if_not_exists,
            check=not skip_validation,
        )

    @staticmethod
    def register_azure_file_share(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        file_share_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
    ) -> StorageDatastore:
        """An Azure file share."""
        storage = f"the Azure file share {file_share_name!r} of {account_name!r}"
        return _registered(workspace, datastore_name, storage)

    @staticmethod
    def register_azure_data_lake(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        store_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        overwrite: bool = False,
        grant_workspace_access: bool = False,
    ) -> StorageDatastore:
        """An Azure Data Lake."""
        return _registered(workspace, datastore_name, f"the Azure Data Lake {store_name!r}")

    @staticmethod
    def register_azure_data_lake_gen2(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        grant_workspace_access: bool = False,
    ) -> StorageDatastore:
        """An Azure Data Lake of the second generation.

        ``tenant_id``, ``client_id``, ``client_secret``: of a service principal; without them the
        variables of Azure count. It is not looked whether it answers.
        """
        storage = f"the Azure Data Lake file system {filesystem!r} of {account_name!r}"
        return _stand_in(workspace, datastore_name, storage) or _container(
            workspace,
            datastore_name,
            filesystem,
            account_name,
            {
                "tenant_id": tenant_id,
                "client_id": client_id,
                "client_secret": client_secret,
                "authority_host": authority_url,
            },
            azure={"type": "AzureDataLakeGen2", "protocol": protocol, "endpoint": endpoint},
            overwrite=overwrite,
            check=False,
        )

    @staticmethod
    def register_azure_sql_database(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        server_name: str,
        database_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        username: str | None = None,
        password: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        grant_workspace_access: bool = False,
        **kwargs: Any,
    ) -> StorageDatastore:
        """An Azure SQL database; read with SQLAlchemy and the driver pymssql.

        ``username``, ``password``: of a user of the database; service principals are not used.
        """
        storage = f"the Azure SQL database {database_name!r} on {server_name!r}"
        found = _stand_in(workspace, datastore_name, storage)
        if found is not None:
            return found
        if username is None:
            raise UserErrorException(
                f"datastore {datastore_name!r}: give username and password of a user of "
                f"{storage}; service principals (client_id) are not used in this version"
            )
        host = f"{server_name}.{endpoint or 'database.windows.net'}:1433"
        url = f"mssql+pymssql://{quote(username, safe='')}@{host}/{quote(database_name)}"
        return _database(workspace, datastore_name, "AzureSqlDatabase", url, password, overwrite)

    @staticmethod
    def register_azure_postgre_sql(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        server_name: str,
        database_name: str,
        user_id: str,
        user_password: str,
        port_number: int | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        enforce_ssl: bool = True,
        **kwargs: Any,
    ) -> StorageDatastore:
        """An Azure PostgreSQL database; read with SQLAlchemy and its driver psycopg2."""
        storage = f"the PostgreSQL database {database_name!r} on {server_name!r}"
        host = f"{server_name}.{endpoint or 'postgres.database.azure.com'}:{port_number or 5432}"
        url = f"postgresql://{quote(user_id, safe='')}@{host}/{quote(database_name)}"
        url += "?sslmode=require" if enforce_ssl else ""
        return _stand_in(workspace, datastore_name, storage) or _database(
            workspace, datastore_name, "AzurePostgreSql", url, user_password, overwrite
        )

    @staticmethod
    def register_azure_my_sql(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        server_name: str,
        database_name: str,
        user_id: str,
        user_password: str,
        port_number: int | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> StorageDatastore:
        """An Azure MySQL database; read with SQLAlchemy and the driver pymysql."""
        storage = f"the MySQL database {database_name!r} on {server_name!r}"
        host = f"{server_name}.{endpoint or 'mysql.database.azure.com'}:{port_number or 3306}"
        url = f"mysql+pymysql://{quote(user_id, safe='')}@{host}/{quote(database_name)}"
        return _stand_in(workspace, datastore_name, storage) or _database(
            workspace, datastore_name, "AzureMySql", url, user_password, overwrite
        )

    @staticmethod
    def register_dbfs(workspace: Workspace, datastore_name: str) -> StorageDatastore:
        """The file system of Databricks."""
        return _registered(workspace, datastore_name, "the file system of Databricks")

    @staticmethod
    def register_hdfs(  # noqa: PLR0917
        workspace: Workspace,
        datastore_name: str,
        protocol: str,
        namenode_address: str,
        hdfs_server_certificate: str,
        kerberos_realm: str,
        kerberos_kdc_address: str,
        kerberos_principal: str,
        kerberos_keytab: str | None = None,
        kerberos_password: str | None = None,
        overwrite: bool = False,
    ) -> StorageDatastore:
        """An HDFS."""
        return _registered(workspace, datastore_name, f"the HDFS at {namenode_address!r}")
