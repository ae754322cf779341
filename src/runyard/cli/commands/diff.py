"""``runyard diff``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from runyard.cli import comparison, data_lines, facts, output, table
from runyard.cli.formats import number
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.cli.table import Column

if TYPE_CHECKING:
    from runyard.cli.comparison import Change, Comparison
    from runyard.cli.facts import Facts
    from runyard.data.input_changes import InputChange
    from runyard.history.snapshots import SnapshotDiff

_LISTED_VALUES = 4
_LISTED_FILES = 20
_TABLES = ("environment", "packages", "arguments", "variables", "metrics")
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("diff", cls=Command)
@click.argument("first", type=RUN, metavar="RUN")
@click.argument("second", type=RUN, metavar="RUN")
@click.option("--text", is_flag=True, help="The source as a unified diff, nothing else.")
@json_option
def command(first: str, second: str, text: bool, as_json: bool) -> None:
    """Compare two runs: source, environment, arguments, what they have read, metrics.

    Only what differs is shown: on the left the first run, on the right the second.

    \b
    runyard diff @2 @1
    runyard diff @2 @1 --text
    """
    one, two = facts.named(first), facts.named(second)
    if text and not as_json:
        _show_text(comparison.text_diff(one, two))
        return
    found = comparison.compare(one, two)
    if as_json:
        _print_json(one, two, found, comparison.text_diff(one, two) if text else None)
    else:
        _show(one, two, found)


def _show(first: Facts, second: Facts, found: Comparison) -> None:
    """Print a section for each part that differs."""
    output.text(f"{first.run.id} → {second.run.id}")
    if found.same:
        output.text(
            "no difference in source, environment, arguments, variables, inputs and metrics"
        )
        return
    if found.source is not None:
        _show_source(found.source)
    else:
        output.notice("the sources are not compared: one of the runs has no snapshot")
    for title in _TABLES[:-1]:
        _show_changes(title, getattr(found, title))
    _show_inputs(found.inputs)
    _show_changes("metrics", found.metrics)


def _show_source(source: SnapshotDiff) -> None:
    marks = (("+", source.added, "green"), ("-", source.removed, "red"), ("~", source.changed, ""))
    if not any(paths for _, paths, _ in marks):
        return
    _head("source")
    for mark, paths, colour in marks:
        for path in paths:
            output.text(click.style(f"  {mark} {output.one_line(path)}", fg=colour or None))


def _show_inputs(inputs: Sequence[InputChange]) -> None:
    if not inputs:
        return
    _head("inputs")
    columns = (Column("what"), Column("first", shrink=True), Column("second", shrink=True))
    rows = [[item.name, _input(item.first), _input(item.second)] for item in inputs]
    for line, item in zip(table.lines(columns, rows)[1:], inputs, strict=True):
        output.text(f"  {line}")
        _show_files(item)


def _input(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    from runyard.data import input_changes

    return f"{input_changes.place(found)}, {data_lines.amount(found)}"


def _show_files(item: InputChange) -> None:
    marks = (("+", item.added, "green"), ("-", item.removed, "red"), ("~", item.changed, ""))
    found = [(mark, path, colour) for mark, paths, colour in marks for path in paths]
    for mark, path, colour in found[:_LISTED_FILES]:
        output.text(click.style(f"    {mark} {output.one_line(path)}", fg=colour or None))
    if len(found) > _LISTED_FILES:
        output.text(f"    … and {len(found) - _LISTED_FILES} more, see --json")
    if item.note:
        output.text(f"    {item.note}")


def _show_changes(title: str, changes: Mapping[str, Change]) -> None:
    if not changes:
        return
    _head(title)
    columns = (Column("what"), Column("first", shrink=True), Column("second", shrink=True))
    rows = [[name, _text(pair[0]), _text(pair[1])] for name, pair in changes.items()]
    for line in table.lines(columns, rows)[1:]:
        output.text(f"  {line}")


def _head(title: str) -> None:
    output.text()
    output.text(click.style(title, bold=True))


def _text(value: Any) -> str:
    """A value in short; a list of many ends with its last values."""
    if value is None or value == "":
        return "-" if value is None else "''"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        shown = ", ".join(number(item) for item in value[-_LISTED_VALUES:])
        return shown if len(value) <= _LISTED_VALUES else f"{len(value)} values, … {shown}"
    return number(value)


def _show_text(lines: Sequence[str]) -> None:
    """Print a unified diff; in colours on a terminal."""
    if not lines:
        output.notice("the sources are the same")
    for line in lines:
        shown = "\t".join(output.one_line(part) for part in line.split("\t"))
        output.text(click.style(shown, fg=_COLOURS.get(line[:1])))


def _print_json(
    first: Facts, second: Facts, found: Comparison, lines: Sequence[str] | None
) -> None:
    """Each change is an object with ``first`` and ``second``."""
    source = found.source
    result: dict[str, Any] = {
        "first": first.run.id,
        "second": second.run.id,
        "same": found.same,
        "source": None
        if source is None
        else {"added": source.added, "removed": source.removed, "changed": source.changed},
    }
    for title in _TABLES:
        changes: Mapping[str, Change] = getattr(found, title)
        result[title] = {k: {"first": a, "second": b} for k, (a, b) in changes.items()}
    result["inputs"] = {item.name: _plain(item) for item in found.inputs}
    if lines is not None:
        result["text"] = list(lines)
    output.to_json(result)


def _plain(item: InputChange) -> dict[str, Any]:
    first, second = (
        None if found is None else {key: found[key] for key in found if key != "entries"}
        for found in (item.first, item.second)
    )
    paths = {"added": item.added, "removed": item.removed, "changed": item.changed}
    return {"first": first, "second": second, **paths, "note": item.note}
