"""JSON before ``json`` is imported: that takes 8 ms, most of it ``re`` and ``enum``.

A runner has none to lose on its way to the script. What stands here gives the same text and values
as ``json``, by the part of it that is written in C; whatever is not plain goes to ``json`` itself,
and so does every error. Python 3.6 and later.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_INFINITY = float("inf")
_CONSTANTS = {"-Infinity": -_INFINITY, "Infinity": _INFINITY, "NaN": _INFINITY - _INFINITY}


class _Decoder:
    """What the scanner asks a ``json.JSONDecoder`` for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__
    memo: "Dict[str, str]" = {}


def loads(text: str) -> "Any":
    """As ``json.loads``. Raises ValueError."""
    if "json" not in sys.modules and text[:1] == "{":
        try:
            import _json

            decoder = _Decoder  # type: Any
            scanner = _json.make_scanner(decoder)
            value, end = scanner(text, 0)
            if not text[end:].strip(" \t\n\r"):
                return value
        except (ImportError, AttributeError, TypeError, ValueError, StopIteration, SystemError):
            pass  # SystemError: without json there is no exception to say that text is damaged
    import json

    return json.loads(text)


def dumps(value: "Any", indent: "Optional[int]" = None) -> str:
    """As ``json.dumps``, with ``default=str``, and compact where ``indent`` is None.

    With ``indent`` json is Python too, and takes three times as long: never asked for plain values.
    """
    if indent is not None or "json" not in sys.modules:
        try:
            return _compact(value) if indent is None else _indented(value, "\n", " " * indent)
        except (ImportError, AttributeError, TypeError, ValueError, KeyError, RecursionError):
            pass
    import json

    separators = (",", ":") if indent is None else None
    return json.dumps(value, indent=indent, separators=separators, default=str)


def _compact(value: "Any") -> str:
    import _json

    # markers, default, encoder, indent, separators, sort_keys, skipkeys, allow_nan
    own: "Any" = ({}, str, _json.encode_basestring_ascii, None, ":", ",", False, False, True)
    return "".join(_json.make_encoder(*own)(value, 0))


def _indented(value: "Any", line: str, step: str) -> str:
    """``line``: the end of a line, and how far the next is indented. TypeError: not plain."""
    from _json import encode_basestring_ascii as quoted

    def text(value: "Any", line: str) -> str:
        kind = type(value)
        if kind is str:
            return quoted(value)
        if kind is dict:
            inner = line + step
            parts = [quoted(key) + ": " + text(one, inner) for key, one in value.items()]
            return "{" + inner + ("," + inner).join(parts) + line + "}" if parts else "{}"
        if kind is list or kind is tuple:
            inner = line + step
            parts = [text(one, inner) for one in value]
            return "[" + inner + ("," + inner).join(parts) + line + "]" if parts else "[]"
        if kind is int or (kind is float and value - value == 0):
            return repr(value)
        return {None: "null", True: "true", False: "false"}[value]

    return text(value, line)
