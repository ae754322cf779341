"""pip's own configuration, read without starting pip and handed on to uv.

uv reads none of it, and people's indexes, mirrors and certificates are configured there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from runyard.environments.redaction import secrets_in, without_credentials

# A setting of uv's that the user made wins over the same setting of pip's.
_OWN_SETTINGS = {
    "UV_DEFAULT_INDEX": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "HTTP_PROXY": ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
    "HTTPS_PROXY": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
}
# What else of uv's settings decides which packages are installed.
_DECIDING = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY",
    "UV_PRERELEASE",
    "UV_RESOLUTION",
    "UV_EXCLUDE_NEWER",
    "UV_TORCH_BACKEND",
    "UV_REQUIRE_HASHES",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
)
_WITH_URLS = (*_DECIDING[:5], "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")


class PipSettings(NamedTuple):
    """The settings of pip that say where packages come from and which ones may be taken.

    ``relative_find_links``: those of ``find_links`` that were given relative to the current
    folder, which is another one where the environment is built.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    relative_find_links: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    require_hashes: bool = False
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout_s: str | None = None
    retries: str | None = None

    def with_options(
        self, options: Iterable[str], environ: Mapping[str, str] = os.environ
    ) -> PipSettings:
        """Return the settings with the options of a requirements file on top, as in pip.

        ``${NAME}`` in a value is the variable of that name, or stays when there is none.
        """
        settings = self
        for option in options:
            name, _, value = option.partition(" ")
            settings = settings._with_option(name, expanded(value, environ))
        return settings

    def uv_environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the variables that give uv these settings, less those the user set for uv.

        Places are added to those that the user named for uv: ``read`` has left out pip's then.
        Addresses travel only here: a process's arguments can be read by everyone on the machine.
        """
        wanted = {
            "UV_DEFAULT_INDEX": self.index_url,
            # pip takes the best version over all its indexes; uv by default only looks at the
            # first index that has the package at all, and would miss versions pip installs.
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra_index_urls else None,
            "UV_PRERELEASE": "allow" if self.pre else None,
            "UV_REQUIRE_HASHES": "1" if self.require_hashes else None,
            "UV_INSECURE_HOST": " ".join(self.trusted_hosts),
            "SSL_CERT_FILE": self.cert,
            "SSL_CLIENT_CERT": self.client_cert,
            "HTTP_PROXY": self.proxy,
            "HTTPS_PROXY": self.proxy,
            "UV_HTTP_TIMEOUT": self.timeout_s,
            "UV_HTTP_RETRIES": self.retries,
        }
        variables = {
            name: value
            for name, value in wanted.items()
            if value and not any(environ.get(own) for own in _OWN_SETTINGS.get(name, (name,)))
        }
        for name, separator, places in (
            ("UV_EXTRA_INDEX_URL", " ", self.extra_index_urls),
            ("UV_FIND_LINKS", ",", self.find_links),
        ):
            if places:
                variables[name] = separator.join(filter(None, (environ.get(name), *places)))
        return variables

    def uv_arguments(self) -> list[str]:
        """Return the arguments for the settings that uv has no variable for."""
        arguments = ["--no-index"] if self.no_index else []
        for option, names in (("only-binary", self.only_binary), ("no-binary", self.no_binary)):
            arguments += [f"--{option}={name}" for name in names]
        return arguments

    def identity(self, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return what decides which packages are installed, as text without credentials."""
        effective = {**environ, **self.uv_environment(environ)}
        return self.uv_arguments() + [
            f"{name}={without_credentials(effective[name])}"
            for name in _DECIDING
            if effective.get(name)
        ]

    def secrets(self, environ: Mapping[str, str] = os.environ) -> frozenset[str]:
        """Return every password and token in the addresses uv is given."""
        effective = {**environ, **self.uv_environment(environ)}
        own = (self.index_url or "", *self.extra_index_urls, *self.find_links, self.proxy or "")
        return secrets_in([*own, *(effective.get(name, "") for name in _WITH_URLS)])

    def _with_option(self, name: str, value: str) -> PipSettings:
        if name == "--index-url":
            return self._replace(index_url=value)
        if name == "--extra-index-url":
            return self._replace(extra_index_urls=(*self.extra_index_urls, value))
        if name == "--find-links":
            links = dict.fromkeys((*self.find_links, value))
            return self._replace(find_links=tuple(links))
        if name == "--trusted-host":
            return self._replace(trusted_hosts=(*self.trusted_hosts, value))
        if name == "--only-binary":
            return self._replace(only_binary=(*self.only_binary, *_names(value)))
        if name == "--no-binary":
            return self._replace(no_binary=(*self.no_binary, *_names(value)))
        if name == "--no-index":
            return self._replace(no_index=True)
        if name == "--pre":
            return self._replace(pre=True)
        if name == "--require-hashes":
            return self._replace(require_hashes=True)
        return self


def read(environ: Mapping[str, str] = os.environ) -> PipSettings:
    """Return the settings pip itself would work with for ``pip install``, here and now."""
    values = _values(environ)
    own_indexes = environ.get("UV_EXTRA_INDEX_URL") or environ.get("UV_INDEX")
    links = () if environ.get("UV_FIND_LINKS") else _words(values.get("find-links"))
    return PipSettings(
        index_url=values.get("index-url") or values.get("pypi-url"),
        extra_index_urls=() if own_indexes else _words(values.get("extra-index-url")),
        find_links=_places(links),
        relative_find_links=_places(link for link in links if not _is_absolute(link)),
        no_index=_is_true(values.get("no-index")),
        pre=_is_true(values.get("pre")),
        require_hashes=_is_true(values.get("require-hashes")),
        only_binary=_names(values.get("only-binary")),
        no_binary=_names(values.get("no-binary")),
        constraints=tuple(map(_place, _words(values.get("constraint")))),
        trusted_hosts=_words(values.get("trusted-host")),
        cert=values.get("cert"),
        client_cert=values.get("client-cert"),
        proxy=values.get("proxy"),
        timeout_s=values.get("timeout") or values.get("default-timeout"),
        retries=values.get("retries"),
    )


def expanded(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Replace every ``${NAME}`` whose variable is set, as pip and uv do in requirements."""
    return _VARIABLE.sub(lambda match: environ.get(match["name"], match[0]), text)


def variables_in(text: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values of all variables that the text names as ``${NAME}``."""
    return [environ[m["name"]] for m in _VARIABLE.finditer(text) if environ.get(m["name"])]


def config_files(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the paths pip reads, the strongest last; they need not exist.

    PIP_CONFIG_FILE is the strongest file, and takes the place of the user's own; the null device
    there means no file at all.
    """
    extra = environ.get("PIP_CONFIG_FILE")
    if extra == os.devnull:
        return []
    home = environ.get("HOME") or os.path.expanduser("~")
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    files = [os.path.join(folder, "pip", "pip.conf") for folder in folders] + ["/etc/pip.conf"]
    if not (extra and os.path.exists(extra)):
        config_home = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        files.append(os.path.join(home, ".pip", "pip.conf"))
        files.append(os.path.join(config_home, "pip", "pip.conf"))
    files.append(os.path.join(_own_prefix(), "pip.conf"))
    return [*files, extra] if extra else files


def _own_prefix() -> str:
    """The virtual environment runyard is in; without ``site``, sys.prefix does not know it."""
    folder = os.path.dirname(os.path.dirname(sys.executable))
    return folder if os.path.isfile(os.path.join(folder, "pyvenv.cfg")) else sys.prefix


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings by their long option's name: [global], then [install], then variables."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in config_files(environ):
        for section, settings in _read_file(path).items():
            sections.get(section, {}).update(settings)
    variables = {
        name[len("PIP_") :].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_")
    }
    values = {**sections["global"], **sections["install"]}
    values.update({name: value for name, value in variables.items() if value.strip()})
    return {name: value.strip() for name, value in values.items() if value.strip()}


def _read_file(path: str) -> dict[str, dict[str, str]]:
    if not os.path.isfile(path):
        return {}
    # Most machines have no such file: only those that do pay for the parser.
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    return {
        section: {name.replace("_", "-"): value for name, value in parser.items(section)}
        for section in parser.sections()
    }


def _unreadable(path: str, error: Exception) -> Exception:
    from runyard.errors import UserErrorException

    reason = str(error).splitlines()[0]
    return UserErrorException(f"pip's configuration file {path!r} cannot be read: {reason}", error)


def _words(value: str | None) -> tuple[str, ...]:
    return tuple((value or "").split())


def _is_absolute(place: str) -> bool:
    return os.path.isabs(place) or "://" in place or place.startswith(("file:", "~"))


def _place(place: str) -> str:
    return os.path.expanduser(place) if _is_absolute(place) else os.path.abspath(place)


def _places(links: Iterable[str]) -> tuple[str, ...]:
    """Absolute places; a folder that is not there is passed over, as pip does (uv would stop)."""
    places = (_place(link) for link in links)
    return tuple(place for place in places if not os.path.isabs(place) or os.path.exists(place))


def _names(value: str | None) -> tuple[str, ...]:
    return tuple(name for name in re.split(r"[\s,]+", value or "") if name and name != ":none:")


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in ("1", "y", "yes", "t", "true", "on")
