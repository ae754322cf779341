# The first process of a run's container: sh container.sh LOG FOLDER PROGRAM [ARGUMENT]...
# Reads variables as shell text from its standard input, where no secret of them can be seen from
# outside or is written down by the engine, and writes the run's log itself: the order of stdout and
# stderr is kept, and the log goes on when the engine's client is gone. 125: it was not started.
log=$1 folder=$2
shift 2
trap 'exit 143' TERM  # until there is a script to hand it to
eval "$(cat)" || exit 125
(: >>"$log") || exit 125
# Said to the engine's client, from which the runner has it: nothing was started.
case $1 in
    */*) ;;
    *) command -v "$1" >/dev/null || { echo "the image has no program $1" >&2; exit 127; } ;;
esac
exec </dev/null >>"$log" 2>&1
cd "$folder" || exit 125

# An image knows no home for a user it has never heard of; podman then names the working directory.
case ${HOME:-/} in
    / | "$folder") HOME=/tmp/home ;;
    *) [ -d "$HOME" ] && [ -w "$HOME" ] || HOME=/tmp/home ;;
esac
export HOME
mkdir -p "$HOME"

exec 2>/dev/null  # what ended the script stands in the run's events, and not in its log
"$@" 2>&1 &
script=$!

# Whoever is process 1 hears no signal that it does not ask for. All of the container is told, as all
# processes of a run are anywhere; with the engine's --pid=host that would be the whole machine.
stop() {
    if [ $$ -eq 1 ]; then
        kill -s TERM -- -1
    else
        kill -s TERM "$script"
    fi
}
trap stop TERM

# A wait that a signal interrupts has not waited.
wait "$script"
code=$?
while kill -s 0 "$script"; do
    wait "$script"
    code=$?
done
exit "$code"
