"""The secrets of datastores: told from plain options, and kept where a workspace keeps secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from runyard import _names
from runyard.errors import UserErrorException
from runyard.record import keyvault
from runyard.record.layout import WorkspaceDirectory

VARIABLE = "RUNYARD_DATASTORE_SECRETS"
"""In a runner that does not see the workspace: the secrets of datastores, by name, as JSON."""

_SECRET = re.compile(
    r"(^|_)(key|keys|secret|token|password|passwd|pwd|passphrase|credential|credentials)(_|$)"
    r"|(api|access|account|private|secret|shared)key|^access_key_id$|^connection_string$|^sas_key$"
    r"|_key_base64$|^auth$|^authorization$"
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PLAIN = re.compile(r"_(file|filename|path|id|uri|url|enabled|algorithm|type)$")
_PREFIX = "datastore:"
"""No name of a secret that users keep has a colon."""


def is_secret(option: str) -> bool:
    """Whether an option of a storage is to be kept as a secret, by its name."""
    name = _WORDS.sub("_", option).lower()
    if name.endswith("access_key_id"):
        return True
    return bool(_SECRET.search(name)) and not _PLAIN.search(name)


def split(url: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The URL without a password, plain options, and secrets.

    Raises UserErrorException for a URL that has a signature, a secret that is no text, a plain
    option that has a secret in it, and one that cannot be written down.
    """
    plain = {name: _plain(name, v) for name, v in options.items() if not is_secret(name)}
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


def _plain(name: str, value: Any) -> Any:
    """A plain option as it is written down: anybody who sees the workspace sees it."""
    if isinstance(value, Mapping):
        inner = next((str(key) for key in value if is_secret(str(key))), None)
        if inner is not None:
            raise UserErrorException(
                f"option {name} has {inner!r} in it, which would be kept where others see it; give "
                f"{inner}='…' itself"
            )
        return {str(key): _plain(name, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str) and "://" in value and _has_secret(value):
        raise UserErrorException(
            f"option {name} is a URL with a password or signature, which would be kept where "
            "others see it; leave that out of the URL. A proxy with a password is taken from the "
            "variable HTTPS_PROXY"
        )
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise UserErrorException(
        f"option {name} is of type {type(value).__name__}, which cannot be written down; give "
        "text, a number, True or False"
    )


def _has_secret(url: str) -> bool:
    parts = urlsplit(url)
    return parts.password is not None or "sig" in parse_qs(parts.query)


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
