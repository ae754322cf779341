"""``runyard doctor``."""

from __future__ import annotations

import click

from runyard.cli.settings import Command, json_option


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
    from runyard.cli import doctor

    findings = doctor.examine()
    doctor.report(findings, as_json)
    if any(finding.level == "error" for finding in findings):
        ctx.exit(1)
