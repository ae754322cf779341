"""All that is known of one run, read once from its directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runyard.cli import output, run_names
from runyard.errors import UserErrorException
from runyard.history import targets
from runyard.history.reconcile import reconcile_run
from runyard.record import jsonl, metrics, run_json
from runyard.record.events import State, read_state
from runyard.record.layout import FORMAT, RunDirectory
from runyard.record.notes import Notes, read_notes
from runyard.record.states import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runyard.history.targets import QueuePlace


@dataclass(frozen=True)
class Facts:
    """``record``: run.json. ``state``: from its events. ``status``: as shown, after asking whether
    its runner lives. ``problems``: what of its files could not be read. ``built``: what is in
    environment.json, empty before it is written."""

    run: RunDirectory
    record: dict[str, Any]
    state: State
    status: Status
    notes: Notes
    problems: list[str] = field(default_factory=list)
    built: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        """The JobSpec; empty for runs that are their own runners."""
        return dict(self.record.get("spec") or {})

    @property
    def variables(self) -> dict[str, Any]:
        """The variables for the script; of secret ones only the names are known."""
        hidden = dict.fromkeys(self.spec.get("secret_variables") or (), "***")
        return {**(self.spec.get("environment_variables") or {}), **hidden}

    @property
    def environment(self) -> dict[str, Any]:
        """The environment as it was used; before that, as planned."""
        return {**(self.spec.get("environment") or {}), **self.built}

    @property
    def image(self) -> str | None:
        """The image of the run's container: its name, and its id once that is known."""
        asked = (self.spec.get("environment") or {}).get("image")
        if not asked:
            return None
        named = asked.get("name") or asked.get("context") or "of a Dockerfile"
        base = (self.environment["image"].get("base") or {}).get("id")
        return f"{named}  {base}" if base else str(named)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The fingerprints of what the run has read; [] before its data was staged."""
        from runyard.data import fingerprints

        return fingerprints.read(self.run)

    @property
    def place(self) -> QueuePlace | None:
        """Where it stands in the queue of its target; None when it does not wait in one."""
        if self.status is not Status.QUEUED:
            return None
        return targets.place(self.run, self.spec.get("target"))

    @property
    def job(self) -> str | None:
        """The number of its Slurm job; None for a run of another target, and before it has one."""
        from runyard.computes.slurm import jobs

        found = jobs.read(self.run)
        return found and found.number

    @property
    def error(self) -> dict[str, Any] | None:
        """Why it failed, None when it did not."""
        if self.status is not Status.FAILED:
            return None
        from runyard.job import details

        found: dict[str, Any] = details.error(self.state, self.notes)["error"]
        return found

    @property
    def exit_code(self) -> int | None:
        """What ``runyard submit --follow`` exits with; None while the run has not ended."""
        reason = self.state.reason
        if reason is None:
            return None
        if reason.exit_code is not None:
            return reason.exit_code
        return int(self.state.detail.get("exit_code", 1))

    def seconds(self, now: float) -> float | None:
        """How long the script has run so far, or did; None before it began."""
        if self.state.started is None:
            return None
        return max(0.0, (self.state.ended or now) - self.state.started)


def named(name: str) -> Facts:
    """What is known of the run that is meant. Raises UserErrorException without one."""
    run = run_names.resolve_here(name)
    reachable = read_state(run).status.ended or reconcile_run(run)
    found = read(run, reachable)
    for problem in found.problems:
        output.warning(f"left out: {problem}")
    return found


def read(run: RunDirectory, reachable: bool = True) -> Facts:
    """Read a run. Raises UserErrorException when its files cannot be read.

    ``reachable``: False when nobody can tell whether its runner lives.
    """
    problems: list[str] = []
    record = _record(run)
    state = read_state(run, problems)
    lost_sight = not reachable and not state.status.ended
    return Facts(
        run=run,
        record=record,
        state=state,
        status=Status.NOT_RESPONDING if lost_sight else state.status,
        notes=read_notes(run, record, problems),
        problems=problems,
        built=_built(run, problems),
    )


def _built(run: RunDirectory, problems: list[str]) -> dict[str, Any]:
    try:
        return jsonl.read_json(run.environment_json)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problems.append(f"{error}")
        return {}


def _record(run: RunDirectory) -> dict[str, Any]:
    try:
        record = run_json.read(run)
    except (OSError, ValueError) as error:
        raise UserErrorException(
            f"run {run.id} cannot be read: {error}. Put a copy of its files back, or remove its "
            f"folder {run.path}",
            error,
        ) from error
    if record.get("format", FORMAT) > FORMAT:
        raise UserErrorException(
            f"run {run.id} was made by a newer runyard (format {record['format']}; this one reads "
            f"up to {FORMAT}); upgrade runyard"
        )
    return record


def artifact(run: RunDirectory, value: object) -> str | None:
    """The name of the file that a metric such as an image is; None for other values."""
    place = metrics.URI.format(run.id, "")
    return value[len(place) :] if isinstance(value, str) and value.startswith(place) else None


def command_words(spec: Mapping[str, Any]) -> list[str]:
    """What the run runs, as words: the script and its arguments, or the command."""
    command = spec.get("command")
    if isinstance(command, str):
        return [command]
    if command:
        return [str(word) for word in command]
    script = spec.get("script")
    return [str(script), *map(str, spec.get("arguments") or ())] if script else []


def command_line(spec: Mapping[str, Any]) -> str:
    """The same as one would type it."""
    import shlex

    if isinstance(spec.get("command"), str):
        return str(spec["command"])
    return shlex.join(command_words(spec))
