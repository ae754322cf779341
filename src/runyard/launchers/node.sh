# Sourced by the shell that starts the processes of one node, in a container:
# start PROGRAM [ARGUMENT]... for each of them, then wait_for_all, which ends with the code of one
# that has failed.
pids=
trap : TERM  # told to all: this shell ends when they have ended

start() {
    "$@" &
    pids="$pids $!"
}

wait_for_all() {
    failed=0
    for pid in $pids; do
        # A wait that a signal interrupts has not waited.
        while :; do
            wait "$pid"
            code=$?
            kill -s 0 "$pid" 2>/dev/null || break
        done
        [ "$code" -eq 0 ] || failed=$code
    done
    exit "$failed"
}
