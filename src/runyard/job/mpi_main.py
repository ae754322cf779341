"""``python mpi_main.py SCRIPT [ARGUMENT]...`` or ``... -m MODULE [ARGUMENT]...``: see mpi_rank.

All is done elsewhere: this namespace becomes the script's.
"""

import sys

if sys.path and sys.path[0] == __file__.rpartition("/")[0]:
    # The file beside this one: the packages around it would cost each rank a millisecond.
    import mpi_rank  # type: ignore[import-not-found]

    del sys.modules["mpi_rank"]  # a script may have one of that name
else:  # a Python that was told not to look there (-P)
    from runyard.job import mpi_rank

if __name__ == "__main__":
    mpi_rank.main()
