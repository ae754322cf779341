"""The user's settings: a variable, else the settings file, else what the reader holds for right.

The file is ``$RUNYARD_CONFIG``, else ``$XDG_CONFIG_HOME/runyard/config.toml``, else
``~/.config/runyard/config.toml``; most users have none. Standard library only, and nothing but
``os`` where there is no file: the runner asks for the cache folder before it starts the script.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.errors import UserErrorException

VARIABLES = {
    "cache_dir": "RUNYARD_CACHE_DIR",
    "conda_backend": "RUNYARD_CONDA_BACKEND",
    "container_engine": "RUNYARD_CONTAINER_ENGINE",
    "default_python": "RUNYARD_DEFAULT_PYTHON",
    "gpu_fallback": "RUNYARD_GPU_FALLBACK",
    "keyvault": "RUNYARD_KEYVAULT",
    "mpi": "RUNYARD_MPI",
}
"""Every setting, and the variable that wins over the file."""

SWITCHES = ("gpu_fallback",)
"""Settings that are on or off: ``true`` or ``false`` in the file."""

FILE_VARIABLE = "RUNYARD_CONFIG"
_EXAMPLES = {
    "cache_dir": '"/shared/runyard"',
    "conda_backend": '"pip"',
    "container_engine": '"podman"',
    "default_python": '"3.6"',
    "gpu_fallback": "true",
    "keyvault": '"keyring"',
    "mpi": '"openmpi"',
}
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Setting:
    """``value``: the text that was set. ``where``: what set it, for messages."""

    def __init__(self, value: str, where: str) -> None:
        self.value = value
        self.where = where


def get(name: str) -> Setting | None:
    """Return the setting ``name``, one of ``VARIABLES``; None when nothing sets it.

    Raises UserErrorException, naming file and line, for a settings file that cannot be used.
    """
    variable = VARIABLES[name]
    value = os.environ.get(variable)
    return Setting(value, f"the variable {variable}") if value else from_file().get(name)


def is_on(name: str) -> bool:
    """Whether a switch, one of ``SWITCHES``, is on; off where nothing sets it.

    Raises UserErrorException, as ``get`` does, and for a value that is neither on nor off.
    """
    found = get(name)
    value = found.value.strip().lower() if found else _OFF[0]
    if found and value not in (*_ON, *_OFF):
        raise _error(f"{found.where} is {found.value!r}; give 1 (true) or 0 (false)")
    return value in _ON


def cache_dir() -> str:
    """Absolute path of runyard's cache folder; it may not exist yet.

    ``$RUNYARD_CACHE_DIR``, else ``cache_dir`` of the settings file, else
    ``$XDG_CACHE_HOME/runyard``, else ``~/.cache/runyard``. Raises as ``get``.
    """
    own = os.environ.get("RUNYARD_CACHE_DIR")
    if own:
        return os.path.abspath(os.path.expanduser(own))
    configured = get("cache_dir")
    return configured.value if configured else os.path.join(xdg_cache_home(), "runyard")


def xdg_cache_home() -> str:
    """``$XDG_CACHE_HOME``, or ``~/.cache`` where that is unset or relative (as XDG rules)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return home if os.path.isabs(home) else os.path.expanduser("~/.cache")


def file() -> str:
    """Absolute path of the settings file, which need not exist."""
    own = os.environ.get(FILE_VARIABLE)
    if own:
        return os.path.abspath(os.path.expanduser(own))
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = home if os.path.isabs(home) else os.path.expanduser("~/.config")
    return os.path.join(folder, "runyard", "config.toml")


def from_file() -> dict[str, Setting]:
    """The settings in the file, {} without one. Raises as ``get``."""
    path = file()
    try:
        status = os.stat(path)
    except OSError:
        if os.environ.get(FILE_VARIABLE):
            raise _error(f"{FILE_VARIABLE} names {path!r}, and there is no such file") from None
        return {}
    stamp = (path, status.st_mtime_ns, status.st_size)
    if stamp not in _read:
        _read.clear()
        _read[stamp] = _checked(path)
    return _read[stamp]


_read: dict[tuple[str, int, int], dict[str, Setting]] = {}


def _checked(path: str) -> dict[str, Setting]:
    try:
        with open(path, encoding="utf-8") as stream:
            content = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise _error(f"the settings file {path} cannot be read: {error}") from error
    settings = {}
    for name, value in _parsed(path, content).items():
        place = f"{path}, line {_line(content, name)}"
        if name not in VARIABLES:
            raise _unknown(place, name)
        text = str(value).lower() if name in SWITCHES and isinstance(value, bool) else value
        if not isinstance(text, str) or not text.strip():
            kind = "true or false" if name in SWITCHES else "text"
            raise _error(
                f"{place}: {name} is {value!r}; give {kind}, such as {name} = {_example(name)}"
            )
        settings[name] = Setting(_placed(place, name, text), f"{place}: {name}")
    return settings


def _parsed(path: str, text: str) -> dict[str, object]:
    if not text.strip():
        return {}
    # 5 ms, and only for those who have a file.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        if sys.flags.no_site:  # a runner is started without the packages of others
            import site

            site.main()
        import tomli as tomllib

    try:
        content: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Such as: Expected '=' after a key in a key/value pair (at line 1, column 10)
        reason, _, where = str(error).rstrip(")").rpartition(" (at ")
        number = where.removeprefix("line ").partition(",")[0]
        place = f"line {number}" if number.isdigit() else "the last line"
        raise _error(
            f"{path}, {place}: {reason}; write lines such as cache_dir = {_example('cache_dir')}"
        ) from error
    return content


def _placed(place: str, name: str, value: str) -> str:
    if name != "cache_dir":
        return value
    folder = os.path.expanduser(value)
    if not os.path.isabs(folder):
        raise _error(
            f"{place}: cache_dir is {value!r}, which means another folder in every folder; give an "
            "absolute path, or one that begins with ~/"
        )
    return folder


def _unknown(place: str, name: str) -> UserErrorException:
    import difflib

    near = difflib.get_close_matches(name, VARIABLES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return _error(f"{place}: unknown key {name!r}{hint} Allowed are: {', '.join(VARIABLES)}")


def _line(text: str, name: str) -> int:
    """The line that sets a key of the file, or opens the table of that name."""
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip().lstrip("[").lstrip().strip("\"'")
        if words.startswith(name) and words[len(name) :].lstrip("\"' \t")[:1] in ("=", "]", "."):
            return number
    return 1


def _example(name: str) -> str:
    return _EXAMPLES[name]


def _error(message: str) -> UserErrorException:
    from runyard.errors import UserErrorException

    return UserErrorException(message)
