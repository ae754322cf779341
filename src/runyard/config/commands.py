"""``command``: what runs instead of a script (spec 4)."""

from __future__ import annotations

from runyard.config import arguments
from runyard.errors import UserErrorException

_SHELL_OPERATORS = frozenset(("&&", "||", "|", ";", ">", ">>", "<", "&"))


def resolved(command: object) -> tuple[str, ...] | str | None:
    """The command as a JobSpec holds it: text for a shell, a tuple as argv, None for none.

    Text is run by the shell. A list is an argv, except when one of its elements is a shell
    operator (``&& || | ; > >> < &``) or the first one holds white space: the original always
    joined lists by spaces, and lists written for that mean shell text. Raises
    UserErrorException for other types and for elements without a text form.
    """
    if command is None or isinstance(command, str):
        return _shell_text(command or "")
    if not isinstance(command, (list, tuple)):
        raise UserErrorException(
            f"command is {command!r} of type {type(command).__name__}; give text such as "
            "'python train.py --lr 0.1', or a list such as ['python', 'train.py', '--lr', 0.1]"
        )
    argv = arguments.as_text(command, "command")
    if argv and (_SHELL_OPERATORS.intersection(argv) or len(argv[0].split()) > 1):
        return _shell_text(" ".join(argv))
    return argv or None


def _shell_text(text: str) -> str | None:
    if "\0" in text:
        raise UserErrorException(f"command is {text!r}: a NUL character cannot be run; remove it")
    return text if text.strip() else None


def refuse_both(script: object, given_arguments: object, command: object) -> None:
    """Raise UserErrorException when a command is given together with a script or arguments."""
    if not command:
        return
    if script:
        raise UserErrorException(
            f"script={script!r} and command={command!r} are both given; a run has one of them. "
            "Leave out script, or write it into the command"
        )
    if given_arguments:
        raise UserErrorException(
            f"arguments={given_arguments!r} are given with command={command!r}; arguments belong "
            "to a script. Write them into the command"
        )
