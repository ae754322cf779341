# sh rehearsed_node.sh NAME FOLDER PROGRAM [ARGUMENT]...: starts a program as on a node of that name,
# with FOLDER for its temporary files. Where the system allows it hostname says NAME: root has a
# namespace of its own, others one in which they may give it a name and do nothing else.
# RUNYARD_REHEARSAL: root, user or none, as `sh rehearsed_node.sh` alone finds out.
give_name() {
    hostname "$1" 2>/dev/null || echo "$1" >/proc/sys/kernel/hostname
}

case ${1-} in
    '')
        if unshare --uts true 2>/dev/null; then
            echo root
        elif unshare --user --map-current-user --keep-caps --uts sh "$0" --name n true 2>/dev/null; then
            echo user
        else
            echo none
        fi
        exit ;;
    --name)
        give_name "$2" || exit 125
        shift 2
        command -v setpriv >/dev/null && exec setpriv --inh-caps=-all --ambient-caps=-all -- "$@"
        exec "$@" ;;
    --root-name)
        give_name "$2"
        shift 2
        exec "$@" ;;
esac
name=$1 TMPDIR=$2
shift 2
export TMPDIR
case ${RUNYARD_REHEARSAL-} in
    root) exec unshare --uts sh "$0" --root-name "$name" "$@" ;;
    user) exec unshare --user --map-current-user --keep-caps --uts sh "$0" --name "$name" "$@" ;;
    *) exec "$@" ;;
esac
