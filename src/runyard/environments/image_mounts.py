"""What a container that installs packages sees of this machine, and where."""

from __future__ import annotations

import glob
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
# What was built from source, and which interpreter is what, holds only for one system: another
# image has another C library. Everything else of uv's cache is shared with this machine.
_OWN_BUCKET = re.compile(rb"(?:sdists|interpreter)-v\d+")
_OWN_CACHES = "image-caches"
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

    ``layer``: what becomes the layer. ``files``: requirement files. ``base_id``: of the image.
    """

    def __init__(self, folder: str, base_id: str) -> None:
        self.layer = os.path.join(folder, "layer")
        self.files = os.path.join(folder, "files")
        self._rest = {name: os.path.join(folder, name) for name in ("home", "tmp", "projects")}
        self._base_id = base_id
        for path in (self.layer, self.files, *self._rest.values()):
            os.makedirs(path)

    def mounts(self, lines: Iterable[str], given: Mapping[str, str]) -> list[Mount]:
        """All mounts. ``lines``: of requirements and options; ``given``: variables for uv."""
        return [
            Mount(self.layer, LAYER),
            Mount(self.files, FILES, read_only=True),
            Mount(self._rest["home"], f"{FOLDER}/home"),
            Mount(self._rest["tmp"], f"{FOLDER}/tmp"),
            Mount(uv_program.find_uv(), UV, read_only=True),
            *_cache_mounts(given, self._base_id),
            *_setting_mounts(given),
            *self._local_mounts([*lines, *_places(given)]),
        ]

    def _local_mounts(self, texts: Iterable[str]) -> Iterator[Mount]:
        """Files and folders that are named, each seen at its own path; projects as copies.

        A source build writes into the project's folder.
        """
        for number, path in enumerate(_paths_in(texts)):
            if os.path.isdir(path) and _is_project(path):
                yield Mount(_copy(path, os.path.join(self._rest["projects"], str(number))), path)
            else:
                yield Mount(path, path, read_only=True)


def forget_caches(base_ids: Iterable[str]) -> None:
    """Remove what was built from source in images other than these."""
    import shutil

    kept = {_cache_name(base_id) for base_id in base_ids}
    for path in glob.glob(os.path.join(glob.escape(_own_caches()), "*")):
        if os.path.basename(path) not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _own_caches() -> str:
    return os.path.join(cache.cache_dir(), _OWN_CACHES)


def _cache_name(base_id: str) -> str:
    return base_id.rpartition(":")[2][:16]


def _cache_mounts(given: Mapping[str, str], base_id: str) -> Iterator[Mount]:
    own = os.path.join(_own_caches(), _cache_name(base_id))
    buckets = _own_buckets(uv_program.find_uv())
    if not buckets:
        # A program that is not uv itself: what it keeps apart is not known.
        yield _made(Mount(os.path.join(own, "all"), _CACHE))
        return
    shared = given.get("UV_CACHE_DIR") or os.path.join(cache.xdg_cache_home(), "uv")
    yield _made(Mount(os.path.abspath(os.path.expanduser(shared)), _CACHE))
    for name in buckets:
        # Else the engine would make it, and it would belong to root.
        os.makedirs(os.path.join(shared, name), exist_ok=True)
        yield _made(Mount(os.path.join(own, name), f"{_CACHE}/{name}"))


def _made(mount: Mount) -> Mount:
    os.makedirs(mount.source, exist_ok=True)
    return mount


def _own_buckets(uv: str) -> list[str]:
    """Names of the folders in uv's cache that are not shared; their versions are in the program."""
    import mmap

    try:
        with open(uv, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            found = {match[0].decode() for match in _OWN_BUCKET.finditer(text)}
    except (OSError, ValueError):
        return []
    kinds = [name.partition("-")[0] for name in found]
    return sorted(found) if sorted(kinds) == ["interpreter", "sdists"] else []


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
    """The absolute paths of this machine that the texts name, none inside another."""
    found: set[str] = set()
    for text in texts:
        path = _path_of(text)
        if path and path != "/" and os.path.exists(path):
            found.add(os.path.normpath(path))
    outer: list[str] = []
    for path in sorted(found):
        if not any(path.startswith(f"{other}/") for other in outer):
            outer.append(path)
    return outer


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

    passed_over = shutil.ignore_patterns(".git", ".hg", ".venv", "venv", ".tox", "node_modules")
    shutil.copytree(project, to, symlinks=True, ignore=passed_over, ignore_dangling_symlinks=True)
    return to
