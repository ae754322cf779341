"""Snapshot of an unchanged tree of 10,000 files beside ``git status`` on it (budget: twice)."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard.history.snapshots import SnapshotStore

BUDGET = 2.0
FOLDERS = 100
FILES_PER_FOLDER = 100
ROUNDS = 10


def make_tree(root: Path) -> None:
    for folder in range(FOLDERS):
        place = root / f"package_{folder:03}"
        place.mkdir(parents=True)
        for file in range(FILES_PER_FOLDER):
            text = f"VALUE = {folder * FILES_PER_FOLDER + file}\n" * 20
            (place / f"module_{file:03}.py").write_text(text)


def commit(root: Path) -> None:
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    for step in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "tree"]):
        subprocess.run(["git", *identity, *step], cwd=root, check=True)


def times_ms(action: Callable[[], object], rounds: int) -> list[float]:
    measured = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        measured.append((time.perf_counter() - start) * 1e3)
    return measured


def measure(root: Path, store: SnapshotStore) -> dict[str, object]:
    def git_status() -> None:
        subprocess.run(["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True)

    first_ms = times_ms(lambda: store.take(root), 1)[0]
    # A file younger than two seconds is read again (see stat_cache), as git does with its own.
    time.sleep(2.2)
    git_status()
    store.take(root)
    # In turns: whatever else the machine does meanwhile hits both.
    git, ours = [], []
    for _ in range(ROUNDS):
        git += times_ms(git_status, 1)
        ours += times_ms(lambda: store.take(root), 1)
    ratio = statistics.median(ours) / statistics.median(git)
    return report(
        [Measure("snapshot of 10,000 files / git status", round(ratio, 2), BUDGET)],
        first_take_ms=round(first_ms, 1),
        git_status_min_ms=round(min(git), 1),
        git_status_median_ms=round(statistics.median(git), 1),
        take_min_ms=round(min(ours), 1),
        take_median_ms=round(statistics.median(ours), 1),
        ratio_of_minima=round(min(ours) / min(git), 2),
    )


def main() -> dict[str, object]:
    """Measure in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as folder:
        root = Path(folder) / "source"
        make_tree(root)
        commit(root)
        return measure(root, SnapshotStore(Path(folder) / "workspace"))
