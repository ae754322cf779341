"""What the log says while conda packages are fetched and installed."""

from __future__ import annotations

import os
import threading

from runyard.environments import conda_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rattler import RepoDataRecord


class Report:
    """Says which packages are downloaded, how many are left, and their sizes.

    As much of rattler's InstallerReporter as is needed; called from the library's own threads.
    """

    def __init__(self, records: Sequence[RepoDataRecord], say: Callable[[str], object]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._sizes = {record.name.normalized: record.size for record in records}
        missing = [record for record in records if not _is_cached(record)]
        self._wanted = len(missing)
        self._size = sum(record.size or 0 for record in missing)
        self._names: list[str] = []
        self._done = 0

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Remember the name behind a token, which later calls give."""
        with self._lock:
            self._names.append(package_name)
            return len(self._names) - 1

    def on_download_start(self, cache_entry: int) -> int:
        """Say once, at the first download, how much there is to fetch."""
        with self._lock:
            if self._size >= 0:
                self._say(f"Downloading {self._wanted} packages{size(self._size, ', {}')}")
                self._size = -1
        return cache_entry

    def on_download_completed(self, download_idx: int) -> None:
        """Say which package is here now."""
        with self._lock:
            self._done += 1
            self._wanted = max(self._wanted, self._done)
            name = self._names[download_idx]
            shown = size(self._sizes.get(name), ", {}")
            self._say(f"Downloaded {self._done} of {self._wanted}: {name}{shown}")


def size(size_bytes: int | None, form: str) -> str:
    """Return ``form`` filled with a size to read, '' when it is not known."""
    if not size_bytes:
        return ""
    value, unit = float(size_bytes), "B"
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return form.format(f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}")


def _is_cached(record: RepoDataRecord) -> bool:
    folder = f"{record.name.normalized}-{record.version}-{record.build}"
    return os.path.isdir(os.path.join(conda_client.packages_dir(), folder))
