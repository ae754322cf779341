"""The script of runs that go on until they are told to end."""

import os
import time


def main() -> None:
    """Say that it runs, and wait for the file ``stop``, or the end of the folder."""
    place = os.environ["BENCH_PLACE"]
    with open(os.path.join(place, f"running-{os.getpid()}"), "w"):
        pass
    end = time.monotonic() + 300
    while time.monotonic() < end and os.path.isdir(place):
        if os.path.exists(os.path.join(place, "stop")):
            break
        time.sleep(0.1)


if __name__ == "__main__":
    main()
