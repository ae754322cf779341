"""The run directory: what is in it, who writes it, how it is read.

The lowest layer. The runner, the script's own ``Run`` and the client all stand on it, so it is
standard library only, runs under Python 3.6 and later, and imports little (the runner's start is
on the way to the first line of the user's script).
"""
