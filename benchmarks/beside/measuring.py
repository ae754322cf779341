"""Takes the samples of one scenario: contenders in turns, first those that run no servers."""

from __future__ import annotations

import math
import os
import tempfile
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.beside import peers
from benchmarks.beside.contender import Contender, Place, Sample
from benchmarks.beside.missing import NotMeasured
from benchmarks.beside.scenario import Scenario


@dataclass
class Taken:
    """What was measured of one contender; ``why_not`` is '' when it was measured."""

    contender: Contender
    version: str = ""
    why_not: str = ""
    samples: list[Sample] = field(default_factory=list)


def measure(scenario: Scenario, quick: bool, tell: Callable[[str], None]) -> list[Taken]:
    """The samples of all contenders. Raises NotMeasured for what RUNYARD_REQUIRE names."""
    taken = [Taken(contender) for contender in _asked(scenario, quick)]
    # What a contender has started may end a little later, and write there while it is removed.
    place = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
    with place as name, ExitStack() as shared:
        folder = Path(name)
        check_one_file_system(folder)
        try:
            shared.enter_context(scenario.around())
        except NotMeasured as error:
            _not_measured(taken, error)
            return taken
        together = [one for one in taken if not one.contender.apart]
        for group in (together, *([one] for one in taken if one.contender.apart)):
            with ExitStack() as stack:
                samplers = {
                    number: sampler
                    for number, one in enumerate(group)
                    if (sampler := _ready(one, folder, quick, stack)) is not None
                }
                _take_turns(scenario, group, samplers, quick, tell)
    return taken


def _asked(scenario: Scenario, quick: bool) -> Iterable[Contender]:
    return scenario.quick() if quick else scenario.contenders


def _ready(
    taken: Taken, folder: Path, quick: bool, stack: ExitStack
) -> Callable[[], Sample] | None:
    """Its sampler; None when it cannot be measured."""
    contender = taken.contender
    try:
        taken.version = contender.find_version()
        own = Path(tempfile.mkdtemp(dir=folder))
        return stack.enter_context(contender.ready(Place(own, contender.find_python(), quick)))
    except NotMeasured as error:
        _not_measured([taken], error)
        return None


def _not_measured(taken: Iterable[Taken], error: NotMeasured) -> None:
    if error.required:
        raise error
    for one in taken:
        one.why_not = error.why


def _take_turns(
    scenario: Scenario,
    group: list[Taken],
    samplers: dict[int, Callable[[], Sample]],
    quick: bool,
    tell: Callable[[str], None],
) -> None:
    """A peer that fails is told of, and does not take the others' numbers with it; with --quick,
    which is about whether everything measures, it does, and so does runyard itself always.
    """
    warm_up, rounds = (0, 1) if quick else (scenario.warm_up, scenario.rounds)
    for turn in range(warm_up + rounds):
        for number, sampler in list(samplers.items()):
            one = group[number]
            if len(one.samples) >= (one.contender.rounds or rounds):
                continue
            try:
                sample = _checked(scenario, one.contender, sampler())
            except Exception as error:
                if quick or one.contender is scenario.contenders[0]:
                    raise
                traceback.print_exc()
                one.why_not = f"it failed in round {turn + 1} ({type(error).__name__})"
                del samplers[number]
                continue
            numbers = ", ".join(f"{key} {value:.4g}" for key, value in sample.items())
            tell(f"{scenario.name}: {one.contender.name}: {numbers}")
            if turn >= warm_up:
                one.samples.append(sample)


def _checked(scenario: Scenario, contender: Contender, sample: Sample) -> Sample:
    """Raises ValueError for numbers that cannot be."""
    where = f"{scenario.name}: {contender.name}"
    zero = {quantity.key: quantity.zero for quantity in scenario.quantities}
    if not sample or not sample.keys() <= zero.keys():
        raise ValueError(f"{where}: measured {sorted(sample)}; quantities are {sorted(zero)}")
    for key, value in sample.items():
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero[key]):
            raise ValueError(f"{where}: {key} cannot be {value}")
    return sample


def check_one_file_system(folder: Path) -> None:
    """Raises ValueError when temporary files and peers lie on different ones."""
    peers.folder().mkdir(parents=True, exist_ok=True)
    if os.stat(folder).st_dev != os.stat(peers.folder()).st_dev:
        raise ValueError(
            "temporary files and peers are on two file systems; set TMPDIR, or "
            "RUNYARD_BENCH_PEERS, so that both are on one"
        )
