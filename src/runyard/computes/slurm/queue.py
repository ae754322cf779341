"""What Slurm says about jobs: one squeue for all, sacct for those it has forgotten."""

from __future__ import annotations

import time
from typing import NamedTuple, TypeVar

from runyard.computes.slurm import states
from runyard.computes.slurm.commands import SlurmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runyard.computes.slurm.commands import Slurm

_T = TypeVar("_T")

_FIELDS = "%i|%T|%V|%Q|%P|%N|%r|%j"
_ACCOUNTED = "JobIDRaw,State,Submit,ExitCode,DerivedExitCode,NodeList,JobName"
_KEPT_S = 2.0
"""An answer of squeue is as good as a new one for so long: followers look much more often."""
_EASE = 5
"""For so many times as long as it took it is kept beyond that: a slow controller is spared."""
_MOST_IDS = 5_000
_MOST_NAMES = 500
"""More of them would not fit into one argument; they are asked for by several calls."""


class Known(NamedTuple):
    """A job as Slurm knows it.

    ``state``: in its words; ``submitted``: seconds since 1970, None: not said; ``reason``: why it
    waits, or what ended it; ``nodes``: its nodes, '' before it has some.
    """

    number: str
    state: str
    submitted: float | None
    name: str
    reason: str = ""
    nodes: str = ""
    priority: int = 0
    partition: str = ""
    exit_code: str = ""


_answers: dict[tuple[str, ...], tuple[float, dict[str, Known] | SlurmError]] = {}
"""What squeue answered, and when, by what it was asked; also that it did not."""


def forget() -> None:
    """Ask anew next time: something was done that changes the answers."""
    _answers.clear()


def listed(slurm: Slurm, jobs: Collection[tuple[str, str]], cluster: str = "") -> dict[str, Known]:
    """What squeue knows of these jobs, by number; one call for 5,000. Raises SlurmError.

    ``jobs``: number and name of each. An answer is kept for those names: Slurm may give the number
    of a job that it has forgotten to the next one, which the answer of before does not know.
    """
    found: dict[str, Known] = {}
    for some in _blocks(sorted(set(jobs))):
        numbers, names = zip(*some, strict=True)
        asked = [f"--jobs={','.join(numbers)}", "--states=all"]
        found.update(_ask(slurm, asked, cluster, names))
    return found


def named(slurm: Slurm, names: Sequence[str], cluster: str = "") -> dict[str, Known]:
    """Jobs by their names, which are as good as unique: for those whose number nobody wrote."""
    found: dict[str, Known] = {}
    for some in _blocks(names, _MOST_NAMES):
        found.update(_ask(slurm, [f"--name={','.join(some)}", "--states=all"], cluster))
    return {known.name: known for known in found.values()}


def waiting(slurm: Slurm, partitions: Sequence[str], cluster: str = "") -> list[Known]:
    """The jobs that wait in these partitions, in the order in which Slurm looks at them."""
    found = _ask(slurm, [f"--partition={','.join(partitions)}", "--states=PENDING"], cluster)
    return sorted(found.values(), key=lambda known: (-known.priority, _number(known.number)))


def _blocks(words: Sequence[_T], size: int = _MOST_IDS) -> list[Sequence[_T]]:
    return [words[start : start + size] for start in range(0, len(words), size)]


def _ask(
    slurm: Slurm, arguments: Sequence[str], cluster: str, names: Sequence[str] = ()
) -> dict[str, Known]:
    where = [f"--clusters={cluster}"] if cluster else []
    key, now = (slurm.conf, *where, *arguments, *names), time.monotonic()
    for old in [old for old, (moment, _) in _answers.items() if now - moment >= _KEPT_S]:
        del _answers[old]
    if key not in _answers:
        try:
            found: dict[str, Known] | SlurmError = _asked(slurm, [*where, *arguments])
        except SlurmError as error:
            found = error
        done = time.monotonic()
        rest_s = 0.0 if isinstance(found, SlurmError) else _EASE * (done - now)
        _answers[key] = (done + rest_s, found)
    answer = _answers[key][1]
    if isinstance(answer, SlurmError):
        raise answer
    return answer


def _asked(slurm: Slurm, arguments: Sequence[str]) -> dict[str, Known]:
    try:
        text = slurm.run("squeue", "--noheader", f"--format={_FIELDS}", *arguments)
    except SlurmError as error:
        if "Invalid job id" in error.message:  # the only one asked for is forgotten
            return {}
        raise
    found = [parsed for line in text.splitlines() if (parsed := _parse(line)) is not None]
    return {known.number: known for known in found}


def _parse(line: str) -> Known | None:
    parts = line.split("|", 7)
    if len(parts) != 8:
        return None
    number, state, submitted, priority, partition, nodes, reason, name = parts
    return Known(
        number=number,
        state=states.base(state),
        submitted=_seconds(submitted),
        name=name,
        reason=reason,
        nodes=nodes,
        priority=_number(priority),
        partition=partition,
    )


def accounted(slurm: Slurm, numbers: Sequence[str], cluster: str = "") -> dict[str, Known]:
    """What the accounting knows of these jobs; {} where there is none."""
    found: dict[str, Known] = {}
    for some in _blocks(numbers):
        found.update(_accounted(slurm, some, cluster))
    return found


def _accounted(slurm: Slurm, numbers: Sequence[str], cluster: str) -> dict[str, Known]:
    where = [f"--clusters={cluster}"] if cluster else []
    try:
        text = slurm.run(
            "sacct",
            "--noheader",
            "--parsable2",
            "--allocations",
            *where,
            f"--format={_ACCOUNTED}",
            f"--jobs={','.join(numbers)}",
        )
    except SlurmError:
        return {}
    found = [parsed for line in text.splitlines() if (parsed := _parse_accounted(line)) is not None]
    return {known.number: known for known in found}


def _parse_accounted(line: str) -> Known | None:
    parts = line.split("|", 6)
    if len(parts) != 7:
        return None
    number, state, submitted, code, _, nodes, name = parts
    return Known(
        number=number,
        state=states.base(state),
        submitted=_seconds(submitted),
        name=name,
        reason=state if " by " in state else "",
        nodes=nodes,
        exit_code=code,
    )


def _seconds(text: str) -> float | None:
    if text.isdigit():
        return float(text)
    try:  # versions that do not heed SLURM_TIME_FORMAT
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
