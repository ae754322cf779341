"""The secrets of datastores: told from plain options, and kept where a workspace keeps secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from runyard import _names
from runyard.errors import UserErrorException
from runyard.record import keyvault
from runyard.record.layout import WorkspaceDirectory

VARIABLE = "RUNYARD_DATASTORE_SECRETS"
"""In a runner that does not see the workspace: the secrets of datastores, by name, as JSON."""

_SECRET = re.compile(
    r"(^|_)(key|keys|secret|token|password|passwd|pwd|passphrase|credential|credentials)(_|$)"
    r"|^access_key_id$|^connection_string$|^sas_key$|_key_base64$|^auth$"
)
_PLAIN = re.compile(r"_(file|filename|path|id|uri|url|enabled|algorithm|type)$")
_PREFIX = "datastore:"
"""No name of a secret that users keep has a colon."""


def is_secret(option: str) -> bool:
    """Whether an option of a storage is to be kept as a secret, by its name."""
    if option == "access_key_id":
        return True
    return bool(_SECRET.search(option)) and not _PLAIN.search(option)


def split(url: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The URL without a password, plain options, and secrets.

    Raises UserErrorException for a URL that has a signature, and a secret that is no text.
    """
    plain = {name: value for name, value in options.items() if not is_secret(name)}
    secrets = {name: value for name, value in options.items() if is_secret(name)}
    for name, value in secrets.items():
        if not isinstance(value, str):
            raise UserErrorException(f"option {name} is of type {type(value).__name__}; give text")
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and parts.query:
        raise UserErrorException(
            f"the URL {urlunsplit(parts._replace(query='…', netloc=_host(parts.netloc)))!r} has a "
            "query; leave it out, and give the signature of a storage as sas_token='…'"
        )
    if parts is not None and parts.password is not None:
        secrets.setdefault("password", unquote(parts.password))
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
        host = _host(parts.netloc)
        url = urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))
    return url, plain, secrets


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2]


def read(directory: WorkspaceDirectory, name: str) -> dict[str, str]:
    """The secrets of a datastore; {} when it has none. Raises UserErrorException.

    A runner that does not see the workspace was told them.
    """
    if VARIABLE in os.environ:
        return dict(json.loads(os.environ[VARIABLE]).get(name) or {})
    found = _store(directory).read().get(_PREFIX + name)
    return {} if found is None else dict(json.loads(found))


def write(directory: WorkspaceDirectory, name: str, secrets: Mapping[str, str]) -> None:
    """Keep the secrets of a datastore, in place of those it had. Raises UserErrorException."""
    store = _store(directory)
    if secrets:
        store.change({_PREFIX + name: json.dumps(dict(secrets), sort_keys=True)})
    elif _PREFIX + name in store.read():
        store.change({}, [_PREFIX + name])


def _store(directory: WorkspaceDirectory) -> Any:
    if keyvault.where() != keyvault.KEYRING:
        return keyvault.SecretFile(keyvault.folder_of(directory))
    store = _names.load("runyard.history.keyring_store:KeyringStore")
    return store(keyvault.workspace_id(directory))
