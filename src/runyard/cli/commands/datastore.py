"""``runyard datastore``: the named storage of the workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from runyard.cli import completing, data_cache, datastore_options, opening, output, table
from runyard.cli.settings import Command, common_options, json_option
from runyard.cli.table import Column

if TYPE_CHECKING:
    from runyard.data.storage import StorageDatastore

_COLUMNS = (Column("datastore"), Column("default"), Column("place", shrink=True))


@click.group("datastore")
def command() -> None:
    """List and register datastores, and copy files to and from them.

    A datastore is a folder, or storage at a URL, with a name. A run that is given
    datastore.path('train').as_mount() as an argument sees it as a path.

    \b
    runyard datastore register photos /data/photos
    runyard datastore register bucket s3://bucket/path --option region=eu-west-1
    runyard datastore upload workspaceblobstore ./digits --to data/digits
    runyard datastore show photos train
    """


command.params.extend(common_options())
command.add_command(data_cache.command)

_name = click.argument("name", shell_complete=completing.datastores)
_overwrite = click.option("--overwrite", is_flag=True, help="Replace files that are there.")


@command.command("list", cls=Command)
@json_option
def list_command(as_json: bool) -> None:
    """List the datastores, the built-in ones first."""
    workspace = opening.existing()
    default = workspace.get_default_datastore().name
    found = [_object(store, default) for store in workspace.datastores.values()]
    if as_json:
        output.to_json(found)
        return
    rows = [[s["name"], "yes" if s["default"] else "", s["url"]] for s in found]
    table.show(_COLUMNS, rows)


@command.command("register", cls=Command)
@click.argument("name")
@click.argument("url", metavar="FOLDER|URL", shell_complete=completing.folders)
@click.option(
    "--option", "options", metavar="KEY=VALUE", multiple=True, help="Of the storage: region=…"
)
@click.option(
    *("--secret", "secrets"),
    metavar="KEY[=VARIABLE]",
    multiple=True,
    help="A key, token or password: asked for, or taken from an environment variable.",
)
@click.option("--mount", type=click.Choice(["fuse"]), help="Mounts of it read on demand.")
@click.option("--overwrite", is_flag=True, help="The name may have another storage now.")
@click.option("--make", is_flag=True, help="Make the folder, or Azure container, if need be.")
@click.option("--default", "as_default", is_flag=True, help="Make it the default datastore.")
def register_command(  # noqa: PLR0917
    name: str,
    url: str,
    options: tuple[str, ...],
    secrets: tuple[str, ...],
    mount: str | None,
    overwrite: bool,
    make: bool,
    as_default: bool,
) -> None:
    """Give a folder, or storage at a URL, a name; nothing is copied."""
    from runyard.data.datastore import Datastore

    datastore_options.check_url(url)
    store = Datastore.register(
        opening.existing(),
        name,
        url,
        overwrite=overwrite,
        create_if_not_exists=make,
        mount=mount,
        **datastore_options.given(options, secrets),
    )
    if as_default:
        store.set_as_default()
    output.notice(f"datastore {name!r} is {store.container_name}")


@command.command("unregister", cls=Command)
@_name
def unregister_command(name: str) -> None:
    """Forget the name; the files stay."""
    _store(name).unregister()
    output.notice(f"datastore {name!r} is forgotten; its files stay")


@command.command("show", cls=Command)
@_name
@click.argument("path", required=False)
@json_option
def show_command(name: str, path: str | None, as_json: bool) -> None:
    """List the files of a datastore, all or those below PATH."""
    store = _store(name)
    found = [*store.files(path)]
    if as_json:
        default = store.workspace.get_default_datastore().name
        output.to_json({**_object(store, default), "files": found})
    elif not found:
        output.notice(f"datastore {name!r} has no file at or below {path or '.'!r}")
    else:
        output.text("\n".join(map(output.one_line, found)))


@command.command("upload", cls=Command)
@_name
@click.argument("source", nargs=-1, required=True, shell_complete=completing.files)
@click.option("--to", "target", metavar="PATH", help="Where on the datastore. Default: its root.")
@_overwrite
def upload_command(name: str, source: tuple[str, ...], target: str | None, overwrite: bool) -> None:
    """Copy files, and what is in folders, to a datastore."""
    store = _store(name)
    files = [path for path in source if not os.path.isdir(path)]
    if files:
        store.upload_files(files, target_path=target, overwrite=overwrite)
    for folder in source:
        if os.path.isdir(folder):
            store.upload(folder, target, overwrite=overwrite)


@command.command("download", cls=Command)
@_name
@click.argument("path", required=False)
@click.option(
    *("--output", "-o", "folder"),
    metavar="DIR",
    default=".",
    shell_complete=completing.folders,
    help="Default: this folder. The path on the datastore is kept below it.",
)
@_overwrite
def download_command(name: str, path: str | None, folder: str, overwrite: bool) -> None:
    """Copy files of a datastore, all or those below PATH, to a folder."""
    _store(name).download(folder, path, overwrite=overwrite)


def _store(name: str) -> StorageDatastore:
    from runyard.data.datastore import Datastore

    return Datastore.get(opening.existing(), name)


def _object(store: StorageDatastore, default: str) -> dict[str, Any]:
    from runyard.data import registry

    url = registry.url_of(store.workspace.directory, store.name)
    return {
        "name": store.name,
        "type": store.datastore_type,
        "folder": url if os.path.isabs(url) else None,
        "url": url,
        "default": store.name == default,
    }
