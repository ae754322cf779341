# Sourced by the shell that starts the processes of one node, in a container:
# start PROGRAM [ARGUMENT]... for each of them, then wait_for_all, which ends with the code of one
# that has failed.
pids=
trap 'heard=yes' TERM  # told to all: this shell ends when they have ended

start() {
    "$@" &
    pids="$pids $!"
}

wait_for_all() {
    failed=0
    for pid in $pids; do
        # A wait that a signal breaks off says nothing of the process; one too many says 127,
        # and bash -1 where it has lost the code.
        heard=yes code=
        while [ -n "$heard" ]; do
            heard=
            wait "$pid" 2>/dev/null
            now=$?
            case $now in 127 | -1) : "${code:=$now}" ;; *) code=$now ;; esac
        done
        [ "$code" -eq 0 ] || failed=$code
    done
    exit "$failed"
}
