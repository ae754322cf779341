# One process of a distributed run: sh rank.sh PROGRAM [ARGUMENT]...
# Finds out which of the run's processes it is, gives it a log and a record of its own
# (record/ranks.py says what is in it), and ends with its exit code. 125: it was not started.
#
# The program runs in the foreground: in the background of a shell it would never hear SIGINT. So
# whoever ends it signals all of it, by group or one by one, as everybody does who starts ranks;
# a TERM that were handed on as well would come twice, in the middle of writing a checkpoint.
told=
trap 'told=yes' TERM

# Seconds since 1970: exactly, since who failed first counts. Where date has no fractions (busybox):
# of the kernel, to 10 ms.
now() {
    t=$(trap '' TERM; exec date +%s.%N)
    case $t in
        *[!0-9.]* | '' | *.)
            while read -r name value; do
                [ "$name" = btime ] && break
            done </proc/stat
            read -r up _ </proc/uptime
            t=$((value + ${up%.*})).${up#*.} ;;
    esac
}

# The same to 10 ms, of what nobody compares, without starting a program (2 ms): by when this machine
# was started, as the runner there says it.
booted=
read -r boot </proc/sys/kernel/random/boot_id || boot=?
case ${RUNYARD_BOOTED:-} in "$boot "*) booted=${RUNYARD_BOOTED#* } ;; esac
unset RUNYARD_BOOTED
about_now() {
    if [ -n "$booted" ] && read -r up _ </proc/uptime; then
        t=$((booted + ${up%.*}${up#*.}))
        t=${t%??}.${t#"${t%??}"}
    else
        now
    fi
}

record() {
    echo "$1" >>"$run/ranks/$rank.jsonl"
}

# Said before it is recorded: a shell that cannot write ends here.
run=${RUNYARD_RUN_DIRECTORY:?is not set}
rank=${RUNYARD_RANK:-${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-${SLURM_PROCID:-}}}}}
size=${RUNYARD_WORLD_SIZE:-${OMPI_COMM_WORLD_SIZE:-${PMI_SIZE:-${SLURM_NTASKS:-}}}}
local=${RUNYARD_LOCAL_RANK:-${OMPI_COMM_WORLD_LOCAL_RANK:-${MPI_LOCALRANKID:-}}}
local_size=${RUNYARD_LOCAL_SIZE:-${OMPI_COMM_WORLD_LOCAL_SIZE:-${MPI_LOCALNRANKS:-}}}
node=${RUNYARD_NODE_INDEX:-}
if [ -z "$rank" ]; then
    echo "rank.sh: no variable says which rank this is: $*" >&2
    exit 125
fi

# Ranks of a node are next to each other, where nobody says otherwise.
each=${RUNYARD_PROCESSES_PER_NODE:-${size:-1}}
: "${local:=$((rank % each))}" "${local_size:=$each}" "${node:=$((rank / each))}"
if [ -z "${RUNYARD_RANK:-}" ]; then  # MPI: the names that scripts know (spec 7), for all runtimes
    export OMPI_COMM_WORLD_RANK="$rank" OMPI_COMM_WORLD_SIZE="$size"
    export OMPI_COMM_WORLD_LOCAL_RANK="$local" OMPI_COMM_WORLD_LOCAL_SIZE="$local_size"
    # Starters of MPI hand the variables of the first node's batch step to every rank, so frameworks
    # that know Slurm would take each of them for rank 0 on that node.
    if [ -n "${SLURM_JOB_ID:-}" ]; then
        export SLURM_PROCID="$rank" SLURM_LOCALID="$local" SLURM_NODEID="$node"
        read -r host </proc/sys/kernel/hostname || host=$(uname -n)
        [ "$node" = 0 ] || export SLURMD_NODENAME="${host%%.*}"
    fi
fi
export RUNYARD_RANK="$rank" RUNYARD_WORLD_SIZE="$size" RUNYARD_NODE_INDEX="$node"
export RUNYARD_LOCAL_RANK="$local" RUNYARD_LOCAL_SIZE="$local_size"
[ -z "${RUNYARD_SCRATCH:-}" ] || export TMPDIR="$RUNYARD_SCRATCH/node-$node"
retries=${RUNYARD_RETRIES:-0} final=" ${RUNYARD_TERMINAL_EXIT_CODES:-} "
unset RUNYARD_RETRIES RUNYARD_TERMINAL_EXIT_CODES RUNYARD_PROCESSES_PER_NODE

read -r host </proc/sys/kernel/hostname || host=$(uname -n)
log=$run/user_logs/std_log_process_$rank.txt
# true, since a shell would end where : cannot write.
{ true >>"$log" && true >>"$run/ranks/$rank.jsonl"; } || exit 125
# What the shell says of how its child ended stands in the record, and not in the log.
exec </dev/null >>"$log" 2>/dev/null

line="rank $rank of ${size:-?} on $host, node $node, local rank $local"
separator=:
for name in MASTER_ADDR MASTER_PORT RANK WORLD_SIZE TF_CONFIG AZ_BATCH_MASTER_NODE; do
    eval "value=\${$name:-}"
    if [ -n "$value" ]; then
        line="$line$separator $name=$value" separator=
    fi
done
printf '%s\n' "$line"

attempt=0
while :; do
    about_now
    record "{\"t\": $t, \"host\": \"$host\", \"node\": $node, \"pid\": $$}"
    [ -n "$told" ] && code=143 || {
        (exec "$@" 2>&1)
        code=$?
    }
    if [ "$code" -eq 0 ]; then about_now; else now; fi
    attempt=$((attempt + 1))
    case $final in
        *" $code "*) retries=0 ;;
    esac
    [ "$code" -eq 0 ] || [ -n "$told" ] || [ "$attempt" -gt "$retries" ] && break
    record "{\"t\": $t, \"code\": $code}"
    printf '%s\n' "rank $rank ended with exit code $code: started again ($attempt of $retries)"
done
record "{\"t\": $t, \"code\": $code}"
[ "$code" -eq 0 ] || true >"$run/ranks/failed/$rank"
exit "$code"
