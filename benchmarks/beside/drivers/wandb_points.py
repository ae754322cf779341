"""wandb, offline: what it has written can only be read after it was synced to a server."""

from collections.abc import Sequence

import wandb

from benchmarks.beside.drivers.points import NAME, main, timed


def write(count: int) -> None:
    """As documented: a run, its logs, ``finish``."""
    with wandb.init(project="bench", mode="offline") as run:
        timed(lambda step, value: run.log({NAME: value}, step=step), count)


def read() -> Sequence[float]:
    """Nobody asks for it."""
    raise NotImplementedError


if __name__ == "__main__":
    main(write, read)
