"""The script of an MPI job: ``ranks.py LOOPS``; the first rank says how long an allreduce takes."""

import sys
from array import array

from mpi4py import MPI

_NUMBERS = 1024
"""8 kB from each rank."""


def main() -> None:
    """One barrier, and so many times the sum of what all ranks have."""
    loops, world = int(sys.argv[1]), MPI.COMM_WORLD
    mine, total = array("d", [world.rank] * _NUMBERS), array("d", [0.0] * _NUMBERS)
    world.Barrier()
    begun = MPI.Wtime()
    for _ in range(loops):
        world.Allreduce(mine, total)
    seconds = MPI.Wtime() - begun
    if loops:
        assert total[0] == sum(range(world.size)), total
    if world.rank == 0:
        print("ranks", world.size, "us", seconds / max(loops, 1) * 1e6, flush=True)


if __name__ == "__main__":
    main()
