"""tensorboardX; the reader is TensorBoard's own."""

import struct
from collections.abc import Sequence

from benchmarks.beside.drivers.points import NAME, main, timed


def write(count: int) -> None:
    """A background thread writes; closing waits for it."""
    from tensorboardX import SummaryWriter

    with SummaryWriter("events") as writer:
        timed(lambda step, value: writer.add_scalar(NAME, value, step), count)


def read() -> Sequence[float]:
    """All points, of which it would keep 10,000 by default."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator("events", size_guidance={"scalars": 0})
    events.Reload()
    return [_as_logged(event.value, event.step) for event in events.Scalars(NAME)]


def _as_logged(value: float, step: int) -> float:
    """It keeps numbers of single precision: that is what can be compared."""
    logged = 1.0 / (step + 1)
    assert value == struct.unpack("f", struct.pack("f", logged))[0], (value, step)
    return logged


if __name__ == "__main__":
    main(write, read)
