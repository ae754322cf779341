# A job step that can be told to end: sh step.sh SCANCEL SRUN [ARGUMENT]...
# An srun that gets a TERM kills what it has started, at once. So it is not known as a process of
# the run, which is what a TERM goes to, but this shell is: it has Slurm send the TERM to the
# processes of all steps of the job, once. SCANCEL '': it does not, since others hand the TERM on.
scancel=$1
shift
told="$RUNYARD_RUN_DIRECTORY/launch/told-${SLURM_RESTART_COUNT:-0}"

tell() {
    if [ -n "$scancel" ] && mkdir "$told" 2>/dev/null; then
        "$scancel" --quiet --signal=TERM "$SLURM_JOB_ID"
    fi
}

trap tell TERM
exec 3<&0
RUNYARD_RUN_DIRECTORY=/ "$@" <&3 &
srun=$!
while :; do
    wait "$srun"
    code=$?
    kill -0 "$srun" 2>/dev/null || break  # else the wait has ended for a TERM
done
exit "$code"
