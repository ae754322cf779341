# One process of MPI: sh mpi_rank.sh PROGRAM [ARGUMENT]...
# Starters of MPI end processes by KILL, the moment one has failed or they are told to end. A rank
# could then neither save a checkpoint nor record how it ended. So each runs in a session of its own,
# where they do not see it: they end this shell, and the runner ends the rank, TERM first.
rank=${0%/*}/rank.sh
# What the runtime need not look for where there is none, unless somebody has said something else.
if [ ! -e /sys/class/infiniband ]; then
    for given in ${RUNYARD_MPI_NO_RDMA-}; do
        eval "[ -n \"\${${given%%=*}+set}\" ]" || export "$given"
    done
fi
unset RUNYARD_MPI_NO_RDMA
command -v setsid >/dev/null || exec sh "$rank" "$@"
if [ -n "${RUNYARD_MPI_BELOW-}" ]; then  # below the runner, which sees for itself what has ended
    unset RUNYARD_MPI_BELOW
    setsid sh "$rank" "$@" &
    wait "$!"
    exit
fi

# Where the starter itself is killed, this shell ends with it. (A link is busybox, which cannot.)
program=$(command -v setpriv)
if [ -z "${RUNYARD_MPI_RANK-}" ] && [ -n "$program" ] && [ ! -L "$program" ]; then
    RUNYARD_MPI_RANK=1 exec "$program" --pdeathsig KILL sh "$0" "$@"
fi
unset RUNYARD_MPI_RANK
setsid sh "$rank" "$@" &
child=$!

# They wait then for what they believe to have killed. A pipe ends with this shell; whoever reads it
# tells the runner, if the rank still runs.
folder=$RUNYARD_RUN_DIRECTORY/ranks
pipe=$folder/${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-$$}}.pipe
if mkfifo "$pipe" 2>/dev/null; then
    setsid sh -c 'rm -f "$3"; read -r _; kill -0 "$1" 2>/dev/null && : >"$2/failed/starter"' \
        sh "$child" "$folder" "$pipe" <"$pipe" >/dev/null 2>&1 &
    exec 9>"$pipe"
fi
wait "$child"
