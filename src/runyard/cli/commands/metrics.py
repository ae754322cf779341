"""``runyard metrics``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import click

from runyard.cli import completing, facts, output, table
from runyard.cli.formats import number
from runyard.cli.nearest import did_you_mean
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.cli.table import Column
from runyard.errors import UserErrorException
from runyard.record import metrics
from runyard.record.layout import RunDirectory

_SUMMARY = (
    Column("metric", shrink=True, least=16, most=60),
    Column("latest", shrink=True),
    Column("values", right=True, drop=1),
    Column("least", right=True, drop=3),
    Column("greatest", right=True, drop=2),
)


@click.command("metrics", cls=Command)
@click.argument("run", type=RUN)
@click.argument("name", required=False, shell_complete=completing.metrics)
@click.option(
    "--rank",
    type=click.IntRange(min=0),
    metavar="N",
    shell_complete=completing.ranks,
    help="Of several processes, only what that one has logged.",
)
@json_option
def command(run: str, name: str | None, rank: int | None, as_json: bool) -> None:
    """Show the metrics of a run.

    Without NAME the latest value of each; with it every value of that metric, those of several
    processes in the order of their time. In JSON, NaN and
    the infinities, which it does not have, are the strings "NaN", "Infinity" and "-Infinity".

    \b
    runyard metrics last
    runyard metrics last loss
    runyard metrics last loss --rank 1
    runyard metrics last --json | jq .accuracy
    """
    directory = facts.named(run).run
    problems: list[str] = []
    found = metrics.read_metrics(directory, problems=problems, rank=rank)
    for problem in problems:
        output.warning(f"left out: {problem}")
    if name is not None and name not in found:
        raise UserErrorException(_unknown(_who(directory, rank), name, found))
    if as_json:
        output.to_json(found if name is None else found[name])
    elif name is not None:
        _show_one(directory, name, found[name], rank)
    elif not found:
        output.notice(
            f"{_who(directory, rank)} has logged no metrics (run.log('loss', 0.1) in the script)"
        )
    else:
        table.show(_SUMMARY, [_row(directory, key, value) for key, value in found.items()])


def _who(run: RunDirectory, rank: int | None) -> str:
    return f"run {run.id}" if rank is None else f"rank {rank} of run {run.id}"


def _unknown(who: str, name: str, found: Mapping[str, Any]) -> str:
    if not found:
        return f"{who} has no metric {name!r}; it has logged none"
    hint = did_you_mean(name, found)
    return f"{who} has no metric {name!r}{hint} Logged were: {', '.join(found)}"


def _row(run: RunDirectory, name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [name, f"table of {', '.join(value)}", str(_length(value)), "", ""]
    if not isinstance(value, list):
        return [name, _in_short(run, value), "1", "", ""]
    known = [v for v in value if _is_number(v)]
    least, greatest = (number(min(known)), number(max(known))) if known else ("", "")
    return [name, _in_short(run, value[-1]) if value else "", str(len(value)), least, greatest]


def _in_short(run: RunDirectory, value: object) -> str:
    file = facts.artifact(run, value)
    return number(value) if file is None else f"file {file}"


def _length(columns: Mapping[str, Any]) -> int:
    return max((len(v) if isinstance(v, list) else 1 for v in columns.values()), default=0)


def _is_number(value: object) -> bool:
    number_type = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number_type and not math.isnan(float(value))  # type: ignore[arg-type]


def _show_one(run: RunDirectory, name: str, value: Any, rank: int | None) -> None:
    if isinstance(value, Mapping):
        _show_columns(value)
        return
    series = metrics.read_series(run, rank=rank).get(name)
    if series is None:  # an image or another artifact
        output.text(str(value))
        return
    if any(step is not None for _, step, _ in series):
        rows = [["" if step is None else number(step), str(v)] for _, step, v in series]
        table.show((Column("step", right=True), Column("value")), rows)
        return
    for _, _, item in series:
        output.text(output.one_line(item))


def _show_columns(columns: Mapping[str, Any]) -> None:
    lists = [v if isinstance(v, list) else [v] for v in columns.values()]
    rows = [
        [number(v[i]) if i < len(v) else "" for v in lists]
        for i in range(max(map(len, lists), default=0))
    ]
    table.show([Column(title, shrink=True, verbatim=True) for title in columns], rows)
