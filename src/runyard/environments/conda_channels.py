"""Conda channels: what a user may write, and where each one is."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from runyard.environments.redaction import has_credentials, secrets_in, without_credentials
from runyard.environments.requirement_lines import shown
from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rattler import Channel

    from runyard.environments.requirement_lines import Origin

DEFAULT = ("anaconda", "conda-forge")
"""What an environment without channels uses, as in SDK v1 (spec 8)."""

# What conda calls so is a list of its own settings; this channel has the same packages.
_DEFAULTS = {"defaults": "anaconda"}
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)*$")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://\S+$")
_TOKEN = re.compile(r"(?P<start>^[a-z][a-z0-9+.-]*://[^/\s]+)/t/(?P<token>[^/\s:]+)(?=/|::|$)")
_TOKEN_VARIABLE = "RUNYARD_CHANNEL_TOKEN_"
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def planned(
    channels: Iterable[str],
    packages: Iterable[str],
    folder: Path,
    origins: Mapping[str, Origin] = {},
) -> tuple[str, ...]:
    """Return the channels to use, each once: those named, then those of ``channel::package``.

    A path, relative to ``folder``, becomes a ``file://`` address. ``origins``: the file and line a
    channel or package was read from, for messages. Raises UserErrorException for
    what is no channel, a folder that does not exist, and an address with a password in it. Literal
    tokens are taken out before, see ``with_variables``.
    """
    named = [
        _planned(channel, folder, shown(origins, channel))
        for channel in channels
        if channel != "nodefaults"
    ]
    qualifiers = [
        _planned(package.partition("::")[0], folder, shown(origins, package))
        for package in packages
        if "::" in package
    ]
    return tuple(dict.fromkeys([*(named or DEFAULT), *qualifiers]))


def with_variables(texts: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return channels, or packages with channels, without literal tokens, and the tokens by name.

    ``https://host/t/abc/c`` becomes ``https://host/t/${RUNYARD_CHANNEL_TOKEN_…}/c``. The name
    depends on the address alone, so that a new token makes no new environment.
    """
    tokens: dict[str, str] = {}

    def variable(match: re.Match[str]) -> str:
        if match["token"].startswith("${"):
            return match[0]
        address = f"{match['start']}{match.string[match.end() :]}".partition("::")[0].rstrip("/")
        name = f"{_TOKEN_VARIABLE}{zlib.crc32(address.encode()):08X}"
        tokens[name] = match["token"]
        return f"{match['start']}/t/${{{name}}}"

    return [_TOKEN.sub(variable, text) for text in texts], tokens


def without_token(address: str) -> str:
    """Return the address of a channel without the token in it; that of a variable as well."""
    return _TOKEN.sub(lambda match: match["start"], address)


def without_literal_token(text: str) -> str:
    """Return a channel, or a package with one, without a token that is no variable."""
    return _TOKEN.sub(lambda m: m[0] if m["token"].startswith("${") else m["start"], text)


def located(channel: str, variables: Mapping[str, str]) -> tuple[Channel, str]:
    """Return rattler's channel, without credentials, and its address with the token, if any.

    Names are resolved as conda does: ``CONDA_CHANNEL_ALIAS`` is where they lead to. ``variables``
    fill in ``${NAME}``.
    """
    import rattler

    alias = variables.get("CONDA_CHANNEL_ALIAS", "")
    config = rattler.ChannelConfig(alias.rstrip("/") + "/") if alias else rattler.ChannelConfig()
    address = without_credentials(filled(channel, variables))
    found = rattler.Channel(_DEFAULTS.get(address, address), config)
    clean = without_token(found.base_url)
    if clean == found.base_url:
        return found, ""
    return rattler.Channel(clean), found.base_url


def missing_variables(channel: str, variables: Mapping[str, str]) -> list[str]:
    """The variables that the channel names and that are not set."""
    return [name for name in _VARIABLE.findall(channel) if not variables.get(name)]


def filled(channel: str, variables: Mapping[str, str]) -> str:
    """Return the channel with ``${NAME}`` replaced; an unset name stays, as uv does."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), channel)


def secrets(channels: Iterable[str], variables: Mapping[str, str]) -> frozenset[str]:
    """Return what must never be shown: passwords and tokens in the addresses of channels."""
    channels = list(channels)
    values = {variables.get(name, "") for text in channels for name in _VARIABLE.findall(text)}
    addresses = [filled(channel, variables) for channel in channels]
    addresses.append(variables.get("CONDA_CHANNEL_ALIAS", "").rstrip("/") + "/")
    values |= {match["token"] for match in map(_TOKEN.search, addresses) if match}
    # A variable that is not set stays as its name.
    real = (value for value in values if value and not value.startswith("${"))
    return frozenset(real) | secrets_in(addresses)


def _planned(channel: str, folder: Path, place: str) -> str:
    if not isinstance(channel, str) or not channel.strip():
        raise UserErrorException(
            f"conda channel {channel!r}{place} is not text such as 'conda-forge'"
        )
    channel = channel.strip()
    path = re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", channel)
    if path != channel or channel.startswith((".", "/", "~")):
        return _folder(channel, (folder / Path(path).expanduser()).absolute(), place)
    if has_credentials(channel):
        hidden = without_literal_token(without_credentials(channel))
        raise UserErrorException(
            f"conda channel {hidden!r}{place} cannot be used: it holds a password, which "
            "would be stored with the run; write it as a variable, such as "
            "https://${USER}:${TOKEN}@host/channel, and set that where the run is submitted"
        )
    if not (_NAME.match(channel) or _URL.match(channel)):
        raise UserErrorException(
            f"conda channel {channel!r}{place} cannot be read; give a name such as 'conda-forge', "
            "an address such as 'https://host/channel', or the path of a folder such as './channel'"
        )
    return channel.rstrip("/")


def _folder(channel: str, path: Path, place: str) -> str:
    normal = Path(os.path.normpath(path))
    if not normal.is_dir():
        raise UserErrorException(
            f"conda channel {channel!r}{place} is not there: there is no folder {str(normal)!r}"
        )
    return normal.as_uri()
