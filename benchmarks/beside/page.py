"""docs/benchmarks.md and docs/benchmarks/*.svg, made of docs/benchmarks.json.

A block is what stands between ``<!-- beside NAME -->`` and ``<!-- /beside NAME -->``; everything
else on the page is written by hand and kept. A scenario without a block gets one at the end. The
block ``summary`` has a line for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.beside import results
from benchmarks.beside.numbers import digits, shown, spread
from benchmarks.beside.plot import plot

_COLUMNS = 4
"""More quantities than this make a table too wide to read."""


def make(docs: Path) -> None:
    """Write the page and its pictures in the folder that has benchmarks.json."""
    page, pictures = docs / "benchmarks.md", docs / "benchmarks"
    text = page.read_text() if page.exists() else ""
    scenarios = results.read(docs / "benchmarks.json")["scenarios"]
    pictures.mkdir(exist_ok=True)
    for name, result in scenarios.items():
        if any("medians" in one for one in result["contenders"]):
            (pictures / f"{name}.svg").write_text(plot(result))
        text = with_block(text, name, "\n".join(block(name, result)))
    if scenarios:
        order = sorted(scenarios, key=lambda name: text.find(f"<!-- beside {name} -->"))
        lines = summary([scenarios[name] for name in order])
        text = with_block(text, "summary", "\n".join(lines))
    page.write_text(text)


def with_block(text: str, name: str, content: str) -> str:
    """The page with this content in the block of that name."""
    begin, end = f"<!-- beside {name} -->", f"<!-- /beside {name} -->"
    new = f"{begin}\n{content}\n{end}"
    if begin not in text:
        return f"{text.rstrip()}\n\n{new}\n".lstrip()
    old = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return old.sub(lambda _: new, text)


def summary(scenarios: list[dict[str, Any]]) -> Iterator[str]:
    """The first quantity of each scenario: our median, and the others' as multiples of it."""
    yield "| | measured | runyard | others, as multiples of it |"
    yield "|---|---|---|---|"
    for result in scenarios:
        key, quantity = next(iter(result["quantities"].items()))
        ours, *others = result["contenders"]
        ratios = [
            f"{one['name']} {digits(one['ratios'][key])}"
            for one in others
            if key in one.get("ratios", {})
        ]
        if key in ours.get("medians", {}):
            median = shown(ours["medians"][key], quantity["unit"])
            yield f"| {result['title']} | {quantity['title']} | {median} | {', '.join(ratios)} |"


def block(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines of a scenario: what it is, picture, table, and what each number includes."""
    measured = [one for one in result["contenders"] if "medians" in one]
    yield from (f"### {result['title']}", "", result["what"], "")
    if measured:
        yield from (f"![{result['title']}](benchmarks/{name}.svg)", "")
        yield from _table(measured, result["quantities"])
        yield ""
    for one in result["contenders"]:
        yield f"- {one['name']}: {one['includes']}{_why_not(one)}"
    yield from ("", _footnote(result, measured))


def _why_not(one: dict[str, Any]) -> str:
    return f" **Not measured**: {one['not_measured']}." if "not_measured" in one else ""


def _table(measured: list[dict[str, Any]], quantities: dict[str, Any]) -> Iterator[str]:
    """A row for each contender; of many quantities a row for each of them."""
    rows = [["", "version", *(quantity["title"] for quantity in quantities.values())]]
    for one in measured:
        cells = [_cell(one, key, quantity["unit"]) for key, quantity in quantities.items()]
        rows.append([one["name"], one["version"], *cells])
    if len(quantities) > _COLUMNS:
        rows = [list(column) for column in zip(*rows, strict=True)]
    rows.insert(1, ["---"] * len(rows[0]))
    yield from (f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


def _cell(one: dict[str, Any], key: str, unit: str) -> str:
    """``39 ms (34 to 43 ms), 1.2 ×``."""
    if key not in one["medians"]:
        return "–"
    samples, text = one["samples"][key], shown(one["medians"][key], unit)
    if min(samples) != max(samples):
        text += f" ({spread(min(samples), max(samples), unit)})"
    ratio = one.get("ratios", {}).get(key)
    return text if ratio in (None, 0.0, 1.0) else f"{text}, {digits(ratio)} ×"


def _footnote(result: dict[str, Any], measured: list[dict[str, Any]]) -> str:
    machine = result["machine"]
    counts = sorted({len(many) for one in measured for many in one["samples"].values()})
    of = (
        " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) if counts else 0
    )
    return (
        f"Medians (lowest to highest), samples of each: {of}. {result['date']}, {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['kernel']}, "
        f"{machine['file_system']}, Python {machine['python']}. "
        f"× is how many times the median of {result['contenders'][0]['name']}."
    )
