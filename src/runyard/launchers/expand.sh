# sh expand.sh PROGRAM [ARGUMENT]...: starts a program with $NAME and ${NAME} in its arguments
# replaced by variables; unknown ones stay as text. For processes whose variables only their own
# node knows: elsewhere the runner does it.
expanded() {
    printf '%s\n' "$1" | awk '{
        line = ""
        while (match($0, /\$([A-Za-z0-9_]+|[{][A-Za-z0-9_]+[}])/)) {
            found = substr($0, RSTART, RLENGTH)
            name = substr(found, 2)
            gsub(/[{}]/, "", name)
            line = line substr($0, 1, RSTART - 1) (name in ENVIRON ? ENVIRON[name] : found)
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }'
    echo .
}

left=$#
while [ "$left" -gt 0 ]; do
    part=$1
    shift
    case $part in
        *'$'*)
            part=$(expanded "$part")
            part=${part%??} ;;
    esac
    set -- "$@" "$part"
    left=$((left - 1))
done
exec "$@"
