"""What obstore is told about a storage: from the URL and options of a datastore."""

from __future__ import annotations

import base64
import configparser
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from runyard.data.stores import failures
from runyard.errors import UserErrorException

_S3 = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "anon": "skip_signature",
    "endpoint_url": "endpoint",
    "region_name": "region",
}
_AZURE = {
    "sas_token": "sas_key",
    "credential": "account_key",
    "account_host": "endpoint",
    "anon": "skip_signature",
}
_GCS = {"anon": "skip_signature", "endpoint_url": "base_url"}
_CLIENT = {
    "allow_http": bool,
    "allow_invalid_certificates": bool,
    "connect_timeout": str,
    "proxy_url": str,
    "root_certificate": str,
}
RETRIES, TIMEOUT_S = 6, 30.0
"""Of one request: how often it is tried again, and how long nothing may come in."""

_user: list[int] = []
"""The process that has used obstore: a fork of it would wait forever for threads it has not."""

_AZURE_HOSTS = (".blob.core.windows.net", ".dfs.core.windows.net")


def kind_of(url: str) -> str:
    """'s3', 'azure', 'gs' or 'http'."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme in ("http", "https"):
        return "azure" if (parts.hostname or "").endswith(_AZURE_HOSTS) else "http"
    return {"s3a": "s3", "s3": "s3", "gs": "gs", "gcs": "gs"}.get(scheme, "azure")


def is_forked() -> bool:
    """Whether this process was forked from one that had used obstore."""
    return bool(_user) and _user[0] != os.getpid()


def connected(url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> Any:
    """The store of obstore. Raises UserErrorException for what it does not know."""
    from obstore import exceptions

    if not _user:
        _user.append(os.getpid())

    given = {**options, **secrets}
    retries, timeout_s = _number(given, "retries", RETRIES), _number(given, "timeout", TIMEOUT_S)
    client: dict[str, Any] = {
        "timeout": f"{int(timeout_s * 20)}s",
        "read_timeout": f"{int(timeout_s * 1000)}ms",
        "connect_timeout": f"{int(min(timeout_s, 10) * 1000)}ms",
        **{name: given.pop(name) for name in _CLIENT if name in given},
    }
    common: dict[str, Any] = {
        "client_options": client,
        "retry_config": {
            "max_retries": int(retries),
            "retry_timeout": timedelta(seconds=timeout_s * (retries + 1)),
            "backoff": {
                "init_backoff": timedelta(milliseconds=200),
                "max_backoff": timedelta(seconds=5),
                "base": 3,
            },
        },
    }
    kind = kind_of(url)
    try:
        if kind == "http":
            return _http(url, given, common)
        return {"s3": _s3, "azure": _azure, "gs": _gcs}[kind](url, given, common)
    except (exceptions.BaseError, ValueError, TypeError) as error:
        raise UserErrorException(
            f"{url!r} cannot be opened: {_first_line(error, secrets)}; see docs/datastores.md for "
            "the options of this kind of storage"
        ) from None


def _http(url: str, given: dict[str, Any], common: dict[str, Any]) -> Any:
    """``token``, or the user in the URL with ``password``, is sent as a header."""
    from obstore import store

    parts = urlsplit(url)
    headers = web_headers(url, given)
    if given:
        raise ValueError(f"a web server has no option {', '.join(sorted(given))}")
    client = common["client_options"]
    client["allow_http"] = True
    if headers:
        client["default_headers"] = headers
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=_folder(parts.path))
    return store.HTTPStore.from_url(urlunsplit(plain), **common)


def web_headers(url: str, given: dict[str, Any]) -> dict[str, str]:
    """What a web server is sent of the options; those are taken out of ``given``."""
    user = given.pop("username", None) or unquote(urlsplit(url).username or "")
    password, token = given.pop("password", None), given.pop("token", None)
    if token:
        return {"Authorization": f"Bearer {token}"}
    if password:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def _s3(url: str, given: dict[str, Any], common: dict[str, Any]) -> Any:
    from obstore import store

    config = _renamed(given, _S3)
    profile = config.pop("profile", None)
    if not {"access_key_id", "skip_signature"} & config.keys():
        config = {**_aws_files(profile), **config}
    _check_address(config, "endpoint")
    _plain_http(str(config.get("endpoint", "")), common)
    bucket, prefix = _bucket(url)
    return store.S3Store(bucket, prefix=prefix, config=config, **common)  # type: ignore[arg-type]


def _gcs(url: str, given: dict[str, Any], common: dict[str, Any]) -> Any:
    from obstore import store

    config = _renamed(given, _GCS)
    _check_address(config, "base_url")
    _plain_http(str(config.get("base_url", "")), common)
    bucket, prefix = _bucket(url)
    return store.GCSStore(bucket, prefix=prefix, config=config, **common)  # type: ignore[arg-type]


def _azure(url: str, given: dict[str, Any], common: dict[str, Any]) -> Any:
    from obstore import store

    container, prefix, config = azure_parts(url, given)
    _plain_http(str(config.get("endpoint", "")), common)
    return store.AzureStore(container, prefix=prefix, config=config, **common)


def azure_parts(url: str, given: Mapping[str, Any]) -> tuple[str, str | None, Any]:
    """Container, path in it, and what obstore takes. Raises ValueError without a container."""
    config = _renamed(given, _AZURE)
    if isinstance(config.get("sas_key"), str):
        config["sas_key"] = config["sas_key"].lstrip("?")
    parts = urlsplit(url)
    account = (parts.hostname or "").partition(".")[0]
    path = unquote(parts.path).strip("/")
    if parts.scheme in ("http", "https"):  # https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH
        container, _, path = path.partition("/")
        config.setdefault("account_name", account)
    elif parts.username:  # abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH
        container = unquote(parts.username)
        config.setdefault("account_name", account)
    else:  # az://CONTAINER/PATH
        container = parts.netloc
    if not container:
        raise ValueError("there is no container in it")
    return container, path or None, config


def _bucket(url: str) -> tuple[str, str | None]:
    parts = urlsplit(url)
    if not parts.netloc:
        raise ValueError("there is no bucket in it")
    return parts.netloc, unquote(parts.path).strip("/") or None


def _folder(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _check_address(config: Mapping[str, Any], name: str) -> None:
    """Raise UserErrorException for an address without a scheme, at which obstore panics later."""
    given = config.get(name)
    if given is None:
        return
    parts = urlsplit(str(given))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        bare = str(given).rpartition("//")[2] or "host:port"
        raise UserErrorException(
            f"option {name} is {given!r}; give a whole address, such as 'http://{bare}' or "
            f"'https://{bare}'"
        )


def _plain_http(endpoint: str, common: dict[str, Any]) -> None:
    """``http://`` in an endpoint that somebody has written down is meant."""
    if endpoint.startswith("http://") or os.environ.get("AWS_ENDPOINT_URL", "").startswith("http:"):
        common["client_options"].setdefault("allow_http", True)


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in given.items()}


def _number(given: dict[str, Any], name: str, default: float) -> float:
    value = given.pop(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if number < 0 or (name == "timeout" and not number):
        raise UserErrorException(f"option {name} is {value!r}; give a number such as {default:g}")
    return number


def _first_line(error: BaseException, secrets: Mapping[str, str]) -> str:
    text = str(error).partition("\n")[0].rstrip(". ")
    return failures.masked(text, secrets) or type(error).__name__


def _section(path: str, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except configparser.Error as error:  # whose text has the line, and that may be a key
        at = getattr(error, "lineno", None)
        where = f"{path}, line {at}" if at else path
        raise ValueError(f"{where} cannot be read: {type(error).__name__}") from None
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _aws_files(profile: str | None) -> dict[str, str]:
    """Key and region of ``~/.aws``, as far as no variable of the environment has them."""
    name = profile or os.environ.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", name),
    ):
        found.update(_section(os.path.expanduser(os.environ.get(variable) or file), section))
    if profile and not found:
        raise ValueError(f"there is no profile {profile!r} in the files of aws (~/.aws)")
    names = {
        "aws_access_key_id": "access_key_id",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
        "region": "region",
        "endpoint_url": "endpoint",
    }
    config = {names[key]: value for key, value in found.items() if key in names and value}
    if os.environ.get("AWS_ACCESS_KEY_ID") and profile is None:
        for key in ("access_key_id", "secret_access_key", "session_token"):
            config.pop(key, None)
    if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        config.pop("region", None)
    return config
