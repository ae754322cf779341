"""How py-rattler reaches channels: its client, its caches, the credentials of addresses."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import os
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import rattler
from rattler.networking import (
    AddHeadersMiddleware,
    AuthenticationMiddleware,
    MirrorMiddleware,
    RetryMiddleware,
)

from runyard.environments import build_lock, cache, conda_channels, conda_failures
from runyard.environments.redaction import without_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Literal

    CacheAction = Literal["cache-or-fetch", "force-cache-only", "no-cache"]

_RETRIES = 2
_LOCK_PAUSE_S = 0.02
_YES = ("1", "true", "yes", "on")


class Source:
    """One channel of a build.

    ``shown``: as the user wrote it. ``channel``: rattler's, without credentials, because the
    library writes addresses into the environment. ``headers``: what its host is told instead.
    ``with_token``: the address that is asked instead where it needs a token in it, else ''.
    """

    def __init__(
        self, shown: str, channel: rattler.Channel, credentials: str, with_token: str
    ) -> None:
        self.shown = shown
        self.channel = channel
        self.address = channel.base_url.rstrip("/")
        self.host = urlsplit(channel.base_url).hostname or ""
        self.with_token = with_token
        self.headers = {"Authorization": credentials} if credentials else {}

    @classmethod
    def of(cls, channel: str, variables: Mapping[str, str]) -> Source:
        """Return the source of a channel of a plan; ``variables`` fill in ``${NAME}``.

        Raises BuildFailure when one of them is not set.
        """
        missing = conda_channels.missing_variables(channel, variables)
        if missing:
            raise conda_failures.not_set(channel, missing)
        full = conda_channels.filled(channel, variables)
        located, with_token = conda_channels.located(channel, variables)
        shown = conda_channels.without_token(without_credentials(full))
        return cls(shown, located, _basic(full), with_token)

    def is_in(self, text: str) -> bool:
        """Whether an error text names this channel by its address."""
        place = self.address.removeprefix("file://")
        return any(part and part in text for part in (self.address, place, self.with_token))


def client(sources: Sequence[Source]) -> rattler.Client:
    """Return a client that honours rattler's own configuration files, or knows the passwords."""
    headers = {source.host: source.headers for source in sources if source.headers}
    tokens = {source.address: [source.with_token] for source in sources if source.with_token}
    if not headers and not tokens:
        config = rattler.Config.load_from_default_locations("rattler")
        return rattler.Client.from_config(config, max_retries=_RETRIES)
    return rattler.Client(
        [
            RetryMiddleware(_RETRIES),
            # The one middleware that rewrites addresses only on their way out.
            MirrorMiddleware(tokens),
            AddHeadersMiddleware(lambda host, _path: headers.get(host)),
            AuthenticationMiddleware(),
        ]
    )


def gateway(client: rattler.Client, action: CacheAction) -> rattler.Gateway:
    """Return what reads the channels' indexes, kept in runyard's cache."""
    return rattler.Gateway(
        cache_dir=Path(cache.cache_dir(), "conda", "repodata"),
        default_config=rattler.SourceConfig(cache_action=action),
        client=client,
    )


@asynccontextmanager
async def index_lock() -> AsyncIterator[None]:
    """One solve at a time reads and writes the cached indexes.

    So an index is fetched once. The packages have locks of the library's own.
    """
    path = Path(cache.cache_dir(), "conda", "repodata.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        while not _taken(file.fileno()):
            await asyncio.sleep(_LOCK_PAUSE_S)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Without it two may fetch the same.
        if error.errno not in build_lock.NO_FLOCK:
            raise
    return True


def packages_dir() -> Path:
    """Where fetched packages are kept, shared by all environments of the cache."""
    return Path(cache.cache_dir(), "conda", "packages")


def is_offline() -> bool:
    """Whether the user asked to work from the cache only, as conda or uv name it."""
    names = ("CONDA_OFFLINE", "UV_OFFLINE")
    return any(os.environ.get(name, "").lower() in _YES for name in names)


def _basic(address: str) -> str:
    """The value of an Authorization header for a user and password in an address, or ''."""
    if "://" not in address:
        return ""
    user_info, at, _ = urlsplit(address).netloc.rpartition("@")
    if not at:
        return ""
    user, _, password = user_info.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
