#!/usr/bin/env python3
"""Run all tests again and again, each time in another order: ``scripts/repeat_tests.py 20``.

One line a run: its seed, what pytest says at its end, and the tests that did not pass. Words after
the number are handed to pytest. What a run says in full is in ``FOLDER/SEED.txt``, whose folder is
told at the start. Exits 1 where a run was not green.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
_PYTEST = [str(REPO / ".venv/bin/pytest"), "-n", os.environ.get("JOBS") or "auto"]


def main(words: list[str]) -> int:
    """Run them ``words[0]`` times; 1 if any run was not green, else 0."""
    times, chosen = int(words[0]), words[1:]
    folder = Path(tempfile.mkdtemp(prefix="runyard-tests-"))
    print(f"what they say: {folder}/SEED.txt", flush=True)
    green = sum(_is_green(random.randint(1, 1_000_000), chosen, folder) for _ in range(times))
    print(f"{green} of {times} runs were green")
    return 0 if green == times else 1


def _is_green(seed: int, chosen: list[str], folder: Path) -> bool:
    log = folder / f"{seed}.txt"
    argv = [*_PYTEST, "--dist", "loadgroup", f"--random-order-seed={seed}", *chosen]
    with log.open("w") as stream:
        code = subprocess.run(argv, cwd=REPO, check=False, stdout=stream, stderr=stream).returncode
    said = log.read_text(errors="replace")
    print(f"--random-order-seed={seed}: {said.rstrip().rpartition(chr(10))[2].strip('= ')}")
    for line in re.findall(r"^(?:FAILED|ERROR) .*", said, re.MULTILINE):
        print(f"    {line}")
    sys.stdout.flush()
    return code == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
