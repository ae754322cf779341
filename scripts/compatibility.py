#!/usr/bin/env python3
"""What of SDK v1 is here: compares the import tree with its public signatures.

Writes docs/compatibility.md, or with ``--check`` says whether it is what would be written. Data:
``tests/sdk_v1_signatures.txt``, the names and parameters of the SDK's classes, and
``tests/sdk_v1_reasons.json``, why something is not here or otherwise. What differs and has no
reason, and a reason for what does not differ, end the script with exit code 1.
"""

import fnmatch
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from runyard import _stand_ins, _tree  # noqa: E402
from scripts.sdk_signatures import (  # noqa: E402
    Difference,
    Entry,
    differences,
    is_stand_in,
    read,
)

SIGNATURES = REPO / "tests" / "sdk_v1_signatures.txt"
REASONS = REPO / "tests" / "sdk_v1_reasons.json"
PAGE = REPO / "docs" / "compatibility.md"

# Reasons and the page


def explained(found: Iterable[Difference]) -> tuple[dict[Difference, str], list[str]]:
    """The reason of every difference, and what is wrong: no reason, or a reason for nothing."""
    reasons = list(json.loads(REASONS.read_text()).items())
    used, given, wrong = set[str](), dict[Difference, str](), list[str]()
    for item in found:
        pairs = ((reason, pattern) for reason, where in reasons for pattern in where)
        matches = [pair for pair in pairs if fnmatch.fnmatchcase(item.key, pair[1])]
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
    return "\n".join([_HEAD, *_modules(), *_classes(signatures, given), *_details(given), ""])


_HEAD = """\
# What of SDK v1 is here

<!-- Written by scripts/compatibility.py; tests/sdk_v1_reasons.json has the reasons. -->

Every class of the SDK's public interface is compared, member by member and parameter by
parameter, with the import tree `azureml.*` of runyard. What is not here, or is otherwise,
stands below with the reason; the rest is here under its own name. A name that is not here can
be imported all the same and says so in one sentence when it is used, unless its whole module is
missing: then the import says it.
"""


def _modules() -> Iterator[str]:
    yield from ("## Modules of which nothing is here", "", "| module | |", "|---|---|")
    for module, reason in sorted(_refused()):
        yield f"| `{module}` | {reason} |"
    yield from ("", "## Names that say why when they are used", "", "| names | |", "|---|---|")
    for reason, names in sorted(_stand_in_names().items()):
        yield f"| {', '.join(f'`{name}`' for name in sorted(names))} | {reason} |"
    yield ""


def _refused() -> Iterator[tuple[str, str]]:
    tree = Path(_tree.TREE)
    for path in tree.rglob("*.py"):
        match = re.search(r'refuse\("([\w.]+)", "(\w+)"\)', path.read_text())
        if match:
            yield match[1], _stand_ins.SUBJECTS[match[2]]


def _stand_in_names() -> dict[str, set[str]]:
    """By reason; each under its shortest path."""
    found: dict[str, set[str]] = {}
    seen = set[str]()
    for module in sorted(_importable(), key=len):
        found_there = importlib.import_module(module)
        for name in dir(found_there):
            value = getattr(found_there, name)
            if is_stand_in(value) and name not in seen:
                seen.add(name)
                reason = str(value.__doc__).partition(" is not here: ")[2].rstrip(".")
                found.setdefault(reason, set()).add(f"{module}.{name}")
    return found


def _importable() -> list[str]:
    refused = {module for module, _ in _refused()}
    walked = pkgutil.walk_packages([_tree.TREE], "azureml.", onerror=lambda name: None)
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
    _tree.make_importable()
    signatures = read(SIGNATURES.read_text())
    given, wrong = explained(differences(signatures))
    text = page(signatures, given)
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        wrong.append(f"{PAGE.relative_to(REPO)} is not current: run scripts/compatibility.py")
    ended = f"{len(signatures)} classes, {len(given)} differences, all with a reason"
    print("\n".join(wrong or [ended]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
