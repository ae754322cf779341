#!/usr/bin/env python3
"""What of SDK v1 is here: compares the import tree with its public signatures.

Writes docs/compatibility.md, or with ``--check`` says whether it is what would be written. Data:
``tests/sdk_v1_signatures.txt``, the names and parameters of the SDK's classes, and
``tests/sdk_v1_reasons.json``, why something is not here or otherwise. What differs and has no
reason, and a reason for what does not differ, end the script with exit code 1.
"""

import dis
import fnmatch
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runyard.azureml
from runyard import _stand_ins

REPO = Path(__file__).resolve().parent.parent
SIGNATURES = REPO / "tests" / "sdk_v1_signatures.txt"
REASONS = REPO / "tests" / "sdk_v1_reasons.json"
PAGE = REPO / "docs" / "compatibility.md"

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


# Reasons and the page


def explained(found: Iterable[Difference]) -> tuple[dict[Difference, str], list[str]]:
    """The reason of every difference, and what is wrong: no reason, or a reason for nothing."""
    reasons = [(reason, where) for reason, where in json.loads(REASONS.read_text()).items()]
    used, given, wrong = set[str](), dict[Difference, str](), list[str]()
    for item in found:
        matches = [
            (r, p) for r, where in reasons for p in where if fnmatch.fnmatchcase(item.key, p)
        ]
        if not matches:
            wrong.append(f"{item.key} {item.text}: build it, or give a reason in {REASONS.name}")
            continue
        given[item] = matches[0][0]
        used.add(matches[0][1])
    for _, where in reasons:
        unused = [pattern for pattern in where if pattern not in used]
        wrong += [f"{pattern}: there is no such difference (any more)" for pattern in unused]
    return given, wrong


def page(signatures: dict[Entry, list[Entry]], given: dict[Difference, str]) -> str:
    """The page in Markdown."""
    return "\n".join([*_HEAD, *_modules(), *_classes(signatures, given), *_details(given), ""])


_HEAD = (
    "# What of SDK v1 is here",
    "",
    "<!-- Written by scripts/compatibility.py; tests/sdk_v1_reasons.json has the reasons. -->",
    "",
    "Every class of the SDK's public interface is compared, member by member and parameter by",
    "parameter, with the import tree `azureml.*` of runyard. What is not here, or is otherwise,",
    "stands below with the reason; the rest is here under its own name. A name that is not here can",
    "be imported all the same and says so in one sentence when it is used, unless its whole module",
    "is missing: then the import says it.",
    "",
)


def _modules() -> Iterator[str]:
    yield from ("## Modules of which nothing is here", "", "| module | |", "|---|---|")
    for module, reason in sorted(_refused()):
        yield f"| `{module}` | {reason} |"
    yield from ("", "## Names that say why when they are used", "", "| names | |", "|---|---|")
    for reason, names in sorted(_stand_in_names().items()):
        yield f"| {', '.join(f'`{name}`' for name in sorted(names))} | {reason} |"
    yield ""


def _refused() -> Iterator[tuple[str, str]]:
    tree = Path(runyard.azureml.__path__[0])
    for path in tree.rglob("*.py"):
        match = re.search(r'refuse\("([\w.]+)", "(\w+)"\)', path.read_text())
        if match:
            yield match[1], _stand_ins.SUBJECTS[match[2]]


def _stand_in_names() -> dict[str, set[str]]:
    """By reason; each under its shortest path."""
    found: dict[str, set[str]] = {}
    seen = set[str]()
    for module in sorted(_importable(), key=len):
        for name, value in vars(importlib.import_module(module)).items():
            if is_stand_in(value) and name not in seen:
                seen.add(name)
                reason = str(value.__doc__).partition(" is not here: ")[2].rstrip(".")
                found.setdefault(reason, set()).add(f"{module}.{name}")
    return found


def _importable() -> list[str]:
    refused = {module for module, _ in _refused()}
    walked = pkgutil.walk_packages(
        [runyard.azureml.__path__[0]], "azureml.", onerror=lambda name: None
    )
    names = [item.name for item in walked if "._not_here" not in item.name]
    return [name for name in names if name not in refused]


def _classes(signatures: dict[Entry, list[Entry]], given: dict[Difference, str]) -> Iterator[str]:
    absent = {item.key for item in given if item.text == "the class is not here"}
    rows = [(entry, members) for entry, members in signatures.items() if entry.name not in absent]
    yield from ("## Classes", "", "| class | members here | of |", "|---|---|---|")
    missing = {item.key for item in given if item.text == "is not here"}
    for entry, members in rows:
        gone = sum(f"{entry.name}.{member.name}" in missing for member in members)
        yield f"| `{entry.name}` | {len(members) - gone} | {len(members)} |"
    yield from ("", f"{len(rows)} of the {len(signatures)} classes compared are here.", "")


def _details(given: dict[Difference, str]) -> Iterator[str]:
    yield from ("## What is not here, or is otherwise", "", "| what | how | why |", "|---|---|---|")
    rows: dict[tuple[str, str], list[str]] = {}
    for item, reason in given.items():
        rows.setdefault((reason, item.text), []).append(f"`{item.key}`")
    for (reason, text), keys in sorted(rows.items()):
        yield f"| {', '.join(sorted(keys))} | {text} | {reason} |".replace(".__init__", "")


def main(arguments: list[str]) -> int:
    """Write or check the page; 1 where something has no reason or the page is not current."""
    signatures = read(SIGNATURES.read_text())
    given, wrong = explained(differences(signatures))
    text = page(signatures, given)
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        wrong.append(f"{PAGE.relative_to(REPO)} is not current: run scripts/compatibility.py")
    print(
        "\n".join(wrong or [f"{len(signatures)} classes, {len(given)} differences, all explained"])
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
