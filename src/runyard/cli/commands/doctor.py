"""``runyard doctor``."""

from __future__ import annotations

import click

from runyard.cli import doctor, output
from runyard.cli.doctor.finding import Finding
from runyard.cli.settings import Command, json_option

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("doctor", cls=Command)
@json_option
@click.pass_context
def command(ctx: click.Context, /, as_json: bool) -> None:
    """Check this machine and the workspace.

    Every line is ok, a warning with what can be done, or an error: something that runs need. The
    exit code is 1 when there is an error.

    \b
    runyard doctor
    runyard doctor --json
    """
    findings = doctor.examine()
    if as_json:
        output.to_json([finding._asdict() for finding in findings])
    else:
        _show(findings)
    if any(finding.level == "error" for finding in findings):
        ctx.exit(1)


def _show(findings: list[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        show(finding, width)


def show(finding: Finding, width: int) -> None:
    """Print one; ``width``: of the column of names."""
    level = click.style(f"{finding.level:<7}", fg=_COLOURS[finding.level])
    output.text(f"{level}  {finding.name:<{width}}  {finding.text}")
    if finding.advice:
        output.text(f"{'':9}{'':<{width}}  → {finding.advice}")
