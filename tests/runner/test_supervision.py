"""What a supervisor does beside waiting."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from runyard.runner.supervision import Supervisor

class Requests:
    def poll(self): return None
    def follow(self): pass

class Process:
    def __init__(self, looks): self.looks = looks
    def wait(self, patience_ms):
        said.append("wait")
        self.looks -= 1
        return self.looks < 0
    def look(self): pass
    def end(self, grace_s): return 0
    def judge(self, outcome): pass

said = []
process = Process(int(sys.argv[1]))
Supervisor(Requests(), 1.0).watch(process, meanwhile=lambda: said.append("meanwhile"))
print(*said)
"""


@pytest.mark.parametrize(
    ("looks", "said"),
    [(0, "wait"), (1, "wait meanwhile wait"), (3, "wait meanwhile wait wait wait")],
)
def test_what_is_done_meanwhile_puts_no_end_off(looks: int, said: str) -> None:
    """In a process of its own, whose signals a supervisor takes."""
    argv = [sys.executable, "-c", CODE, str(looks)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
