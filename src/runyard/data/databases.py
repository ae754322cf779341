"""Datastores that are databases: registered by a URL of SQLAlchemy, read by SQL queries only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from runyard.data import credentials, registry
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory

DATABASE = "database"
"""The type of their records."""

_DIALECTS = ("postgresql", "mysql", "mariadb", "mssql", "oracle", "sqlite", "snowflake", "duckdb")


def is_database(url: str) -> bool:
    """Whether a URL is one of SQLAlchemy, such as ``postgresql+psycopg://host/name``."""
    return "://" in url and url.partition("://")[0].partition("+")[0].lower() in _DIALECTS


def split(url: str, options: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The URL without its password, and the password.

    Raises UserErrorException for options a database has not, and secrets in the query.
    """
    unknown = sorted(set(options) - {"password"})
    if unknown:
        raise UserErrorException(
            f"a database has no option {', '.join(unknown)}; what its driver takes stands in the "
            "query of the URL"
        )
    parts = urlsplit(url)
    for name, _ in parse_qsl(parts.query):
        if credentials.is_secret(name):
            raise UserErrorException(
                f"the query of the URL has {name!r}; give the password as password='…'"
            )
    user, has_user, host = parts.netloc.rpartition("@")
    name, _, inline = user.partition(":")
    password = options.get("password") or (unquote(inline) if inline else None)
    secrets = {"password": str(password)} if password else {}
    if parts.scheme.partition("+")[0] == "sqlite":
        return _absolute(url), secrets
    return urlunsplit(parts._replace(netloc=f"{name}{has_user}{host}")), secrets


def _absolute(url: str) -> str:
    head, _, path = url.partition(":///")
    return f"{head}:///{os.path.abspath(os.path.expanduser(path))}" if path else url


def engine_url(directory: WorkspaceDirectory, name: str) -> str:
    """What ``sqlalchemy.create_engine`` takes; the password is in it: to be shown to nobody.

    Raises UserErrorException when the datastore is no database.
    """
    found = registry.record(directory, name)
    if found["type"] != DATABASE:
        raise UserErrorException(
            f"datastore {name!r} is no database; register one by its URL: "
            f"Datastore.register(workspace, {name!r}, 'postgresql://user@host/database', "
            "password=…)"
        )
    url = str(found["url"])
    password = credentials.read(directory, name).get("password") if found["secrets"] else None
    if password is None:
        return url
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
