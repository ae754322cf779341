"""The generator of kills: some hundred trials here, thousands by hand.

``RUNYARD_KILLS=5000 pytest tests/faults/test_random_kills.py`` for more, each time with another
seed; ``python -m tests.faults.random_kills`` for one kind of victim, or a given seed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import daemons
from tests.faults import sweeps

ROOT = Path(__file__).parents[2]


def storm(*options: object) -> dict[str, Any]:
    """What the program says of its trials; its breaches are in the output of the test."""
    argv = [sys.executable, "-m", "tests.faults.random_kills", *map(str, options)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_laws_hold_whoever_is_killed_when() -> None:
    if sweeps.KILLS:
        sweeps.without_limit()
    seed = random.SystemRandom().randrange(1 << 32) if sweeps.KILLS else 7
    count = sweeps.KILLS or 80
    # On a machine that is busy they are fewer: a test may not take five minutes.
    longest = () if sweeps.KILLS else ("--seconds", 120)
    answer = storm("--count", count, "--seed", seed, *longest)
    assert (answer["seed"], answer["breaches"]) == (seed, 0)
    assert count / 8 <= answer["count"] <= count
    # It did kill: most of those it meant to.
    assert sum(answer["killed"].values()) > answer["count"] / 2, answer


def test_submit_killed_before_each_of_its_calls() -> None:
    """SIGKILL at each step of submit: not a drawn one, but all of them."""
    answer = storm("--each", "submit")
    # The calls are counted once, and not every submit makes as many.
    assert answer["killed"]["submit"] > answer["count"] * 0.75 > 40, answer
    said = "submit had not returned: "
    ended = {end.removeprefix(said) for end in answer["ends"]}
    # Whether one is lost is chance: a runner waits, and mostly goes on without the submitter.
    assert "no run" in ended, answer
    assert ended & {"completed", "script_exit_code"}, answer


@pytest.mark.integration
@pytest.mark.xdist_group("slurm")
def test_the_laws_hold_on_a_cluster_whoever_is_killed_when() -> None:
    """RUNYARD_KILLS: a tenth of them, since each takes more than a second."""
    for program in ("slurmctld", "munged"):
        daemons.program_of(program, "slurm")
    daemons.needs_root("slurm")
    if sweeps.KILLS:
        sweeps.without_limit()
    seed = random.SystemRandom().randrange(1 << 32) if sweeps.KILLS else 1
    count = max(7, sweeps.KILLS // 10)
    answer = storm("--kind", "slurm", "--count", count, "--seed", seed)
    assert (answer["count"], answer["seed"], answer["breaches"]) == (count, seed, 0)
    assert sum(answer["killed"].values()) > count / 4, answer


LIAR = """
import os, sys
from tests.faults import acting, random_kills
acting.Acting._submit = lambda acting, *_: os.write(acting._said, b"exp_lie")
random_kills.Storm._count_calls = lambda storm, kind: storm._calls.update({kind: 50})
sys.exit(random_kills.main())
"""


def test_a_breach_is_found_and_said_with_what_it_takes_to_see_it_again() -> None:
    """Of a submit that returns a run which is not there."""
    argv = [sys.executable, "-c", LIAR, "--count", "1", "--seed", "3", "--kind", "submit"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "count 1, seed 3"
    assert lines[1].startswith("trial 1: submit at call ")
    assert lines[2] == "written before said: submit returned exp_lie, and there is no such run"
    assert json.loads(lines[-1])["breaches"] == 1
