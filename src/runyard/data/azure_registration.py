"""``Datastore.register_azure_*`` and its kin: storage that is registered here by a folder.

The parameters are those of SDK v1; keys and tokens among them are not looked at.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.data import names, registry
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.storage import StorageDatastore
    from runyard.history.workspace import Workspace

_log = logging.getLogger(__name__)


def _registered(workspace: Workspace, name: str, storage: str) -> StorageDatastore:
    """The datastore that was registered here under that name; raises when there is none."""
    directory = workspace.directory
    if not registry.is_registered(directory, names.checked_datastore(name)):
        raise UserErrorException(
            f"datastore {name!r} is {storage}, which this version does not reach; register a "
            "folder that has its files under this name, and this call will find it: "
            f"Datastore.register(workspace, {name!r}, '/path/of/the/folder')"
        )
    found: StorageDatastore = _names.load("runyard.data.datastore:Datastore").get(workspace, name)
    _log.info(
        "datastore %r stands for %s: it is %s, as registered here",
        name,
        storage,
        found.container_name,
    )
    return found


class AzureRegistration:
    """Each returns the datastore registered here under its name (`Datastore.register`).

    Raises UserErrorException, saying how to do that, while there is none.
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
        """An Azure Blob container."""
        storage = f"the Azure Blob container {container_name!r} of {account_name!r}"
        return _registered(workspace, datastore_name, storage)

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
        """An Azure Data Lake of the second generation."""
        storage = f"the Azure Data Lake file system {filesystem!r} of {account_name!r}"
        return _registered(workspace, datastore_name, storage)

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
        """An Azure SQL database."""
        storage = f"the Azure SQL database {database_name!r} on {server_name!r}"
        return _registered(workspace, datastore_name, storage)

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
        """An Azure PostgreSQL database."""
        storage = f"the PostgreSQL database {database_name!r} on {server_name!r}"
        return _registered(workspace, datastore_name, storage)

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
        """An Azure MySQL database."""
        storage = f"the MySQL database {database_name!r} on {server_name!r}"
        return _registered(workspace, datastore_name, storage)

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
