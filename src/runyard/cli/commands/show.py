"""``runyard show``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from runyard.cli import data_lines, ending, facts, formats, output, rank_view, summary, table
from runyard.cli.facts import Facts, command_line
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.computes import runner_process
from runyard.data.places import of_run
from runyard.record import files
from runyard.record.states import Status

_FILES_SHOWN = 8
_LOG_LINES = 10

_ORIGIN = "runyard.rerun_of"  # config.resubmission.ORIGIN, whose import takes long

Rows = list[tuple[str, object]]


@click.command("show", cls=Command)
@click.argument("run", type=RUN)
@json_option
def command(run: str, as_json: bool) -> None:
    """Show everything about one run.

    Status and reason, the error with its place in the script, times, source, environment,
    arguments, tags, files, and what to type next.

    \b
    runyard show last
    runyard show last --json | jq -r .error.message
    """
    found = facts.named(run)
    if as_json:
        output.to_json({**summary.of_run(found), "ranks": rank_view.as_json(found)})
        return
    _show(found)


def _show(found: Facts) -> None:
    """Print it to stdout."""
    rows = [
        *_identity(found),
        *_times(found),
        *_job(found),
        *_source(found),
        *_environment(found),
        *_notes(found),
        *_files(found),
        ("folder", found.run.path),
        ("next", "\n".join(line for line in ending.next_commands(found) if " show " not in line)),
    ]
    table.show_pairs([row for row in rows if row[1] not in ("", None)])


def _identity(found: Facts) -> Rows:
    reason = ending.reason_text(found)
    status = ending.coloured(found.status.value)
    problem = ending.error_lines(found)
    return [
        ("run", found.run.id),
        ("name", output.one_line(found.notes.display_name or "")),
        ("experiment", found.run.experiment),
        ("parent", found.record.get("parent")),
        ("rerun of", found.notes.properties.get(_ORIGIN)),
        ("status", f"{status} ({reason})" if reason not in ("", "completed") else status),
        ("queue", str(found.place or "")),
        ("runner", _stopped(found)),
        ("cancelled", _cancelled(found)),
        ("error", "\n".join(problem)),
        ("log ends", "\n".join(_last_log_lines(found, problem)) if problem else ""),
    ]


def _stopped(found: Facts) -> str:
    pid = None if found.status.ended else runner_process.stopped(found.run)
    return "" if pid is None else f"process {pid}, which is stopped; to go on: kill -CONT {pid}"


def _cancelled(found: Facts) -> str:
    """By what a run was cancelled, where that was said: a scancel, the end of its parent."""
    if found.status is not Status.CANCELED:
        return ""
    return output.one_line(str(found.state.detail.get("message") or ""))


def _attempts(found: Facts) -> str:
    """How often a run was begun that lost its nodes; '' for one that never did."""
    count = [event.get("status") for event in found.state.events].count(Status.RUNNING.value)
    if count < 2:
        return ""
    earlier = ", ".join(f"user_logs/attempt_{number}" for number in range(count - 1))
    return f"{count}; logs of those before: {earlier}"


def _last_log_lines(found: Facts, told: list[str]) -> list[str]:
    """Without those that say again what was told."""
    again = [line.removeprefix("hint: ") for line in told]
    lines = ending.log_lines(found)
    if not found.state.started:
        lines = [line for line in lines if not any(text and text in line for text in again)]
    return lines[-_LOG_LINES:]


def _times(found: Facts) -> Rows:
    now = time.time()
    seconds = found.seconds(now)
    created = float(found.record.get("created") or 0.0)
    started, ended = found.state.started, found.state.ended
    return [
        ("created", f"{formats.moment(created)}, {formats.age(now - created)}"),
        ("started", "" if started is None else formats.moment(started)),
        ("ended", "" if ended is None else formats.moment(ended)),
        ("attempts", _attempts(found)),
        ("duration", "" if seconds is None else formats.duration(seconds)),
    ]


def _job(found: Facts) -> Rows:
    spec = found.spec
    limit = spec.get("max_run_duration_s")
    outputs = [of_run(item, found.run.id) for item in spec.get("outputs") or ()]
    data = data_lines.lines({**spec, "outputs": outputs}, found.inputs)
    return [
        ("command", output.one_line(command_line(spec)) if spec else ""),
        ("variables", _lines(found.variables)),
        ("data", "\n".join(map(output.one_line, data))),
        ("target", spec.get("target")),
        ("job", found.job),
        ("processes", rank_view.in_short(spec)),
        ("ranks", "\n".join(rank_view.lines(found))),
        ("time limit", "" if limit is None else formats.duration(limit)),
        ("restarts", f"at most {spec['max_restarts']}" if spec.get("max_restarts") else ""),
    ]


def _source(found: Facts) -> Rows:
    return [
        ("source", found.spec.get("source_directory")),
        ("snapshot", found.record.get("snapshot")),
        ("git", _git(found.record.get("git") or {})),
    ]


def _git(described: Mapping[str, Any]) -> str:
    known = {key.rpartition(".")[2]: value for key, value in described.items()}
    dirty = "with changes" if str(known.get("dirty")) == "True" else ""
    parts = [known.get("repository_uri"), known.get("branch"), known.get("commit"), dirty]
    return "  ".join(str(part) for part in parts if part)


def _environment(found: Facts) -> Rows:
    environment = found.environment
    if not environment:
        return []
    key = environment.get("key")
    parts = [
        str(environment.get("kind") or "").replace("_", "-"),
        f"Python {environment['python_version']}" if environment.get("python_version") else "",
        f"key {key}" if key else "",
    ]
    return [
        ("environment", ", ".join(part for part in parts if part)),
        ("image", found.image),
        ("packages", "\n".join(environment.get("requirements") or ())),
        ("python", environment.get("python") or environment.get("interpreter")),
    ]


def _notes(found: Facts) -> Rows:
    return [
        ("tags", _lines(found.notes.tags)),
        ("children", "\n".join(found.notes.children)),
    ]


def _lines(values: Mapping[str, object]) -> str:
    return "\n".join(output.one_line(f"{key}={value}") for key, value in values.items())


def _files(found: Facts) -> Rows:
    names = files.names(found.run)
    shown = [output.one_line(name) for name in names[:_FILES_SHOWN]]
    if len(names) > len(shown):
        shown.append(f"… and {len(names) - len(shown)} more: runyard files {found.run.id}")
    return [("files", "\n".join(shown))]
