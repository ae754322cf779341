# The first process of a run's container: sh container.sh LOG FOLDER PROGRAM [ARGUMENT]...
# Reads variables as shell text from its standard input, where no secret of them can be seen from
# outside or is written down by the engine, and writes the run's log itself: the order of stdout and
# stderr is kept, and the log goes on when the engine's client is gone. 125: it was not started.
log=$1 folder=$2
shift 2
trap 'exit 143' TERM  # until there is a script to hand it to
unset runyard_begun
unset runyard_oom
unset runyard_all
eval "$(cat)" || exit 125
[ -n "${runyard_all:-}" ] || exit 125  # whose client was killed before it had handed all over
unset runyard_all
(: >>"$log") || exit 125
# The node of a cluster has entered the container: all but files of its image are of that node, so
# that neither home nor process 1 are the container's own.
if [ -n "${runyard_begun:-}" ]; then
    HOME=$(mktemp -d "${TMPDIR:-/tmp}/runyard-home-XXXXXX") || exit 125
    trap 'rm -rf "$HOME"' EXIT
    # Nobody has looked which one the image has.
    if ! command -v python >/dev/null && command -v python3 >/dev/null; then
        mkdir "$HOME/bin"
        printf '#!/bin/sh\nexec python3 "$@"\n' >"$HOME/bin/python"
        chmod 755 "$HOME/bin/python"
        PATH=$PATH:$HOME/bin
    fi
fi
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
if [ -n "${runyard_begun:-}" ]; then
    : >"$runyard_begun" || exit 125
    trap : TERM  # which all processes get by themselves
    case $(command -v "$1") in
        */*) (exec "$@" 2>&1) ;;
        *) "$@" 2>&1 ;;  # a function
    esac
    exit
fi
told=
trap 'told=yes' TERM  # the script may be running before its pid is known here
"$@" 2>&1 &
script=$!

# Whoever is process 1 hears no signal that it does not ask for. All of the container is told, as all
# processes of a run are anywhere; with the engine's --pid=host that would be the whole machine.
stop() {
    heard=yes
    if [ $$ -eq 1 ]; then
        kill -s TERM -- -1
    else
        kill -s TERM "$script"
    fi
}
trap stop TERM
[ -z "$told" ] || stop

# A wait that a signal breaks off says nothing of the script; one too many says 127,
# and bash -1 where it has lost the code.
heard=yes code=
while [ -n "$heard" ]; do
    heard=
    wait "$script"
    now=$?
    case $now in 127 | -1) : "${code:=$now}" ;; *) code=$now ;; esac
done
# Where a kill for want of memory ends the container too, the engine may miss it for ever.
for counts in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$counts" ] || continue
    while read -r what count; do
        [ "$what" != oom_kill ] || [ "$count" -eq 0 ] || : >"$runyard_oom"
    done <"$counts"
done
exit "$code"
