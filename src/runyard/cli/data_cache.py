"""``runyard datastore cache``: what runs of this machine have fetched from remote storage."""

from __future__ import annotations

import click

from runyard.cli import formats, output
from runyard.cli.settings import Command, json_option

_DAY_S = 86400.0


@click.command("cache", cls=Command)
@click.option("--prune", is_flag=True, help="Remove files; runs that use them go on.")
@click.option(
    *("--older-than", "older_than_days"),
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="With --prune: only what no run has used for so long.",
)
@json_option
def command(prune: bool, older_than_days: float | None, as_json: bool) -> None:
    """Show how much is kept of what runs have fetched from remote datastores, or remove it.

    It is kept once for all workspaces, below RUNYARD_CACHE_DIR; what is removed is fetched again
    by the next run that needs it.

    \b
    runyard datastore cache
    runyard datastore cache --prune --older-than 30
    """
    from runyard.data.cache import ContentCache

    if older_than_days is not None and not prune:
        raise click.UsageError("--older-than says what to remove: give --prune with it")
    cache = ContentCache()
    removed = cache.prune((older_than_days or 0) * _DAY_S) if prune else (0, 0)
    files, size_bytes = cache.usage()
    if as_json:
        kept = {"folder": cache.folder, "files": files, "size_bytes": size_bytes}
        gone = {"removed_files": removed[0], "removed_bytes": removed[1]} if prune else {}
        output.to_json({**kept, **gone})
        return
    if prune:
        count = formats.count(removed[0], "file")
        output.notice(f"{count} removed, {formats.size(removed[1])}")
    output.text(f"{cache.folder}: {formats.count(files, 'file')}, {formats.size(size_bytes)}")
