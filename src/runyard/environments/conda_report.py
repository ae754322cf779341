"""What the log says while conda packages are solved, fetched and installed."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import asynccontextmanager

from runyard.environments import conda_client
from runyard.environments.progress import Downloads, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from rattler import RepoDataRecord

_LOOK_EVERY_S = 0.2


class Report:
    """Says which packages are downloaded, how many are left, and their sizes.

    As much of rattler's InstallerReporter as is needed; called from the library's own threads.
    """

    def __init__(self, records: Sequence[RepoDataRecord], say: Callable[[str], object]) -> None:
        self._lock = threading.Lock()
        self._downloads = Downloads(say)
        for record in records:
            if not _is_cached(record):
                self._downloads.add(record.name.normalized, record.size)
        self._total = len(records)
        self._installed = 0
        self._names: list[str] = []

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Remember the name behind a token, which later calls give."""
        with self._lock:
            self._names.append(package_name)
            return len(self._names) - 1

    def on_download_start(self, cache_entry: int) -> int:
        """Say once, at the first download, how much there is to fetch."""
        with self._lock:
            self._downloads.announce()
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Take note of the bytes that are here."""
        with self._lock:
            self._downloads.receive(self._names[download_idx], progress)

    def on_download_completed(self, download_idx: int) -> None:
        """Say which package is here now."""
        with self._lock:
            self._downloads.finish(self._names[download_idx])

    def on_link_complete(self, index: int) -> None:
        """One more package is installed."""
        with self._lock:
            self._installed += 1

    def on_transaction_complete(self) -> None:
        """Say what has not been said yet."""
        self.pause()

    def pause(self) -> None:
        """Say what came too quickly to be said at once."""
        with self._lock:
            self._downloads.flush()

    def state(self) -> str:
        """How far it is."""
        with self._lock:
            waiting = self._downloads.state()
            return waiting or f"{self._installed} of {self._total} installed"


@asynccontextmanager
async def signs_of_life(
    step: str, say: Callable[[str], object], report: Report | None = None
) -> AsyncIterator[None]:
    """Say now and then, while in the block, that a step still goes on."""
    task = asyncio.get_running_loop().create_task(_say_signs(step, say, report))
    try:
        yield
    finally:
        task.cancel()


async def _say_signs(name: str, say: Callable[[str], object], report: Report | None) -> None:
    step = Step(name, say)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if report is not None:
            report.pause()
        step.tick(report.state if report else str)


def _is_cached(record: RepoDataRecord) -> bool:
    folder = f"{record.name.normalized}-{record.version}-{record.build}"
    return os.path.isdir(os.path.join(conda_client.packages_dir(), folder))
