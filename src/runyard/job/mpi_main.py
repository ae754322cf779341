"""``python mpi_main.py SCRIPT [ARGUMENT]...`` or ``... -m MODULE [ARGUMENT]...``: see mpi_rank.

All is done elsewhere: this namespace becomes the script's.
"""

from runyard.job import mpi_rank

if __name__ == "__main__":
    mpi_rank.main()
