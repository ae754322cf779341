"""What a container that installs packages sees of this machine, and where."""

from __future__ import annotations

import os
import re

from runyard.containers.command import Mount
from runyard.environments import cache, uv_program
from runyard.environments.image_container import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LAYER = "/opt/runyard"
"""Where the layer's files are in the image."""

UV = f"{FOLDER}/uv"
FILES = f"{FOLDER}/files"

_CACHE = f"{FOLDER}/cache"
_NETRC = f"{FOLDER}/netrc"
_CONFIG = f"{FOLDER}/config"
_OWN_CACHES = "image-caches"
# Of a project; its history stays, for those who take the version from it.
_NOT_COPIED = frozenset((".runyard", ".venv", "venv", ".tox", "node_modules", "__pycache__"))
_PASSED_ON = re.compile(
    r"(?:UV|PIP)_\w+|(?:HTTPS?|ALL|NO)_PROXY|SSL_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|RUST_LOG|NO_COLOR",
    re.IGNORECASE,
)
# These name places and Pythons of this machine.
_KEPT_BACK = frozenset(
    (
        *("UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_LINK_MODE", "UV_PYTHON_PREFERENCE"),
        *("UV_MANAGED_PYTHON", "UV_NO_MANAGED_PYTHON", "UV_PYTHON_INSTALL_DIR"),
        *("UV_PYTHON_BIN_DIR", "UV_PYTHON_CACHE_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR"),
        *("UV_CREDENTIALS_DIR", "PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_LOG"),
    )
)
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")


def variables(given: Mapping[str, str], lines: Iterable[str]) -> dict[str, str]:
    """Those of ``given`` that decide what is installed, and those that ``lines`` name as ${NAME}.

    The rest of this machine's would lead uv to things that the container does not have.
    """
    named = {match["name"] for line in lines for match in _VARIABLE.finditer(line)}
    found = {
        name: value
        for name, value in given.items()
        if name in named or (_PASSED_ON.fullmatch(name) and name not in _KEPT_BACK)
    }
    found.update(
        HOME=f"{FOLDER}/home",
        TMPDIR=f"{FOLDER}/tmp",
        XDG_CONFIG_HOME=_CONFIG,
        UV_CACHE_DIR=_CACHE,
        UV_PYTHON_INSTALL_DIR=f"{LAYER}/python",
        # Between two mounts no file can be linked.
        UV_LINK_MODE="copy",
    )
    if _netrc(given) is not None:
        found["NETRC"] = _NETRC
    return found


class Stage:
    """The folders of one build, below ``folder``, and what is mounted of them.

    ``layer``: what becomes the layer. ``files``: requirement files. ``tmp``: for the tools.
    """

    def __init__(self, folder: str) -> None:
        self.layer = os.path.join(folder, "layer")
        self.files = os.path.join(folder, "files")
        self.tmp = os.path.join(folder, "tmp")
        self._home = os.path.join(folder, "home")
        self._cache = os.path.join(folder, "cache")
        self._projects = os.path.join(folder, "projects")
        self._local: list[Mount] | None = None
        for path in (self.layer, self.files, self.tmp, self._home, self._cache, self._projects):
            os.makedirs(path)

    def keep_cache(self, system: str) -> None:
        """Let uv use the cache of all images with this ``system`` from now on."""
        self._cache = os.path.join(own_caches(), system)
        os.makedirs(self._cache, exist_ok=True)
        os.utime(self._cache)

    def mounts(self, lines: Iterable[str], given: Mapping[str, str]) -> list[Mount]:
        """All mounts. ``lines``: of requirements and options; ``given``: variables for uv."""
        if self._local is None:
            self._local = list(self._local_mounts([*lines, *_places(given)]))
        return [
            Mount(self.layer, LAYER),
            Mount(self.files, FILES, read_only=True),
            Mount(self.tmp, f"{FOLDER}/tmp"),
            Mount(self._home, f"{FOLDER}/home"),
            Mount(self._cache, _CACHE),
            Mount(uv_program.find_uv(), UV, read_only=True),
            *_setting_mounts(given),
            *self._local,
        ]

    def _local_mounts(self, texts: Iterable[str]) -> Iterator[Mount]:
        """Files and folders that are named, each seen at its own path; projects as copies.

        A source build writes into the project's folder.
        """
        copied: list[str] = []
        for number, path in enumerate(_paths_in(texts)):
            if any(path.startswith(f"{outer}/") for outer in copied):
                continue
            if os.path.isdir(path) and _is_project(path):
                copied.append(path)
                yield Mount(_copy(path, os.path.join(self._projects, str(number))), path)
            else:
                yield Mount(path, path, read_only=True)


def own_caches() -> str:
    """The folder of uv's caches for images, one for each system.

    Not the cache of this machine: uv takes what it has once built from source for every system of
    the same processor, and an image has another C library. uv moves files between the parts of
    its cache, so that none of them can be shared either.
    """
    return os.path.join(cache.cache_dir(), _OWN_CACHES)


def system_of(os_release: str, variables: Mapping[str, str]) -> str:
    """A name for the system of an image: distribution, its version, CUDA, processor; '' if unknown.

    ``os_release``: the content of /etc/os-release. ``variables``: those of the image.
    """
    import platform

    pairs = (line.partition("=") for line in os_release.splitlines())
    found = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    if not found.get("ID"):
        return ""
    cuda = variables.get("CUDA_VERSION")
    parts = (found["ID"], found.get("VERSION_ID"), cuda and f"cuda{cuda}", platform.machine())
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(filter(None, parts)))


def _setting_mounts(given: Mapping[str, str]) -> Iterator[Mount]:
    """uv's own configuration and the logins of hosts: read there, and never part of the layer."""
    home = given.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for source, target in (
        (os.path.join(home, "uv", "uv.toml"), f"{_CONFIG}/uv/uv.toml"),
        ("/etc/uv/uv.toml", "/etc/uv/uv.toml"),
        (_netrc(given), _NETRC),
    ):
        if source is not None and os.path.isfile(source):
            yield Mount(os.path.abspath(source), target, read_only=True)


def _netrc(given: Mapping[str, str]) -> str | None:
    path = given.get("NETRC") or os.path.expanduser("~/.netrc")
    return path if os.path.isfile(path) else None


def _places(given: Mapping[str, str]) -> Iterator[str]:
    """What settings of uv name: folders of wheels, certificates."""
    yield from given.get("UV_FIND_LINKS", "").split(",")
    yield from given.get("PIP_FIND_LINKS", "").split()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "PIP_CERT"):
        yield given.get(name, "")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX"):
        # A mirror on disk has its files beside the folder of its index.
        for url in given.get(name, "").split():
            if url.startswith("file:"):
                yield os.path.dirname(_path_of(url).rstrip("/"))


def _paths_in(texts: Iterable[str]) -> list[str]:
    """The absolute paths of this machine that the texts name, outer folders first."""
    paths = {os.path.normpath(path) for path in map(_path_of, texts) if path}
    return sorted(path for path in paths if path != "/" and os.path.exists(path))


def _path_of(text: str) -> str:
    """``/a/b[extra]``, ``--find-links /a``, ``name @ file:///a`` and ``file:///a`` are paths."""
    text = re.sub(r"^--[a-z-]+\s+|^[\w.-]+(?:\[[^\]]*\])?\s*@\s*", "", text.strip())
    text = re.sub(r"\s+(?:--hash=|;).*$", "", text)
    if text.startswith("file:"):
        from urllib.parse import unquote

        text = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", text).partition("#")[0])
    elif os.path.isabs(text) and not os.path.exists(text):
        text = re.sub(r"\[[^\]]*\]$", "", text)
    return text if os.path.isabs(text) else ""


def _is_project(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, n)) for n in ("pyproject.toml", "setup.py"))


def _copy(project: str, to: str) -> str:
    import shutil

    ours = os.path.realpath(cache.cache_dir())

    def passed_over(folder: str, names: list[str]) -> list[str]:
        return [
            name
            for name in names
            if name in _NOT_COPIED or os.path.realpath(os.path.join(folder, name)) == ours
        ]

    shutil.copytree(project, to, symlinks=True, ignore=passed_over)
    return to
