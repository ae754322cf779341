"""``runyard gc``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runyard.cli import formats, opening, output
from runyard.cli.settings import Command, json_option
from runyard.history.workspace_housekeeping import KINDS

if TYPE_CHECKING:
    from runyard.history.garbage import Group

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_NAMED = 20
_NOUNS = {
    "snapshots": "snapshot",
    "blobs": "content of files",
    "work": "run with copies of its source",
    "leftovers": "leftover of a killed process",
    "environments": "environment",
    "data": "fetched file",
}
_PLURALS = {
    "blobs": "contents of files",
    "work": "runs with copies of their source",
    "leftovers": "leftovers of killed processes",
}


@click.command("gc", cls=Command)
@click.option("--yes", is_flag=True, help="Remove. Without it, only show what would be removed.")
@click.option("--only", type=click.Choice(KINDS), multiple=True, help="Only this kind; repeatable.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="What changed in the workspace in the last hours stays.",
)
@click.option(
    "--unused",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="DAYS",
    help="Environments and fetched data that were used in the last days stay.",
)
@json_option
def command(yes: bool, only: tuple[str, ...], grace: float, unused: float, as_json: bool) -> None:
    """Remove what nothing refers to: snapshots, caches, what killed processes left.

    No run, no model, and no file that a script has made or changed is ever removed. What is
    removed of environments and data is built and fetched again when a run needs it. It may run
    beside submissions and runs.

    \b
    runyard gc
    runyard gc --yes
    runyard gc --yes --only snapshots --only blobs
    """
    workspace = opening.existing()
    groups = workspace.gc(
        remove=yes, only=only or KINDS, grace_s=grace * _HOUR_S, unused_s=unused * _DAY_S
    )
    if as_json:
        output.to_json({"removed": yes, "kinds": [_plain(group) for group in groups]})
        return
    for group in groups:
        _show(group, yes)
    total = formats.size(sum(group.size_bytes for group in groups))
    output.notice(f"{total} freed" if yes else f"{total} to be freed; to remove it: --yes")


def _show(group: Group, removed: bool) -> None:
    noun = _NOUNS[group.kind]
    counted = formats.count(group.count, noun, _PLURALS.get(group.kind))
    verb = "removed" if removed else "would be removed"
    output.text(f"{counted} {verb}, {formats.size(group.size_bytes)}")
    if group.kind != "blobs":
        for name in group.names[:_NAMED]:
            output.text(f"  {output.one_line(name)}")
        if len(group.names) > _NAMED:
            output.text(f"  … and {len(group.names) - _NAMED:,} more")
    for why in group.kept:
        output.warning(f"{group.kind} kept: {output.one_line(why)}")


def _plain(group: Group) -> dict[str, object]:
    return {
        "kind": group.kind,
        "count": group.count,
        "size_bytes": group.size_bytes,
        "names": [] if group.kind == "blobs" else group.names,
        "kept": group.kept,
    }
