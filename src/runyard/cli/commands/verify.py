"""``runyard verify``."""

from __future__ import annotations

import click

from runyard.cli import formats, opening, output
from runyard.cli.settings import Command, json_option
from runyard.history import verification
from runyard.history.verification import Finding, Report

_COLOURS = {"warning": "yellow", "error": "red"}


@click.command("verify", cls=Command)
@click.option(
    "--deep", is_flag=True, help="Read metrics and the content of every stored file as well."
)
@click.option("--repair", is_flag=True, help="Repair what can be repaired without losing anything.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, deep: bool, repair: bool, as_json: bool) -> None:
    """Check that the workspace is whole.

    Every run, snapshot, model and record is looked at, also where others are damaged. What is
    wrong is said with what to do about it; the exit code is 1 then. Nothing is changed without
    --repair.

    \b
    runyard verify
    runyard verify --deep --json
    """
    directory = opening.existing_directory()
    report = verification.examine(directory, deep=deep)
    if repair:
        verification.repair(directory, report)
    if as_json:
        output.to_json(_plain(report))
    else:
        _show(report)
    if not report.is_whole:
        ctx.exit(1)


def _plain(report: Report) -> dict[str, object]:
    return {
        "whole": report.is_whole,
        "deep": report.deep,
        "checked": report.counts,
        "findings": [
            {
                "level": found.level,
                "place": found.place,
                "text": found.text,
                "advice": found.advice,
                "repairable": found.mend is not None,
                "repaired": found.repaired,
            }
            for found in report.findings
        ],
    }


def _show(report: Report) -> None:
    for found in report.findings:
        _show_one(found)
    counts = report.counts.items()
    checked = ", ".join(formats.count(n, kind.removesuffix("s")) for kind, n in counts if n)
    bad = [found for found in report.findings if not found.repaired]
    errors = sum(found.level == "error" for found in bad)
    said = formats.count(errors, "error") + ", " + formats.count(len(bad) - errors, "warning")
    output.notice(f"{checked or 'nothing'} checked: {said}")


def _show_one(found: Finding) -> None:
    level = "repaired" if found.repaired else found.level
    shown = click.style(f"{level:<8}", fg=_COLOURS.get(level, "green"))
    output.text(f"{shown}  {output.one_line(found.place)} {output.one_line(found.text)}")
    if not found.repaired:
        output.text(f"{'':8}  → {output.one_line(found.advice)}")
