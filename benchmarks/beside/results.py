"""docs/benchmarks.json: samples, medians and ratios of every scenario, and of which machine."""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.beside.machine import machine
from benchmarks.beside.measuring import Taken
from benchmarks.beside.scenario import Scenario

FORMAT = 1


def result(scenario: Scenario, taken: list[Taken], folder: Path) -> dict[str, Any]:
    """What is kept of one scenario. Ratios are to the first contender: 2.0 is twice its median."""
    keys = [quantity.key for quantity in scenario.quantities]
    contenders = [_contender(one, keys) for one in taken]
    first = contenders[0].get("medians", {})
    for one in contenders:
        medians = one.get("medians", {})
        ratios = {key: medians[key] / first[key] for key in medians if first.get(key)}
        if ratios:
            one["ratios"] = {key: _rounded(ratio) for key, ratio in ratios.items()}
    return {
        "title": scenario.title,
        "what": scenario.what,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": machine(folder),
        "quantities": {
            quantity.key: {"title": quantity.title, "unit": quantity.unit}
            for quantity in scenario.quantities
        },
        "contenders": contenders,
    }


def _contender(taken: Taken, keys: Iterable[str]) -> dict[str, Any]:
    about = {"name": taken.contender.name, "includes": taken.contender.includes}
    if taken.why_not:
        return {**about, "not_measured": taken.why_not}
    samples = {
        key: [_rounded(sample[key]) for sample in taken.samples if key in sample] for key in keys
    }
    samples = {key: numbers for key, numbers in samples.items() if numbers}
    return {
        **about,
        "version": taken.version,
        "samples": samples,
        "medians": {key: _rounded(statistics.median(many)) for key, many in samples.items()},
    }


def _rounded(number: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{number:.4g}")


def read(path: Path) -> dict[str, Any]:
    """All results; none where there is no file. Raises ValueError for another format."""
    if not path.exists():
        return {"format": FORMAT, "scenarios": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    if found.get("format") != FORMAT:
        raise ValueError(f"{path} has format {found.get('format')!r}; this reads {FORMAT}")
    return found


def write(path: Path, results: dict[str, Any]) -> None:
    """Numbers of one list on one line, so that the file can be read and compared."""
    text = json.dumps(results, indent=2, ensure_ascii=False)
    path.write_text(_short_lists(text) + "\n")


def _short_lists(text: str) -> str:
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside:
            lines[-1] += line.strip() if line.strip()[:1] == "]" else line.strip() + " "
            inside = line.strip()[:1] != "]"
            lines[-1] = lines[-1].replace(" ]", "]")
        else:
            lines.append(line)
            inside = line.endswith("[") and '"contenders"' not in line
    return "\n".join(lines)
