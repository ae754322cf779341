"""Rows of database queries, through SQLAlchemy, in a file that any Python can read."""

from __future__ import annotations

import datetime
import decimal
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from runyard.data import databases
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory

_ROWS_AT_ONCE = 10_000


def rows(
    directory: WorkspaceDirectory, source: dict[str, Any], limit: int | None, target: str
) -> None:
    """Write the rows of a query to a file: its columns in the first line, then a row a line.

    ``columns``: their names; ``dates``: those that are datetimes. Never more than ``limit`` rows
    are asked of the database. Raises UserErrorException: no such database, no SQLAlchemy or driver,
    what the database says, or no answer within the query's ``timeout_s``.
    """
    url = databases.engine_url(directory, source["datastore"])
    engine = _engine(url, source["datastore"])
    try:
        with engine.connect() as connection, _in_time(connection, source):
            result = connection.execution_options(stream_results=True).exec_driver_sql(
                source["query"]
            )
            with open(target, "w", encoding="utf8") as stream:
                _write(result, limit, stream)
    except Exception as error:
        raise _failed(error, source, url) from None
    finally:
        engine.dispose()


def _engine(url: str, name: str) -> Any:
    try:
        import sqlalchemy
    except ImportError as error:
        raise UserErrorException(
            "SQL queries need SQLAlchemy, which is not installed; install it: "
            "pip install 'runyard[sql]', and the driver of the database",
            error,
        ) from error
    try:
        return sqlalchemy.create_engine(url)
    except (ImportError, sqlalchemy.exc.ArgumentError) as error:
        raise UserErrorException(
            f"the database of datastore {name!r} cannot be opened: {_plain(error, url)}; install "
            "the driver that its URL names",
        ) from None


def _write(result: Any, limit: int | None, stream: TextIO) -> None:
    names = _distinct([str(name) for name in result.keys()])  # noqa: SIM118
    lines: list[str] = []
    dates: set[int] = set()
    others: set[int] = set()
    for row in _first(result, limit):
        for number, value in enumerate(row):
            if value is not None:
                (dates if isinstance(value, datetime.date) else others).add(number)
        lines.append(json.dumps([_plain_value(value) for value in row]))
    head = {"columns": names, "dates": [names[number] for number in sorted(dates - others)]}
    stream.write(json.dumps(head) + "\n")
    stream.writelines(line + "\n" for line in lines)


def _first(result: Any, limit: int | None) -> Iterator[Any]:
    passed = 0
    while limit is None or passed < limit:
        wanted = _ROWS_AT_ONCE if limit is None else min(_ROWS_AT_ONCE, limit - passed)
        some = result.fetchmany(wanted)
        yield from some
        passed += len(some)
        if not some:
            return


def _plain_value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat(" ")
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return str(value)


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
    return found


@contextmanager
def _in_time(connection: Any, source: dict[str, Any]) -> Iterator[None]:
    """Cancel what takes longer than the query's timeout, where the driver can."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        raw = connection.connection.dbapi_connection
        for method in ("interrupt", "cancel"):
            if hasattr(raw, method):
                getattr(raw, method)()
                return

    timer = threading.Timer(float(source.get("timeout_s") or 30), stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            raise TimeoutError(f"no answer within {source.get('timeout_s')} s") from error
        raise
    finally:
        timer.cancel()


def _failed(error: Exception, source: dict[str, Any], url: str) -> UserErrorException:
    remedy = (
        "give a larger query_timeout"
        if isinstance(error, TimeoutError)
        else "try the query in the database's own client"
    )
    return UserErrorException(
        f"the query {source['query']!r} on datastore {source['datastore']!r} failed: "
        f"{_plain(error, url)}; {remedy}"
    )


def _plain(error: Exception, url: str) -> str:
    """The first line of what an error says, without the password."""
    from urllib.parse import unquote, urlsplit

    text = str(getattr(error, "orig", None) or error).partition("\n")[0]
    quoted = urlsplit(url).password or ""
    for secret in filter(None, (quoted, unquote(quoted))):
        text = text.replace(secret, "***")
    return text
