# One process of MPI: sh mpi_rank.sh PROGRAM [ARGUMENT]...
# Starters of MPI end processes by KILL, the moment one has failed or they are told to end. A rank
# could then neither save a checkpoint nor record how it ended. So each runs in a session of its own,
# where they do not see it: they end this shell, and the runner ends the rank, TERM first.
rank=${0%/*}/rank.sh
if command -v setsid >/dev/null; then
    setsid sh "$rank" "$@" &
    wait $!
    exit $?
fi
exec sh "$rank" "$@"
