"""Run all benchmarks, or those named: ``python -m benchmarks [submit log start …]``.

Each prints one JSON object; at the end a table says what was measured beside its budget. Exit 1
when a budget is exceeded or a benchmark fails. Then follow the scenarios of ``benchmarks.beside``,
or those named, whose results are written to docs/. ``curves`` are those of ``benchmarks.curves``,
which take a quarter of an hour, and only when they are named.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.beside.__main__ import main as beside
from benchmarks.beside.scenario import find
from benchmarks.curves.__main__ import main as curves
from benchmarks.measure import Measure, table

_CURVES = "curves"


def main(names: list[str]) -> int:
    """Run each benchmark in a process of its own, so that none warms up another."""
    scenarios = [name for name in names or find() if name in find()]
    budgets = _names_of_budgets()
    unknown = sorted(set(names) - set(budgets) - set(scenarios) - {_CURVES})
    if unknown:
        there = ", ".join(sorted({*budgets, *find(), _CURVES}))
        print(f"no benchmark named {', '.join(unknown)}; there are: {there}")
        return 2
    codes = [_budgets([name for name in names or budgets if name in budgets])]
    codes += [beside(scenarios)] if scenarios else []
    codes += [curves([])] if _CURVES in names else []
    return max(codes)


def _names_of_budgets() -> list[str]:
    folder = Path(__file__).parent
    return sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))


def _budgets(names: list[str]) -> int:
    measures: list[Measure] = []
    failed = []
    for name in names:
        result = _run(name)
        failed += [name] if result is None else []
        measures += result or []
    print("\n".join(table(measures)))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed or any(measure.ratio > 1 for measure in measures) else 0


def _run(name: str) -> list[Measure] | None:
    """The measures of one benchmark, whose result is printed; None when it failed."""
    print(f"--- {name}", flush=True)
    # Interpreters started below must find compiled files, as they do on users' machines.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    code = "import sys; from benchmarks.__main__ import one; one(sys.argv[1])"
    command = [sys.executable, "-c", code, name]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        return None
    return [Measure(**measure) for measure in json.loads(done.stdout)["measures"]]


def one(name: str) -> None:
    """Run one benchmark in this process and print its result."""
    result = importlib.import_module(f"benchmarks.bench_{name}").main()
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
