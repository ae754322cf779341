"""Where data is said to be: tuples, DataPaths, DataReferences, URLs (spec 15.3)."""

import os
from urllib.parse import parse_qs, urlsplit

from runyard.errors import UserErrorException
from runyard.job.datasets import arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from runyard.record.layout import WorkspaceDirectory

    Source = Dict[str, Any]
    Found = Tuple[List[Source], Optional[WorkspaceDirectory]]

_FORMS = (
    "give (datastore, 'folder/**'), a list of such tuples, a DataPath, a DataReference, or a URL "
    "such as 'https://host/data.csv'"
)
_SECRETS = ("x-amz-signature", "x-goog-signature", "signature", "access_token", "token", "api_key")
"""Of the queries of URLs; a SAS token has one of its own."""


def sources_of(path: "Any") -> "Found":
    """The sources of a definition that a ``path`` argument means, and the workspace of datastores.

    Raises UserErrorException for anything else, for local paths and for URLs with secrets.
    """
    given = path if isinstance(path, list) else [path]
    if not given:
        raise UserErrorException("path is an empty list; " + _FORMS)
    found = [_source_of(item) for item in given]
    homes = {home.path: home for _, home in found if home is not None}
    if len(homes) > 1:
        raise UserErrorException(
            "path names datastores of several workspaces ({}); a dataset has its "
            "data in one".format(", ".join(sorted(homes)))
        )
    return [source for source, _ in found], next(iter(homes.values()), None)


def _source_of(item: "Any") -> "Tuple[Source, Optional[WorkspaceDirectory]]":
    if isinstance(item, str):
        return {"url": _checked_url(item)}, None
    store, path = place_of(item)
    return {"datastore": store.name, "path": inside(path)}, arguments.workspace_of(store.workspace)


def place_of(item: "Any") -> "Tuple[Any, Any]":
    """The datastore object and the path of a tuple, a DataPath, a DataReference or a datastore.

    Raises UserErrorException for anything else.
    """
    if isinstance(item, (tuple, list)) and len(item) == 2 and _is_datastore(item[0]):
        return item[0], item[1]
    store = getattr(item, "datastore", None)
    if _is_datastore(store) and hasattr(item, "path_on_datastore"):
        return store, item.path_on_datastore
    if _is_datastore(item):
        return item, None
    raise UserErrorException(
        "path is {!r} of type {}; {}".format(item, type(item).__name__, _FORMS)
    )


def _is_datastore(item: "Any") -> bool:
    return hasattr(item, "workspace") and isinstance(getattr(item, "name", None), str)


def inside(path: "Any") -> str:
    """A path on a datastore in its plain form: relative with '/', '' for all of it.

    Raises UserErrorException for one that leads outside.
    """
    if path is None:
        return ""
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fspath(path):
        raise UserErrorException(
            "path on a datastore is {!r}; give text such as 'images/**', or None for all".format(
                path
            )
        )
    parts = [part for part in str(os.fspath(path)).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UserErrorException(
            "path {!r} leads outside the datastore with '..'; give a path below its root, or "
            "register the folder above as a datastore of its own".format(str(path))
        )
    return "/".join(parts)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if "://" not in url or parts.scheme in ("", "file"):
        raise UserErrorException(
            "path {!r} is a path of this machine, and a dataset has its data on a datastore: "
            "Datastore.register(workspace, 'data', 'FOLDER') makes one of its folder without "
            "copying, datastore.upload_files([{!r}]) copies it to one; then give (datastore, "
            "'path')".format(url, url)
        )
    query = parse_qs(parts.query)
    secret = next((name for name in query if name.lower() in _SECRETS), None)
    if secret is not None:
        raise UserErrorException(
            "path is a URL of {!r} with a secret, {!r}, which would be kept with the dataset; "
            "register the storage as a datastore, with its credentials, and give (datastore, "
            "'path')".format(parts.hostname, secret)
        )
    if "sig" in query:
        raise UserErrorException(
            "path is a URL of {!r} with a SAS token, which would be kept with the dataset; "
            "register the container with Datastore.register_azure_blob_container(…, sas_token=…) "
            "and give (datastore, 'path')".format(parts.hostname)
        )
    if parts.password is not None:
        raise UserErrorException(
            "path is a URL of {!r} with a password, which would be kept with the dataset; "
            "register it as a datastore, and give (datastore, 'path')".format(parts.hostname)
        )
    return url
