"""``$NAME`` in arguments, replaced on the node that knows the variables, as the runner does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runyard import launchers
from runyard.runner import launch
from tests.launchers.shells import SHELLS, shell_of

EXPAND_SH = str(Path(launchers.__file__).with_name("expand.sh"))

VARIABLES = {
    "RANK": "3",
    "ODD": 'it\'s "q" $RANK `x` \\',
    "EMPTY": "",
    "LINES_": "a\nexport LATER='1'\n",
    "ÄÖ": "x",
}
ARGUMENTS = [
    *("$RANK", "a${RANK}b$RANKS", "$ODD", "$EMPTY.", "$", "$$RANK", "${RANK", "${}", "$RANK-$RANK"),
    *("x\n$RANK\n\n", "*", "", "'$RANK'", "\\$RANK", "$LINES_", "-n"),
    # What shells know of their own.
    *("$1", "$_left $_name", "$RANDOM", "$UID", "$PPID", "$IFS", "$PWD", "$@", "$*", "$?", "$0"),
]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_replaces_what_the_runner_replaces(shell: str) -> None:
    environment = {"PATH": os.environ["PATH"], **VARIABLES}
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    argv = [*shell_of(shell), EXPAND_SH, sys.executable, "-c", code, *ARGUMENTS]
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True)
    found, seen = json.loads(done.stdout)
    # A shell may export PWD and the like.
    assert found == launch.expand(tuple(ARGUMENTS), {**seen, **environment})
