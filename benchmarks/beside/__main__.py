"""``python -m benchmarks.beside [--quick] [--rounds N] [--into FOLDER] [NAME ...]``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.beside import page, results
from benchmarks.beside.driver import variables
from benchmarks.beside.measuring import measure
from benchmarks.beside.missing import NotMeasured
from benchmarks.beside.scenario import find

_DOCS = Path(__file__).parents[2] / "docs"


def main(arguments: list[str]) -> int:
    """Measure, write the JSON, and make the page of it; 1 if a scenario failed."""
    # What was started is ended, however this ends. Who starts this has SIGTERM wait until here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; default: all")
    parser.add_argument("--quick", action="store_true", help="once and small, for correctness")
    parser.add_argument("--rounds", type=int, help="so many instead of a scenario's own number")
    parser.add_argument("--into", type=Path, help="a folder instead of docs/")
    parser.add_argument("--page", action="store_true", help="measure nothing, make the page again")
    parser.add_argument("--list", action="store_true", help="names and titles of the scenarios")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    scenarios = find()
    if unknown := sorted(set(asked.names) - scenarios.keys()):
        parser.error(f"no scenario {', '.join(unknown)}; there are: {', '.join(scenarios)}")
    if asked.list:
        print("\n".join(f"{name:20}  {one.title}" for name, one in scenarios.items()))
        return 0
    if asked.one:
        return _one(asked.names[0], asked)
    names = [] if asked.page else (asked.names or list(scenarios))
    if asked.quick and not asked.into:
        with tempfile.TemporaryDirectory(prefix="bench-page-") as folder:
            return _all(names, asked, Path(folder))
    return _all(names, asked, asked.into or _DOCS)


def _all(names: list[str], asked: argparse.Namespace, docs: Path) -> int:
    """Each in a process of its own; what is done is written, whatever comes after it."""
    docs.mkdir(exist_ok=True)
    failed = []
    for name in names:
        begun = time.monotonic()
        found = _result(name, asked)
        seconds = time.monotonic() - begun
        print(f"--- {name}: {'failed' if found is None else 'done'}, {seconds:.0f} s", flush=True)
        if found is None:
            failed.append(name)
            continue
        kept = results.read(docs / "benchmarks.json")
        kept["scenarios"][name] = found
        results.write(docs / "benchmarks.json", kept)
    page.make(docs)
    if names:
        print(f"scenarios: {len(names) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _result(name: str, asked: argparse.Namespace) -> dict[str, object] | None:
    with tempfile.TemporaryDirectory(prefix="bench-result-") as folder:
        path = Path(folder) / "result.json"
        argv = [sys.executable, "-m", "benchmarks.beside", name, f"--one={path}"]
        argv += ["--quick"] if asked.quick else []
        argv += [f"--rounds={asked.rounds}"] if asked.rounds else []
        # Told to end between the start and the wait, this would leave what it has started.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        with subprocess.Popen(argv, env=variables()) as process:
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                code = process.wait()
            except BaseException:
                process.terminate()
                raise
        if code != 0:
            return None
        found: dict[str, object] = json.loads(path.read_text())
        return found


def _one(name: str, asked: argparse.Namespace) -> int:
    scenario, path = find()[name], asked.one
    if asked.rounds:
        scenario = dataclasses.replace(scenario, rounds=asked.rounds)
    try:
        taken = measure(scenario, asked.quick, lambda line: print(line, flush=True))
    except NotMeasured as error:
        print(f"{name}: {error.why}, and RUNYARD_REQUIRE says that {error.needs} must be there")
        return 1
    for one in taken:
        if one.why_not:
            print(f"{name}: {one.contender.name}: not measured: {one.why_not}")
    path.write_text(json.dumps(results.result(scenario, taken, path.parent)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
