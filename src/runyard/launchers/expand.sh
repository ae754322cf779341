# sh expand.sh PROGRAM [ARGUMENT]...: starts a program with $NAME and ${NAME} in its arguments
# replaced by variables; unknown ones stay as text. For processes whose variables only their own
# node knows: elsewhere the runner does it. The shell does it all, for an image may have no awk.

# What the shell itself knows (RANDOM, UID, the names below) is none of the environment.
_exported="
$(export -p)"

# Sets _done to the text with its variables replaced.
_expand() {
    _left=$1 _done=
    while :; do
        case $_left in
            *'$'*) ;;
            *) break ;;
        esac
        _done=$_done${_left%%\$*}
        _left=${_left#*\$}
        case $_left in
            '{'*'}'*)
                _name=${_left#?}
                _name=${_name%%\}*}
                _rest=${_left#*\}} ;;
            *)
                _name=${_left%%[!A-Za-z0-9_]*}
                _rest=${_left#"$_name"} ;;
        esac
        case $_name in
            '' | [0-9]* | *[!A-Za-z0-9_]*) _name= ;;
        esac
        case $_exported in
            *"
export ${_name:-=}="*)
                eval "_done=\$_done\$$_name"
                _left=$_rest ;;
            *) _done=$_done'$' ;;
        esac
    done
    _done=$_done$_left
}

_count=$#
while [ "$_count" -gt 0 ]; do
    _part=$1
    shift
    case $_part in
        *'$'*)
            _expand "$_part"
            _part=$_done ;;
    esac
    set -- "$@" "$_part"
    _count=$((_count - 1))
done
exec "$@"
