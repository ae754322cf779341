"""``runyard models``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from runyard.cli import completing, formats, opening, output, table
from runyard.cli.settings import Command, json_option
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.errors import UserErrorException
from runyard.record import models

if TYPE_CHECKING:
    from runyard.record.layout import WorkspaceDirectory

_COLUMNS = (
    Column("model"),
    Column("version", right=True),
    Column("created", drop=3),
    Column("framework", shrink=True, drop=2),
    Column("run", drop=4),
    Column("tags", shrink=True, drop=1),
)


@click.command("models", cls=Command)
@click.argument("name", required=False, shell_complete=completing.models)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List registered models.

    Without NAME the latest version of each, with it all versions of that model.

    \b
    runyard models
    runyard models digits --json
    """
    directory = opening.existing_directory()
    records = models.find_all(directory)
    chosen = _latest(records) if name is None else [r for r in records if r["name"] == name]
    if name is not None and not chosen:
        raise UserErrorException(_unknown(name, records))
    if as_json:
        output.to_json([_object(directory, record) for record in chosen])
    elif not chosen:
        output.notice("no models yet; a script or run.register_model('NAME', 'outputs/…') adds one")
    else:
        now = time.time()
        table.show(_COLUMNS, [_row(record, now) for record in chosen])


def _latest(newest_first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for record in newest_first:
        known = found.get(record["name"])
        if known is None or record["version"] > known["version"]:
            found[record["name"]] = record
    return list(found.values())


def _unknown(name: str, records: list[dict[str, Any]]) -> str:
    names = ", ".join(sorted({record["name"] for record in records}))
    known = f"registered are: {names}" if names else "none is registered"
    return f"there is no model {name!r}; {known}"


def _object(directory: WorkspaceDirectory, record: dict[str, Any]) -> dict[str, Any]:
    created = time_text(record.get("created"))
    return {**record, "created": created, "path": models.files_path(directory, record)}


def _row(record: dict[str, Any], now: float) -> list[str]:
    framework = [record.get("model_framework"), record.get("model_framework_version")]
    tags = record.get("tags") or {}
    return [
        record["name"],
        str(record["version"]),
        formats.age(now - float(record["created"])),
        " ".join(str(part) for part in framework if part),
        str(record.get("run_id") or ""),
        "  ".join(f"{key}={value}" if value else key for key, value in tags.items()),
    ]
