"""Which packages provide an import, and whether the requirements of an environment may."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from pathlib import Path

from runyard.environments.names import canonical_name

_FILE = Path(__file__).with_name("import_packages.txt")
# Packages that share a top-level name are named by more of the import.
NAMESPACES = ("google", "azure")


def packages_of(module: str) -> tuple[str, ...]:
    """The canonical names of the packages that provide a module, the usual one first."""
    provided, _ = _table()
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if parts[0] in NAMESPACES and count < 2 and len(parts) > 1:
            break
        if name in provided:
            return provided[name]
    if parts[0] in NAMESPACES and len(parts) > 1:
        return tuple(canonical_name("-".join(parts[:n])) for n in (3, 2) if len(parts) >= n)
    return (canonical_name(parts[0]),)


def may_provide(module: str, names: Collection[str]) -> bool:
    """Whether one of these packages, or one it is known to bring, looks like it provides it.

    ``names``: canonical. A package whose name contains that of the module counts.
    """
    known = with_brought(names)
    wanted = packages_of(module)
    if not known.isdisjoint(wanted):
        return True
    top = canonical_name(module.partition(".")[0])
    if top in NAMESPACES:
        return any(name.startswith(wanted[-1]) for name in known)
    return any(top in name.split("-") or name.startswith(f"{top}-") for name in known)


def with_brought(names: Iterable[str]) -> set[str]:
    """These packages and those they are known to bring, and so on."""
    _, brought = _table()
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += brought.get(name, ())
    return found


@functools.cache
def _table() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Packages by import, and packages by the package that brings them."""
    provided: dict[str, tuple[str, ...]] = {}
    brought: dict[str, tuple[str, ...]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words[1:2] == [">"]:
            brought[words[0]] = tuple(words[2:])
        elif words:
            provided[words[0]] = tuple(words[1:])
    return provided, brought
