"""The arguments of a run as the parameters of a notebook (spec 2.6)."""

import keyword
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Sequence

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d*)\Z")
_FLOAT = re.compile(r"[+-]?(?:(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|inf)\Z|nan\Z")
_WORDS: "Dict[str, Any]" = {"True": True, "False": False, "None": None}


def parsed(arguments: "Sequence[str]") -> "Dict[str, Any]":
    """The parameters by name, in order.

    ``--learning-rate 0.1`` and ``--learning-rate=0.1`` are ``learning_rate=0.1``, ``--verbose``
    alone is True, ``--layers 64 32`` the list ``[64, 32]``. Text that is an integer, a float,
    True, False or None becomes that, all else stays text. Raises ValueError for a value without a
    name, a name that no variable can have, and one that is given twice.
    """
    name = ""
    values: "Dict[str, List[Any]]" = {}
    for text in arguments:
        if _is_name(text):
            option, equals, value = text.partition("=")
            name = _variable(option)
            if name in values:
                raise ValueError("{} is given twice".format(option))
            values[name] = [typed(value)] if equals else []
        elif not name:
            raise ValueError(
                "{!r} stands behind no name; a notebook has named parameters only: "
                "--name {}".format(text, text)
            )
        else:
            values[name].append(typed(text))
    return {
        name: given if len(given) > 1 else (given or [True])[0] for name, given in values.items()
    }


def typed(text: str) -> "Any":
    """Text as the value it looks like."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _is_name(text: str) -> bool:
    """Whether it is an option; ``-0.5`` is a value."""
    return text.startswith("-") and bool(text.strip("-")) and isinstance(typed(text), str)


def _variable(option: str) -> str:
    name = option.lstrip("-").replace("-", "_")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(
            "{} cannot be the name of a parameter: {!r} is no name of a variable in Python".format(
                option, name
            )
        )
    return name
