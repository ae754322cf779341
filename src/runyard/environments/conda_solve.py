"""Solving and installing conda packages with py-rattler; imported only to build one."""

from __future__ import annotations

import asyncio
import os
import time

import rattler
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

from runyard.environments import conda_client, conda_failures, conda_reasons
from runyard.environments.build_failure import BuildFailure
from runyard.environments.conda_client import Source
from runyard.environments.conda_report import Report, signs_of_life
from runyard.environments.progress import size
from runyard.environments.redaction import without_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rattler import RepoDataRecord

    from runyard.environments.conda_client import CacheAction
    from runyard.environments.spec import EnvironmentSpec

# py-rattler 0.28 takes a server's word that its cached index is still good for an error.
_NOT_MODIFIED = "304 Not Modified"


def make(spec: EnvironmentSpec, prefix: str, say: Callable[[str], object]) -> dict[str, Any]:
    """Solve the packages of the spec and install them into ``prefix``.

    Returns ``lock`` (one line a package) and ``python_version`` (full). Raises BuildFailure.
    """
    return asyncio.run(_Making(spec, prefix, say).run())


class _Making:
    def __init__(self, spec: EnvironmentSpec, prefix: str, say: Callable[[str], object]) -> None:
        self._spec = spec
        self._prefix = prefix
        self._say = say
        self._is_refresh = bool(getattr(spec, "refreshes", ""))
        self._sources = [Source.of(channel, os.environ) for channel in spec.channels]
        self._client = conda_client.client(self._sources)

    async def run(self) -> dict[str, Any]:
        started = time.monotonic()
        self._say(f"Solving {len(self._spec.conda_packages)} conda requirements")
        async with signs_of_life("Solving", self._say), conda_client.index_lock():
            records = await self._solved()
        self._say(f"Solved in {time.monotonic() - started:.1f} s: {_count(len(records))}")
        await self._install(records)
        records.sort(key=lambda record: record.name.normalized)
        return {
            "lock": [self._line(record) for record in records],
            "python_version": _python_version(records),
        }

    async def _solved(self) -> list[RepoDataRecord]:
        """The packages; what is cached of the channels serves where one is unreachable."""
        if conda_client.is_offline():
            return await self._solve("force-cache-only")
        try:
            # An index may be good for an hour by its own word: not for who asks for what is new.
            return await self._solve("no-cache" if self._is_refresh else "cache-or-fetch")
        except GatewayError as error:
            text = str(error)
        if _NOT_MODIFIED in text:
            return await self._solve("no-cache")
        failure = self._unreachable(text)
        try:
            records = await self._solve("force-cache-only")
        except (GatewayError, BuildFailure):
            raise failure from None
        self._say(f"  note: {failure.message}; what is cached of it is used")
        return records

    async def _solve(self, action: CacheAction) -> list[RepoDataRecord]:
        gateway = conda_client.gateway(self._client, action)
        try:
            return await rattler.solve(
                [source.channel for source in self._sources],
                [self._match_spec(text) for text in self._spec.conda_packages],
                gateway=gateway,
                virtual_packages=_virtual_packages(),
                channel_priority=rattler.ChannelPriority.Strict,
                channel_relations="disabled",
            )
        except SolverError as error:
            raise await conda_reasons.of_solve(
                str(error), self._spec, self._sources, gateway
            ) from None
        except GatewayError as error:
            if conda_client.is_offline():
                raise conda_failures.offline(str(error), self._channel_in(str(error))) from None
            raise

    async def _install(self, records: list[RepoDataRecord]) -> None:
        report = Report(records, self._say)
        started = time.monotonic()
        try:
            async with signs_of_life("Installing", self._say, report):
                await self._fetch_and_link(records, report)
        except Exception as error:
            raise self._not_installed(str(error), type(error).__name__) from None
        self._say(f"Installed {_count(len(records))} in {time.monotonic() - started:.1f} s")
        for record in sorted(records, key=lambda record: record.name.normalized):
            self._say(f" + {_identity(record)}{size(record.size, ' ({})')}")

    async def _fetch_and_link(self, records: list[RepoDataRecord], reporter: Any) -> None:
        await rattler.install(
            records,
            self._prefix,
            cache_dir=conda_client.packages_dir(),
            installed_packages=[],
            # As conda does: a few packages finish themselves with one.
            execute_link_scripts=True,
            show_progress=False,
            client=self._client,
            reporter=reporter,
        )

    def _not_installed(self, text: str, kind: str) -> BuildFailure:
        if conda_failures.is_full(text) or not conda_failures.is_network(text):
            return conda_failures.of_text(text, self._prefix, kind)
        return self._unreachable(text)

    def _unreachable(self, text: str) -> BuildFailure:
        for line in text.splitlines():
            self._say(line)
        if conda_failures.is_full(text):
            return conda_failures.of_text(text, self._prefix, "GatewayError")
        return conda_failures.unreachable(text, self._channel_in(text))

    def _channel_in(self, text: str) -> str:
        """The channel, as the user wrote it, that an error text names by its address."""
        named = (source.shown for source in self._sources if source.is_in(text))
        return next(named, self._sources[0].shown)

    def _match_spec(self, text: str) -> rattler.MatchSpec:
        name, qualified, rest = text.partition("::")
        if qualified:
            source = Source.of(name, os.environ)
            text = f"{source.channel.base_url.rstrip('/')}::{rest}"
        try:
            return rattler.MatchSpec(text)
        except InvalidMatchSpecError as error:
            raise BuildFailure(
                "unresolvable", f"The conda package {text!r} cannot be read: {error}", None
            ) from None

    def _line(self, record: RepoDataRecord) -> str:
        """``name=version=build channel=… sha256=…``."""
        address = without_credentials(str(record.channel)).rstrip("/")
        named = (source.shown for source in self._sources if source.address == address)
        digest = record.sha256.hex() if record.sha256 else "unknown"
        channel = f"{next(named, address)}/{record.subdir}"
        return f"{_identity(record)} channel={channel} sha256={digest}"


def _virtual_packages() -> list[rattler.VirtualPackage]:
    """What this machine has: kernel, glibc, processor, CUDA; CONDA_OVERRIDE_* count."""
    return rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env())


def _identity(record: RepoDataRecord) -> str:
    return f"{record.name.normalized}={record.version}={record.build}"


def _python_version(records: list[RepoDataRecord]) -> str:
    return next(str(item.version) for item in records if item.name.normalized == "python")


def _count(number: int) -> str:
    return "1 conda package" if number == 1 else f"{number} conda packages"
