"""What the shell completes; nothing where it cannot be known, and never a message."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from runyard.history.entry import Entry
    from runyard.record.layout import RunDirectory

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_AT_MOST = 200
_WORD_BREAKS = frozenset("\\'\"`$&|;<>()*?[]{}!#~")


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, which the shell finds by itself."""
    return [CompletionItem(incomplete, type="file")]


def folders(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders, which the shell finds by itself."""
    return [CompletionItem(incomplete, type="dir")]


def _of(find: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Complete the names that ``find`` gives."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with ctx, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitting = [name for name in find(ctx) if _fits(name, incomplete)]
        except Exception:  # the shell would print a traceback between the user's keys
            return []
        return [CompletionItem(name) for name in dict.fromkeys(fitting)][:_AT_MOST]

    return complete


def _fits(name: str, incomplete: str) -> bool:
    """Names that would have to be quoted are left to the user: the shell puts them in bare."""
    bare = name.isprintable() and not any(c.isspace() or c in _WORD_BREAKS for c in name)
    return bare and name.lower().startswith(incomplete.lower())


def _entries() -> list[Entry]:
    from runyard.cli import opening
    from runyard.history.index import Index

    index = Index(opening.existing_directory())
    try:
        return index.select()
    finally:
        index.close()


def _run(ctx: click.Context) -> RunDirectory:
    """The run that the words before name."""
    from runyard.cli import run_names

    return run_names.resolve_here(_run_word(ctx))


def _run_word(ctx: click.Context) -> str:
    """The RUN that was typed, '' when it was not yet."""
    # Of `logs last --log ` click parses nothing, and leaves the words in args.
    return str(ctx.params.get("run") or next(iter(ctx.args), ""))


def _experiments(_: click.Context) -> list[str]:
    from runyard.cli import opening
    from runyard.history.run_folders import experiment_names

    return experiment_names(opening.existing_directory())


def _models(_: click.Context) -> list[str]:
    from runyard.cli import opening
    from runyard.record import models

    return sorted({record["name"] for record in models.find_all(opening.existing_directory())})


def _datastores(_: click.Context) -> list[str]:
    from runyard.cli import opening
    from runyard.data import registry

    return registry.listed(opening.existing_directory())


def _datasets(_: click.Context) -> list[str]:
    from runyard.cli import opening
    from runyard.record import datasets

    return datasets.names(opening.existing_directory())


def _metrics(ctx: click.Context) -> Iterable[str]:
    from runyard.record import metrics

    return metrics.read_metrics(_run(ctx))


def _files(ctx: click.Context) -> list[str]:
    from runyard.record import files as run_files

    return run_files.names(_run(ctx))


def _logs(ctx: click.Context) -> list[str]:
    from runyard.cli.commands.logs import FOLDERS, NAMES
    from runyard.record import files as run_files

    if not _run_word(ctx):  # `logs --log env<TAB>`: the run comes behind it
        return list(NAMES)
    names = run_files.names(_run(ctx))
    return [*NAMES, *(name for name in names if name.startswith(FOLDERS))]


def _ranks(ctx: click.Context) -> list[str]:
    from runyard.cli.rank_logs import process_count
    from runyard.record import jsonl

    spec = jsonl.read_json(_run(ctx).run_json).get("spec") or {}
    return [str(rank) for rank in range(max(process_count(spec), 1))]


def _targets(_: click.Context) -> list[str]:
    from runyard.config.run_configuration import DEFAULT_TARGET

    try:
        made = _pools(_)
    except Exception:  # there is no workspace yet
        made = []
    return [DEFAULT_TARGET, *made]


def _pools(_: click.Context) -> list[str]:
    from runyard.cli import opening
    from runyard.record import computes

    return computes.names(opening.existing_directory())


experiments = _of(_experiments)
models = _of(_models)
datastores = _of(_datastores)
datasets = _of(_datasets)
metrics = _of(_metrics)
run_files = _of(_files)
logs = _of(_logs)
ranks = _of(_ranks)
targets = _of(_targets)
pools = _of(_pools)
statuses = _of(lambda _: sorted({entry.status for entry in _entries()}))
"""Only those that a run of the workspace has now."""
