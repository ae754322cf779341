"""Making a container of Azure Blob Storage, which obstore does not do."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from runyard.data.stores import connecting
from runyard.errors import UserErrorException

_VERSION = "2021-12-02"
_TIMEOUT_S = 30


def make(url: str, options: Mapping[str, Any]) -> None:
    """Make the container of a URL, unless it is there.

    Raises UserErrorException without an account key, which alone allows it, and when the storage
    refuses.
    """
    container, _, config = connecting.azure_parts(url, options)
    account, key = config.get("account_name"), config.get("account_key")
    if not account or not key:
        raise UserErrorException(
            f"container {container!r} can be made with account_key='…' only; give it, or leave "
            "create_if_not_exists out and make the container with the tools of Azure"
        )
    endpoint = str(config.get("endpoint") or f"https://{account}.blob.core.windows.net")
    address = f"{endpoint.rstrip('/')}/{container}?restype=container"
    request = urllib.request.Request(address, method="PUT")
    request.add_header("x-ms-date", formatdate(usegmt=True))
    request.add_header("x-ms-version", _VERSION)
    signature = _signature(request, str(account), str(key))
    request.add_header("Authorization", f"SharedKey {account}:{signature}")
    request.add_unredirected_header("Content-Length", "0")
    _ask(request, container, endpoint)


def _signature(request: urllib.request.Request, account: str, key: str) -> str:
    """``SharedKey`` of the REST API of Azure Storage."""
    own = {name.lower(): value for name, value in request.header_items()}
    headers = "".join(f"{name}:{own[name]}\n" for name in sorted(own) if name.startswith("x-ms-"))
    path = urlsplit(request.full_url).path
    text = f"PUT{12 * chr(10)}{headers}/{account}{path}\nrestype:container"
    try:
        secret = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        secret = None
    if secret is None:  # outside: the error shows the key
        raise UserErrorException("account_key is not in base64; copy it as a whole")
    return base64.b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).decode()


def _ask(request: urllib.request.Request, container: str, endpoint: str) -> None:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        code = "".join(re.findall(r"<Code>(\w+)</Code>", error.read().decode(errors="replace"))[:1])
        if code == "ContainerAlreadyExists":
            return
        why = f"the storage refuses ({error.code} {code}); check account_name and account_key"
    except OSError as error:
        why = f"{urlsplit(endpoint).netloc} does not answer ({getattr(error, 'reason', error)})"
    raise UserErrorException(f"container {container!r} could not be made: {why}")
