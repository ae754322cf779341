"""runyard: ``run.log`` in a script, ``run.get_metrics`` in a client."""

from collections.abc import Sequence

from benchmarks.beside.drivers.points import NAME, main, timed
from runyard.job.run import Run


def write(count: int) -> None:
    """In the run whose variables are set; there is nothing to end."""
    run = Run.get_context(allow_offline=False)
    timed(lambda step, value: run.log(NAME, value, step=step), count)


def read() -> Sequence[float]:
    """As a list, in the order of logging."""
    found: Sequence[float] = Run.get_context(allow_offline=False).get_metrics(NAME)[NAME]
    return found


if __name__ == "__main__":
    main(write, read)
