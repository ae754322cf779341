"""The processes of a distributed run: where each ran, and how it ended."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING, Any

from runyard.cli import formats, output
from runyard.cli.rank_logs import process_count
from runyard.cli.summary import time_text
from runyard.record import ranks
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runyard.cli.facts import Facts
    from runyard.config.jobspec import JobSpec
    from runyard.launchers.plan import LaunchPlan
    from runyard.record.ranks import Rank

FIRST = "failed first"


def in_short(spec: Mapping[str, Any]) -> str:
    """``4 processes on 2 nodes (mpi)``, '' for an ordinary run."""
    count = process_count(spec)
    if not count:
        return ""
    processes = formats.count(count, "process", "processes")
    nodes = formats.count(int(spec["node_count"]), "node")
    return f"{processes} on {nodes} ({spec['launcher']})"


def planned(spec: JobSpec, python: str) -> list[str]:
    """What would be started where, and by what if not by us; [] for an ordinary run."""
    made = spec.distribution
    if made is None:
        return []
    as_recorded = spec.to_dict()
    workers = made.process_count - made.parameter_servers
    of_node: dict[int, list[int]] = {}
    launch = _launch(as_recorded, python)
    for process in launch.processes:
        of_node.setdefault(process.node, []).append(process.rank)
    return [
        in_short(as_recorded),
        *([f"started by {shlex.join(launch.starter.argv)}"] if launch.starter else []),
        *(f"node {node}: {_seated(of_node[node], workers)}" for node in sorted(of_node)),
    ]


def _launch(spec: Mapping[str, Any], python: str) -> LaunchPlan:
    """As the launcher plans it; names, addresses and ports are not known before the run."""
    from runyard import launchers
    from runyard.launchers.plan import Places

    launcher = launchers.load(spec["launcher"])
    names = [f"node-{number}" for number in range(int(spec["node_count"]))]
    wanted = launcher.ports(spec)
    ports = [[0] * wanted[number] if number < len(wanted) else [] for number in range(len(names))]
    agent = "launch/agent" if len(names) > 1 else ""
    places = Places(names, names, ports=ports, agent=agent, folder="launch")
    return launcher.plan(spec, places, python)


def _seated(numbers: list[int], workers: int) -> str:
    servers = [number for number in numbers if number >= workers]
    others = [number for number in numbers if number < workers]
    parts = [_ranks(others), _ranks(servers) + " as parameter server" if servers else ""]
    return ", ".join(part for part in parts if part)


def _ranks(numbers: list[int]) -> str:
    if not numbers:
        return ""
    first, last = numbers[0], numbers[-1]
    return f"rank {first}" if first == last else f"ranks {first} to {last}"


def lines(found: Facts) -> list[str]:
    """A line for each rank, for neighbours of which the same is to be said together."""
    known, first = _known(found)
    texts = [
        _text(found, number, known.get(number)) + (f", {FIRST}" if number == first else "")
        for number in range(process_count(found.spec))
    ]
    grouped: list[list[Any]] = []
    for number, text in enumerate(texts):
        if grouped and grouped[-1][2] == text:
            grouped[-1][1] = number
        else:
            grouped.append([number, number, text])
    return [
        f"{begin if begin == end else f'{begin} to {end}'}: {text}" for begin, end, text in grouped
    ]


def as_json(found: Facts) -> list[dict[str, Any]] | None:
    """All ranks, None for an ordinary run; times are UTC as ISO 8601."""
    count = process_count(found.spec)
    if not count:
        return None
    known, first = _known(found)
    return [
        {
            "rank": number,
            "node": rank.node,
            "host": rank.host or None,
            "pid": rank.pid,
            "exit_code": _code(found, number, rank),
            "started": time_text(rank.started),
            "ended": time_text(rank.ended),
            "failed_first": number == first,
        }
        for number in range(count)
        for rank in [known.get(number) or ranks.Rank(number, [])]
    ]


def _known(found: Facts) -> tuple[dict[int, Rank], int | None]:
    """The ranks that have started, and the one that failed first, as the runner saw it.

    In a run that is completed none has failed, and at a cancel or the time limit all were ended.
    """
    listed = ranks.read(found.run)
    said = found.state.detail.get("rank")
    if not isinstance(said, int) and not _was_ended(found):
        failed = ranks.first_failed([rank for rank in listed if not _serves(found, rank.number)])
        said = failed.number if failed else None
    return {rank.number: rank for rank in listed}, said


def _was_ended(found: Facts) -> bool:
    """Whether it is over without a failure of its own processes."""
    ended = (Status.COMPLETED, Status.CANCELED)
    return found.status in ended or found.state.reason is Reason.TIME_LIMIT


def _serves(found: Facts, number: int) -> bool:
    """Whether it is a parameter server, which is ended by us when the workers are done."""
    distribution = found.spec["distribution"]
    workers = distribution["process_count"] - (distribution.get("parameter_servers") or 0)
    return bool(number >= workers)


def _code(found: Facts, number: int, rank: Rank | None) -> int | None:
    """Its exit code, as it said itself, else as the runner saw it."""
    if rank is not None and rank.code is not None:
        return rank.code
    codes = found.state.detail.get("exit_codes") or []
    return codes[number] if number < len(codes) else None


def _text(found: Facts, number: int, rank: Rank | None) -> str:
    code = _code(found, number, rank)
    if rank is None:
        return "not started" if code is None else _ended(code)
    where = output.one_line(f"node {rank.node}, {rank.host}")
    if _serves(found, number):
        where = f"{where}, parameter server"
        if found.status is Status.COMPLETED and code != 0:
            return f"{where}, ended when the workers were done"
    if code is not None:
        return f"{where}, {_ended(code)}"
    return f"{where}, {'its exit code is not known' if found.status.ended else 'running'}"


def _ended(code: int) -> str:
    try:
        return f"exit code {code} ({signal.Signals(code - 128).name})"
    except ValueError:
        return f"exit code {code}"
