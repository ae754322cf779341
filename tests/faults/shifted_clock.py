"""The time of day as a file says: ``SHIFT_FILE`` holds by how many seconds it is wrong now.

Time namespaces shift only the clocks that count from boot, and libfaketime breaks ``time.sleep``
of Python 3.11 (EINVAL): so ``time.time`` itself is another one, in all processes of a run. As
a program it is a runner, started in the place of ``runner/__main__.py``.
"""

import os
import sys
import time
import time as _true

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARIABLE = "SHIFT_FILE"

_time, _time_ns = _true.time, _true.time_ns


def shift() -> float:
    """By how many seconds the clock is wrong."""
    with open(os.environ[VARIABLE]) as stream:
        return float(stream.read() or 0)


def install() -> None:
    """From now on the clock of this process is wrong."""
    time.time = lambda: _time() + shift()
    time.time_ns = lambda: _time_ns() + int(shift() * 1e9)


def main() -> int:
    """Run the run of the command line."""
    sys.path.insert(0, os.path.join(ROOT, "src"))
    install()
    from runyard.runner.main import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
