"""``runyard dataset``: the registered datasets of the workspace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from runyard import _names
from runyard.cli import completing, formats, opening, output, table
from runyard.cli.settings import Command, common_options, json_option
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from collections.abc import Iterable

_COLUMNS = (
    Column("dataset"),
    Column("version", right=True),
    Column("type"),
    Column("created", drop=2),
    Column("source", shrink=True),
    Column("tags", shrink=True, drop=1, optional=True),
)
_TABLES = ("delimited", "parquet", "json_lines")


@click.group("dataset")
def command() -> None:
    """List, register and read datasets.

    A dataset is files of datastores, or rows of them, under a name and a version. NAME is the
    latest version, NAME:2 the second.

    \b
    runyard dataset register photos workspaceblobstore:photos
    runyard dataset register rows 'workspaceblobstore:rows/*.csv' --table delimited
    runyard dataset head rows
    """


command.params.extend(common_options())

_dataset = click.argument("dataset", shell_complete=completing.datasets)


@command.command("list", cls=Command)
@json_option
def list_command(as_json: bool) -> None:
    """List the latest version of every dataset."""
    from runyard.record import datasets as registry

    records = registry.listed(opening.existing_directory())
    if as_json:
        output.to_json([_object(record) for record in records])
    elif not records:
        output.notice("no datasets yet; runyard dataset register NAME DATASTORE:PATH makes one")
    else:
        now = time.time()
        table.show(_COLUMNS, [_row(record, now) for record in records])


@command.command("show", cls=Command)
@_dataset
@click.option("--files", "with_files", is_flag=True, help="The paths of its files as well.")
@json_option
def show_command(dataset: str, with_files: bool, as_json: bool) -> None:
    """Show one dataset: where its data lies and what is done with it."""
    found = _found(dataset)
    record = found._full_record()
    files = [file["path"] for file in found._files()] if with_files else []
    if as_json:
        output.to_json({**_object(record), **({"files": files} if with_files else {})})
        return
    table.show_pairs(
        [
            ("dataset", record["name"]),
            ("version", record["version"]),
            ("id", record["id"]),
            ("type", record["definition"]["type"]),
            ("source", "\n".join(_sources(record))),
            *_steps(record),
            ("created", formats.age(time.time() - float(record["created"]))),
            *([("description", record["description"])] if record.get("description") else []),
            *([("tags", _tags(record))] if record.get("tags") else []),
            *((key, value) for key, value in (record.get("properties") or {}).items()),
            *([("files", "\n".join(map(output.one_line, files)))] if files else []),
        ]
    )


@command.command("register", cls=Command)
@click.argument("name")
@click.argument("source", nargs=-1, required=True)
@click.option(
    *("--table", "kind"),
    type=click.Choice(_TABLES),
    help="Its rows are what is read. Without it: its files.",
)
@click.option("--separator", default=",", help="Between the columns of delimited files.")
@click.option("--partition-format", help="Columns in the paths, such as '{country}/{day}.csv'.")
@click.option("--description")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--new-version", is_flag=True, help="The name may have versions already.")
def register_command(
    name: str,
    source: tuple[str, ...],
    *,
    kind: str | None,
    separator: str,
    partition_format: str | None,
    description: str | None,
    tags: tuple[str, ...],
    new_version: bool,
) -> None:
    """Register files under a name; nothing is copied.

    SOURCE is DATASTORE:PATH, where * stands for a part of a name and ** for any folders, or a URL.
    """
    workspace = opening.existing()
    made = _made(kind, [_source(workspace, text) for text in source], separator, partition_format)
    registered = made.register(
        workspace, name, description, _pairs(tags), create_new_version=new_version
    )
    output.notice(f"dataset {name!r} has version {registered.version}")


@command.command("unregister", cls=Command)
@click.argument("name", shell_complete=completing.datasets)
def unregister_command(name: str) -> None:
    """Forget a name with all its versions; the files stay."""
    from runyard.record import datasets as registry

    registry.unregister(opening.existing_directory(), name)


@command.command("download", cls=Command)
@_dataset
@click.option(
    *("--output", "-o", "folder"),
    metavar="DIR",
    default=".",
    shell_complete=completing.folders,
    help="Default: this folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def download_command(dataset: str, folder: str, overwrite: bool) -> None:
    """Copy the files of a dataset to a folder."""
    found = _found(dataset)
    if found._definition["type"] == "tabular":
        raise UserErrorException(
            f"{dataset!r} is a table, and has no files of its own; print its rows with: runyard "
            f"dataset head {dataset}"
        )
    done = found.download(folder, overwrite=overwrite)
    output.notice(f"{formats.count(len(done), 'file')} in {folder}")


@command.command("head", cls=Command)
@_dataset
@click.option("-n", "count", type=click.IntRange(1), default=10, help="How many. Default: 10.")
def head_command(dataset: str, count: int) -> None:
    """Print the first rows of a table, or the first paths of files."""
    found = _found(dataset)
    if found._definition["type"] != "tabular":
        output.text("\n".join(map(output.one_line, found.take(count).to_path())))
        return
    rows = found.take(count).to_pandas_dataframe()
    columns = [Column(str(name), verbatim=True, shrink=True) for name in rows.columns]
    table.show(columns, rows.astype(str).to_numpy().tolist())


def _found(text: str) -> Any:
    """The dataset of NAME or NAME:VERSION."""
    from runyard.job.datasets.api import Dataset

    name, colon, version = text.rpartition(":")
    named = (name, version) if colon and version.isdigit() else (text, "latest")
    return Dataset.get_by_name(opening.existing(), *named)


def _made(
    kind: str | None, sources: list[Any], separator: str, partition_format: str | None
) -> Any:
    from runyard.job.datasets.factories import FileDatasetFactory

    if kind is None:
        return FileDatasetFactory.from_files(sources, partition_format=partition_format)
    tables = _names.load("runyard.job.datasets.tabular_factory:TabularDatasetFactory")
    options = {"separator": separator} if kind == "delimited" else {}
    make = getattr(tables, f"from_{kind}_files")
    return make(sources, partition_format=partition_format, **options)


def _source(workspace: Any, text: str) -> Any:
    """What a factory takes for DATASTORE:PATH, or for a URL."""
    from runyard.data.datastore import Datastore

    if "://" in text:
        return text
    name, _, path = text.partition(":")
    return Datastore.get(workspace, name), path or "**"


def _pairs(tags: Iterable[str]) -> dict[str, str]:
    return {key: value for key, _, value in (tag.partition("=") for tag in tags)}


def _object(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "created": time_text(record.get("created"))}


def _row(record: dict[str, Any], now: float) -> list[str]:
    return [
        record["name"],
        str(record["version"]),
        record["definition"]["type"],
        formats.age(now - float(record["created"])),
        ", ".join(_sources(record)),
        _tags(record),
    ]


def _sources(record: dict[str, Any]) -> list[str]:
    return [
        source.get("url") or f"{source['datastore']}:{source.get('path', source.get('query', ''))}"
        for source in record["definition"]["sources"]
    ]


def _steps(record: dict[str, Any]) -> list[tuple[str, object]]:
    steps = record["definition"]["steps"]
    words = [
        " ".join([step["step"], *(str(v) for k, v in step.items() if k != "step")])
        for step in steps
    ]
    return [("then", "\n".join(words))] if words else []


def _tags(record: dict[str, Any]) -> str:
    tags = record.get("tags") or {}
    return "  ".join(f"{key}={value}" if value else key for key, value in tags.items())
