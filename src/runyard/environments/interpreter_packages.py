"""What is installed for an interpreter of the user's, without starting it.

The folders are those that its ``site`` module would find; their names say what lies in them.
"""

from __future__ import annotations

import os
import re

from runyard.environments import cache, installed
from runyard.environments.names import canonical_name
from runyard.environments.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EGG_PYTHON = re.compile(r"-py\d[\d.]*$")


def freeze(python: str, version: str, variables: Mapping[str, str]) -> list[str]:
    """Return one line for every distribution, as ``installed.freeze`` does, sorted by name.

    ``python``: path of the interpreter; ``version``: its version, such as '3.8.18';
    ``variables``: those it is started with. Of several of one name the first that an import finds
    counts. Credentials are left out.
    """
    lines: dict[str, str] = {}
    for folder in _folders(python, version, variables):
        for name, line in _in_folder(folder):
            lines.setdefault(name, redact(line))
    return [lines[name] for name in sorted(lines)]


def _folders(python: str, version: str, variables: Mapping[str, str]) -> list[str]:
    """Every folder that may hold packages, in the order of ``sys.path``, each once."""
    given = [folder for folder in variables.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sites = list(_sites(python, ".".join(version.split(".")[:2]), variables))
    added = [extra for folder in sites for extra in _of_path_files(folder)]
    return list(dict.fromkeys([*given, *sites, *added]))


def _sites(python: str, minor: str, variables: Mapping[str, str]) -> Iterator[str]:
    settings, prefix = _venv(python)
    if prefix is not None:
        yield from _below(prefix, minor)
        if settings.get("include-system-site-packages") != "true":
            return
        prefix = os.path.dirname(settings.get("home", ""))
    else:
        prefix = os.path.dirname(os.path.dirname(os.path.realpath(python)))
    if not variables.get("PYTHONNOUSERSITE"):
        home = variables.get("PYTHONUSERBASE") or os.path.expanduser("~/.local")
        yield os.path.join(home, "lib", f"python{minor}", "site-packages")
    if prefix == "/usr":  # Debian's own folders
        yield f"/usr/local/lib/python{minor}/dist-packages"
        yield "/usr/lib/python3/dist-packages"
        yield f"/usr/lib/python{minor}/dist-packages"
    yield from _below(prefix, minor)


def _below(prefix: str, minor: str) -> Iterator[str]:
    for library in ("lib64", "lib"):
        yield os.path.join(prefix, library, f"python{minor}", "site-packages")


def _venv(python: str) -> tuple[dict[str, str], str | None]:
    """The content of pyvenv.cfg and its folder; the folder is None outside a venv."""
    folder = os.path.dirname(os.path.abspath(python))
    for place in (folder, os.path.dirname(folder)):
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8") as file:
                pairs = (line.partition("=") for line in file)
                return {name.strip().lower(): value.strip() for name, _, value in pairs}, place
        except (OSError, UnicodeDecodeError):
            continue
    return {}, None


def _of_path_files(folder: str) -> Iterator[str]:
    """The folders that the ``.pth`` files of a folder name."""
    for name in _names(folder):
        if not name.endswith(".pth"):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                yield os.path.normpath(os.path.join(folder, line.rstrip()))


def _in_folder(folder: str) -> Iterator[tuple[str, str]]:
    """Name and line of every distribution in a folder."""
    if folder.endswith(".egg"):
        yield from _egg(os.path.basename(folder), ".egg", folder)
    for entry in _names(folder):
        if entry.endswith(installed.SUFFIX):
            name, _, version = entry[: -len(installed.SUFFIX)].partition("-")
            direct = cache.read_json(os.path.join(folder, entry, "direct_url.json"))
            name = canonical_name(name)
            yield name, installed.line(name, version, direct)
        elif entry.endswith(".egg-info"):
            yield from _egg(entry, ".egg-info", folder)


def _egg(entry: str, suffix: str, folder: str) -> Iterator[tuple[str, str]]:
    """``NAME-VERSION-pyX.Y``; NAME alone is a project that is used where it lies."""
    name, _, version = _EGG_PYTHON.sub("", entry[: -len(suffix)]).partition("-")
    name = canonical_name(name)
    yield name, f"{name}=={version}" if version else f"-e file://{folder}"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
