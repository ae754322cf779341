"""Everything ``runyard doctor`` looks at, in the order it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from runyard.cli import machine_checks, output, tool_checks, workspace_checks
from runyard.cli.health import Finding, error

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}

CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (
    tool_checks.runyard,
    tool_checks.pythons,
    tool_checks.uv,
    tool_checks.cache_folder,
    workspace_checks.workspace,
    machine_checks.disk,
    machine_checks.memory,
    machine_checks.shared_memory,
    machine_checks.kernel,
    tool_checks.programs,
)


def examine() -> list[Finding]:
    """The findings of all checks; one that fails itself is a finding too."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found.extend(check())
        except Exception as failure:
            name = check.__name__.replace("_", " ")
            text = f"could not be checked: {type(failure).__name__}: {failure}"
            found.append(error(name, text, "Please report this, it is a defect of runyard"))
    return found


def report(findings: list[Finding], as_json: bool) -> None:
    """Print the findings."""
    if as_json:
        output.to_json([finding._asdict() for finding in findings])
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        level = click.style(f"{finding.level:<7}", fg=_COLOURS[finding.level])
        output.text(f"{level}  {finding.name:<{width}}  {finding.text}")
        if finding.advice:
            output.text(f"{'':9}{'':<{width}}  → {finding.advice}")
