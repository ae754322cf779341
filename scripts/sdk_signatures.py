"""The public interface of SDK v1 as a text file has it, and how the import tree differs from it."""

import dis
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from runyard import _stand_ins

_ENTRY = re.compile(
    r"^(?P<kind>static |class |property |nested |attribute )?(?P<name>[\w.]+)"
    r"(?:\((?P<parameters>.*)\))?(?P<settable> settable)?(?: = (?P<value>.*))?$"
)


@dataclass(frozen=True)
class Entry:
    """A class, or one of its members, as the SDK has it."""

    name: str
    kind: str
    parameters: tuple[str, ...] | None = None
    settable: bool = False
    value: str | None = None


@dataclass(frozen=True)
class Difference:
    """``key`` is what reasons are about: a class, a member, or a parameter of it."""

    key: str
    text: str


def read(text: str) -> dict[Entry, list[Entry]]:
    """The members of every class."""
    found: dict[Entry, list[Entry]] = {}
    for line in text.splitlines():
        entry = _entry(line.strip())
        if line.startswith(" "):
            found[list(found)[-1]].append(entry)
        else:
            found[entry] = []
    return found


def _entry(line: str) -> Entry:
    match = _ENTRY.match(line)
    assert match is not None, line
    parameters = match["parameters"]
    return Entry(
        match["name"],
        (match["kind"] or "").strip() or "method",
        None if parameters is None else tuple(_split(parameters)),
        bool(match["settable"]),
        match["value"],
    )


def _split(text: str) -> Iterator[str]:
    """Parameters at commas that stand in no bracket and in no text."""
    depth, quoted, part = 0, False, ""
    for letter in text:
        quoted ^= letter == "'"
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and not depth and not quoted:
            yield part.strip()
            part = ""
        else:
            part += letter
    if part.strip():
        yield part.strip()


# Comparing


def differences(signatures: dict[Entry, list[Entry]]) -> Iterator[Difference]:
    """Everything in which the import tree is not as the SDK."""
    for entry, members in signatures.items():
        found = load(entry.name)
        if found is None or is_stand_in(found):
            yield Difference(entry.name, "the class is not here")
            continue
        yield from _of_parameters(f"{entry.name}.__init__", entry.parameters or (), found)
        for member in members:
            yield from _of_member(entry.name, found, member)


def load(path: str) -> Any:
    """What can be imported under a dotted path; None for nothing."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None


def is_stand_in(found: Any) -> bool:
    """Whether it can be imported and not used."""
    return isinstance(found, _stand_ins._StandIn)


def _of_member(owner: str, cls: Any, member: Entry) -> Iterator[Difference]:
    key = f"{owner}.{member.name}"
    found = inspect.getattr_static(cls, member.name, None)
    if found is None and not _is_attribute(cls, member.name):
        yield Difference(key, "is not here")
    elif member.kind == "property":
        if isinstance(found, property) and found.fset is None and member.settable:
            yield Difference(key, "cannot be set")
        elif callable(found):
            yield Difference(key, "is a method")
    elif member.kind == "attribute":
        if member.value is not None and repr(getattr(cls, member.name)) != member.value:
            yield Difference(key, f"is {getattr(cls, member.name)!r}, not {member.value}")
    elif member.kind != "nested":
        yield from _of_method(key, cls, member, found)


def _of_method(key: str, cls: Any, member: Entry, found: Any) -> Iterator[Difference]:
    if isinstance(found, property):
        yield Difference(key, "is a property")
        return
    without_instance = isinstance(found, (staticmethod, classmethod))
    if member.kind in ("static", "class") and not without_instance:
        yield Difference(key, "needs an instance")
        return
    bound = getattr(cls, member.name) if without_instance else _without_self(found)
    yield from _of_parameters(key, member.parameters or (), bound)


def _without_self(function: Any) -> Any:
    return function.__get__(object()) if hasattr(function, "__get__") else function


def _is_attribute(cls: Any, name: str) -> bool:
    """Whether instances have it: annotated, or set by a method."""
    for base in cls.__mro__:
        if name in vars(base).get("__annotations__", ()):
            return True
        codes = [getattr(item, "__code__", None) for item in vars(base).values()]
        if any(name in _stored(code) for code in codes if code is not None):
            return True
    return False


def _stored(code: Any) -> set[Any]:
    """Names of attributes that a function sets."""
    return {item.argval for item in dis.get_instructions(code) if item.opname == "STORE_ATTR"}


def _of_parameters(key: str, wanted: Iterable[str], function: Any) -> Iterator[Difference]:
    have = inspect.signature(function).parameters
    positional = [name for name, item in have.items() if item.kind in _POSITIONAL]
    expected = list[str]()
    only_keywords = False
    for text in wanted:
        name, _, default = text.partition("=")
        if name.startswith("*"):
            only_keywords = only_keywords or not name.startswith("**")
            continue
        if name not in have:
            yield Difference(f"{key}({name})", "is not a parameter")
            continue
        if not only_keywords:
            expected.append(name)
        yield from _of_default(f"{key}({name})", default, have[name])
    named = {text.partition("=")[0] for text in wanted}
    if positional[: len(expected)] != expected:
        yield Difference(key, f"takes ({', '.join(positional)}) in this order")
    for name, item in have.items():
        variable = item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
        if name not in named and not variable and item.default is item.empty:
            yield Difference(f"{key}({name})", "is a parameter that the SDK has not")


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _of_default(key: str, default: str, item: inspect.Parameter) -> Iterator[Difference]:
    if not default and item.default is not item.empty:
        return  # optional here: every call of the SDK is one here
    shown = "" if item.default is item.empty else repr(item.default)
    if shown != default:
        yield Difference(key, f"has the default {shown or 'none'}, not {default or 'none'}")
