"""``python -m benchmarks.curves [--quick] [--into FOLDER] [NAME ...]``; see the package."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.beside import page
from benchmarks.beside.machine import machine
from benchmarks.beside.numbers import shown
from benchmarks.curves.curve import Curve
from benchmarks.curves.measured import CURVES
from benchmarks.curves.plot import plot

_DOCS = Path(__file__).parents[2] / "docs"
_LONG_S = 5.0
"""What takes longer is measured once."""


def main(arguments: list[str]) -> int:
    """Measure, write the JSON, and make pictures and page of it."""
    names = [curve.name for curve in CURVES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, for correctness")
    parser.add_argument("--into", type=Path, help="a folder instead of docs/")
    parser.add_argument("--page", action="store_true", help="measure nothing, make the page again")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.names) - set(names)):
        parser.error(f"no curve {', '.join(unknown)}; there are: {', '.join(names)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    wanted = [] if asked.page else [c for c in CURVES if c.name in (asked.names or names)]
    if asked.quick and not asked.into:
        with tempfile.TemporaryDirectory(prefix="curves-page-") as folder:
            return _all(wanted, True, Path(folder))
    return _all(wanted, asked.quick, asked.into or _DOCS)


def _all(curves: list[Curve], quick: bool, docs: Path) -> int:
    kept = docs / "curves.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for curve in curves:
        found[curve.name] = _measured(curve, quick)
        kept.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    _make_page(docs, found)
    return 0


def _measured(curve: Curve, quick: bool) -> dict[str, Any]:
    lines: dict[str, dict[str, float]] = defaultdict(dict)
    # Runners of runs that have ended may write there while it is removed.
    with tempfile.TemporaryDirectory(prefix="curves-", ignore_cleanup_errors=True) as name:
        for size in curve.sizes_of(quick):
            folder = Path(name) / f"{size}"
            folder.mkdir()
            for line, seconds in _medians(curve, size, folder, quick).items():
                lines[line][f"{size}"] = float(f"{seconds:.3g}")
                print(f"{curve.name}: {size:,} {line}: {shown(seconds * 1e6, 'µs')}", flush=True)
        about = machine(Path(name))
    return {
        "title": curve.title,
        "unit": curve.unit,
        "why": curve.why,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": about,
        "lines": dict(lines),
    }


def _medians(curve: Curve, size: int, folder: Path, quick: bool) -> dict[str, float]:
    samples: dict[str, list[float]] = defaultdict(list)
    with curve.ready(size, folder) as measure:
        for _ in range(1 if quick else curve.rounds):
            taken = measure()
            for line, seconds in taken.items():
                samples[line].append(seconds)
            if sum(taken.values()) > _LONG_S:
                break
    return {line: statistics.median(many) for line, many in samples.items()}


def _make_page(docs: Path, found: dict[str, Any]) -> None:
    path, pictures = docs / "performance.md", docs / "curves"
    pictures.mkdir(exist_ok=True)
    text = path.read_text() if path.exists() else ""
    for name, result in found.items():
        (pictures / f"{name}.svg").write_text(plot(result))
        text = page.with_block(text, f"curve {name}", _block(name, result))
    path.write_text(text)


def _block(name: str, result: dict[str, Any]) -> str:
    """Picture, table, and why."""
    sizes = sorted({int(size) for line in result["lines"].values() for size in line})
    rows = [f"| {result['unit']} | {' | '.join(f'{size:,}' for size in sizes)} |"]
    rows.append(f"|---|{'---|' * len(sizes)}")
    for line, taken in result["lines"].items():
        cells = [shown(taken[f"{size}"] * 1e6, "µs") for size in sizes]
        rows.append(f"| {line} | {' | '.join(cells)} |")
    title = result["title"]
    picture = f"![{title}](curves/{name}.svg)"
    return "\n".join([f"### {title}", "", picture, "", *rows, "", _why(name, result)])


def _why(name: str, result: dict[str, Any]) -> str:
    """As it is written now, also where it was measured before."""
    now = {curve.name: curve.why for curve in CURVES}
    return now.get(name, str(result["why"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
