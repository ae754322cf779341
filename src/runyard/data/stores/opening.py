"""``open_store``: from the URL of a datastore to its store.

The runner imports it: standard library only; what a kind of storage needs is imported with it.
"""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from runyard.data.stores.local import LocalStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.data.stores.store import Store

_AZURE_SCHEMES = ("abfs", "abfss", "az", "azure", "adl", "wasb", "wasbs")
OBJECT_SCHEMES = frozenset(["s3", "s3a", "gs", "gcs", *_AZURE_SCHEMES, "http", "https"])
"""Of URLs that obstore reaches; other URLs are a matter of fsspec."""


def scheme_of(url: str) -> str:
    """``s3`` of ``s3://bucket``, '' of a path."""
    return url.partition("://")[0].lower() if "://" in url else ""


def local_folder(url: str) -> str | None:
    """The absolute path of a folder of this machine, given as path or ``file://``; else None."""
    scheme = scheme_of(url)
    if scheme not in ("", "file"):
        return None
    path = unquote(urlsplit(url).path) if scheme else url
    return os.path.abspath(os.path.expanduser(path))


def open_store(
    url: str, options: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
) -> Store:
    """The store at a path of this machine or a URL; nothing is asked of it yet.

    ``options``, ``secrets``: as of `Datastore.register`, the latter never shown. Raises
    UserErrorException for an unknown kind of URL or option.
    """
    folder = local_folder(url)
    if folder is not None:
        return LocalStore(folder)
    if scheme_of(url) in OBJECT_SCHEMES:
        from runyard.data.stores.objects import ObjectStore

        return ObjectStore(url, options or {}, secrets or {})
    from runyard.data.stores.filesystem import FilesystemStore

    return FilesystemStore(url, options or {}, secrets or {})
