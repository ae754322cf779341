"""Keeping credentials of index URLs out of everything runyard writes."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
# Up to the *last* @ before the path: a password may hold an unquoted @.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/\s\"'`<>]*)@")
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/\s]*@)?(?P<host>[^/\s@]+)")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
# Shorter values would blank out ordinary words of a log; the URL form still hides them.
_SHORTEST_VALUE = 4


def has_credentials(url: str) -> bool:
    """Whether the text holds a URL with a literal password or token in it.

    ``git@`` of an ssh address is a login name, and ``${NAME}`` a variable that uv fills in.
    """
    return any(_is_secret(match) for match in _USER_INFO.finditer(url))


def without_credentials(url: str) -> str:
    """Remove ``user:password@`` from every URL in the text; variables and ssh logins stay."""
    return _USER_INFO.sub(lambda m: m["scheme"] if _is_secret(m) else m[0], url)


def secrets_in(texts: Iterable[str]) -> frozenset[str]:
    """Collect passwords and tokens of the URLs in the texts, as written and percent-decoded."""
    found: set[str] = set()
    for text in texts:
        for match in _USER_INFO.finditer(text):
            user, colon, password = match["user"].partition(":")
            # A lone user name is a token; beside a password it is an address or `__token__`.
            secret = password if colon and password else user
            if _is_secret(match):
                found.update((secret, _unquoted(secret)))
    return frozenset(value for value in found if len(value) >= _SHORTEST_VALUE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with URL credentials and every one of ``secrets`` replaced by ``***``."""
    text = _USER_INFO.sub(
        lambda m: f"{m['scheme']}{HIDDEN}@" if _is_secret(m) else m[0],
        text,
    )
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def host_of(url: str) -> str:
    """Return the host (and port) of a URL, never its user; the text itself for a local path."""
    match = _HOST.match(url)
    return match["host"] if match else without_credentials(url)


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _is_secret(match: re.Match[str]) -> bool:
    user = match["user"]
    if not user or _VARIABLE.sub("", user).strip(":") == "":
        return False
    return not ("ssh" in match["scheme"] and ":" not in user)
