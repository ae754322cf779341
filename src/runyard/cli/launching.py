"""Submitting a request, and what follows on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runyard.cli import facts, following, opening, output

if TYPE_CHECKING:
    from collections.abc import Collection

    from runyard.cli.request import Request
    from runyard.config.planning import Plan
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.record.layout import RunDirectory


def show_plan(request: Request, as_json: bool) -> None:
    """Print what submitting would do. Raises what submitting would raise beforehand."""
    from runyard.cli import plan_view
    from runyard.history.experiment import checked_name

    name = checked_name(request.experiment_name)
    planned = _plan(
        request.config(), name, script_checks=("lint", "packages"), refresh=request.refresh
    )
    path = opening.planned().directory.path
    if as_json:
        output.to_json(plan_view.as_json(planned, path))
    else:
        plan_view.show(planned, path)


def _plan(
    config: ScriptRunConfig,
    experiment: str,
    *,
    script_checks: tuple[str, ...] = (),
    refresh: bool = False,
) -> Plan:
    from runyard.config import planning

    return planning.plan(
        config,
        opening.planned(),
        experiment=experiment,
        script_checks=script_checks,
        refresh=refresh,
    )


def start(request: Request) -> RunDirectory:
    """Submit; the run is recorded and its runner started when this returns."""
    from runyard.history.experiment import Experiment, checked_name

    config = request.config()
    name = checked_name(request.experiment_name)
    if opening.named() is None and opening.search_here(make=False) is None:
        # What cannot be submitted must not leave a new workspace behind.
        _plan(config, name)
    workspace = opening.existing_or_made()
    experiment = Experiment(workspace, name, _create_in_cloud=False)
    run = experiment.submit(config, tags=dict(request.tags) or None, refresh=request.refresh)
    if request.display_name is not None:
        run.display_name = request.display_name
    return workspace.directory.run(experiment.name, run.id)


def after_start(
    ctx: click.Context,
    run: RunDirectory,
    follow: bool,
    as_json: bool,
    *,
    told: Collection[str] = (),
) -> None:
    """Say what was started; with ``follow`` watch it and exit as it ends.

    ``told``: notices that stand on the terminal already.
    """
    found = facts.read(run)
    for notice in found.record.get("notices") or ():
        if notice not in told:
            output.notice(f"note: {notice}")
    if not follow:
        _tell_started(found, as_json)
        return
    if not as_json:
        output.notice(f"run {run.id}")
    found = following.watch(run, err=as_json)
    if as_json:
        _print_json(found)
    else:
        from runyard.cli import ending

        ending.tell_end(found, log_shown=True)
    ctx.exit(1 if found.exit_code is None else found.exit_code)


def _tell_started(found: facts.Facts, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    from runyard.cli import ending

    output.text(found.run.id)
    if found.place is not None:
        output.notice(f"  queued: {found.place}")
    for line in ending.next_commands(found):
        output.notice(f"  {line}")


def _print_json(found: facts.Facts) -> None:
    from runyard.cli import summary

    output.to_json({**summary.in_short(found), "error": found.error})
