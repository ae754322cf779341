"""Command-line arguments: of ``script_params``, and as the text a process is given (spec 2.3)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runyard.errors import UserErrorException


def from_script_params(params: Mapping[Any, Any] | None) -> list[Any]:
    """Flatten a dict into key, value, key, value … in its order.

    A value that can be iterated over and is not text is expanded in place. ``''`` and None are
    dropped, which makes ``{'--flag': ''}`` a bare flag; 0 and False stay. Numbers stay numbers.
    Raises UserErrorException for anything but a dict, and for a dict as a value.
    """
    if params is None:
        return []
    return [item for item in _flattened(checked_params(params)) if not _is_nothing(item)]


def checked_params(params: object) -> Mapping[Any, Any]:
    """Return ``params``, or raise UserErrorException when it is not a dict."""
    if isinstance(params, Mapping):
        return params
    raise UserErrorException(
        f"script_params is {params!r} of type {type(params).__name__}; give a dict such as "
        "{'--learning-rate': 0.1, '--verbose': ''}"
    )


def _flattened(params: Mapping[Any, Any]) -> Iterator[Any]:
    for key, value in params.items():
        if isinstance(value, Mapping):
            raise UserErrorException(
                f"script_params[{key!r}] is {value!r} of type {type(value).__name__}, which has "
                "no form as an argument; give each of its values a parameter of its own, or "
                "json.dumps(…) of it"
            )
        yield key
        yield from _expanded(value)


def _expanded(value: Any) -> Iterable[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return (value,)
    try:
        return list(value)
    except TypeError:  # numpy arrays without dimensions say that they can be iterated over
        return (value,)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value)


def as_text(arguments: object, parameter: str = "arguments") -> tuple[str, ...]:
    """The arguments as the script's process gets them; numbers become ``str(number)``.

    Raises UserErrorException when ``arguments`` is not a list, or naming the element that has
    no text (None, an object without one, a NUL character in it).
    """
    if arguments is None:
        return ()
    if not isinstance(arguments, (list, tuple)):
        raise UserErrorException(
            f"{parameter} is {arguments!r} of type {type(arguments).__name__}; give a list such "
            "as ['--learning-rate', 0.1]"
        )
    return tuple(_text(f"{parameter}[{i}]", item) for i, item in enumerate(arguments))


def _text(place: str, value: object) -> str:
    if value is None:
        raise UserErrorException(f"{place} is None; leave it out, or give '' for an empty argument")
    if _has_no_text(value):
        raise UserErrorException(
            f"{place} is {value!r} of type {type(value).__name__}, which has no text form; give "
            "text, a number or a path"
        )
    text = os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)
    if "\0" in text:
        raise UserErrorException(
            f"{place} is {text!r}: a NUL character cannot be passed to a process; remove it"
        )
    return text


def _has_no_text(value: object) -> bool:
    """Whether ``str(value)`` would be ``<Foo object at 0x…>``."""
    kind = type(value)
    if isinstance(value, os.PathLike):
        return False
    return kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
