# A job step that can be told to end: sh step.sh TELLING SRUN [ARGUMENT]...
# An srun that gets a TERM kills what it has started, at once. So it is not known as a process of
# the run, which is what a TERM goes to, but this shell is: it has the processes on all nodes of the
# job told, once, by TELLING, text of a shell. '': it does not, since others hand the TERM on.
telling=$1
shift
told="$RUNYARD_RUN_DIRECTORY/launch/told-${SLURM_RESTART_COUNT:-0}"

tell() {
    heard=yes
    if [ -n "$telling" ] && mkdir "$told" 2>/dev/null; then
        trap '' TERM  # nor is that a process of the run, to be told itself
        unset SLURM_HOSTFILE
        RUNYARD_RUN_DIRECTORY=/
        eval "$telling"
    fi
}

trap tell TERM
exec 3<&0
RUNYARD_RUN_DIRECTORY=/ "$@" <&3 &
srun=$!
# A wait that a signal breaks off says nothing of srun; one too many says 127,
# and bash -1 where it has lost the code.
heard=yes code=
while [ -n "$heard" ]; do
    heard=
    wait "$srun" 2>/dev/null
    now=$?
    case $now in 127 | -1) : "${code:=$now}" ;; *) code=$now ;; esac
done
exit "$code"
