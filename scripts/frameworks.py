#!/usr/bin/env python3
"""Build every version of every framework through runyard, train with it, and write the table.

Usage: ``.venv/bin/python scripts/frameworks.py [NAME[==VERSION] ...]``; without names all.
Needs the Pythons that the versions ask for and a package index, and downloads hundreds of
megabytes for most: each is built in a temporary folder with an empty cache, which is removed at
once. The rows of docs/frameworks.md of what was built are replaced, the others stay.
"""

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from runyard import Experiment, Run, Workspace, framework
from runyard.environments.names import package_name
from runyard.estimators import framework_data

REPO = Path(__file__).resolve().parent.parent
PAGE = REPO / "docs" / "frameworks.md"
SCRIPTS = REPO / "examples" / "frameworks"
TIMEOUT_S = 1200
HEADER = "| framework | version | date | Python | packages | seconds to build | trained |"
_ROW = re.compile(r"^\| (\w+) \| ([\d.]+) \|")


class Proof(NamedTuple):
    """One row of the table: what was built and how training went."""

    name: str
    version: str
    python: str
    packages: str
    build: str
    trained: str

    def row(self, date: str) -> str:
        """The row as Markdown."""
        cells = (self.name, self.version, date, self.python, self.packages, self.build)
        return f"| {' | '.join((*cells, self.trained))} |"


def main(wanted: list[str]) -> int:
    """Prove what is wanted; return how many did not train."""
    failed = 0
    for name, version in _chosen(wanted):
        print(f"--- {name} {version}", flush=True)
        proof = prove(name, version)
        row = proof.row(time.strftime("%Y-%m-%d"))
        print(row, flush=True)
        write(name, version, row)
        failed += not proof.trained.startswith("accuracy")
    return failed


def _chosen(wanted: list[str]) -> list[tuple[str, str]]:
    chosen = []
    for text in wanted or framework_data.names():
        name, _, version = text.partition("==")
        known = framework(name).get_supported_versions()
        if version and version not in known:
            sys.exit(f"{text}: {name} has {', '.join(known)}")
        chosen += [(name, item) for item in ([version] if version else known)]
    return chosen


def prove(name: str, version: str) -> Proof:
    """Build one version where nothing is cached, and train with it."""
    with tempfile.TemporaryDirectory(prefix="runyard-frameworks-") as folder:
        os.environ["UV_CACHE_DIR"] = f"{folder}/uv"
        os.environ["RUNYARD_CACHE_DIR"] = f"{folder}/cache"
        run = _trained(name, version, Workspace.create("proofs", path=folder, show_output=False))
        built = json.loads(Path(run.directory.path, "environment.json").read_text())
        return Proof(
            name,
            version,
            str(built.get("python_version", "")),
            _packages(name, version, built.get("lock") or []),
            f"{built.get('seconds', 0):.0f}",
            _outcome(run),
        )


def _trained(name: str, version: str, workspace: Workspace) -> Run:
    estimator = framework(name)(
        SCRIPTS,
        entry_script=f"train_{name.lower()}.py",
        compute_target="local",
        framework_version=version,
        max_run_duration_seconds=TIMEOUT_S,
    )
    run = Experiment(workspace, "proofs").submit(estimator)
    run.wait_for_completion(raise_on_error=False)
    return run


def _packages(name: str, version: str, lock: list[str]) -> str:
    """Those of the lock that the data file names, with the versions they came in."""
    ours = framework_data.find(name).versions[version].requirements()
    names = {package_name(line) for line in ours}
    shown = [line.replace("==", " ") for line in lock if package_name(line) in names]
    return ", ".join(shown)


def _outcome(run: Run) -> str:
    if run.get_status() == "Completed":
        return f"accuracy {run.get_metrics()['accuracy']:.3f}"
    error = run.get_details().get("error", {}).get("error", {})
    return f"no: {' '.join(str(error.get('message')).split())[:200]}"


def write(name: str, version: str, row: str) -> None:
    """Put the row of a version into the table of the page, in order."""
    order = [
        (item, v)
        for item in framework_data.names()
        for v in framework(item).get_supported_versions()
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index(HEADER) + 2
    end = next(n for n in range(start, len(lines) + 1) if not lines[n : n + 1] or not lines[n])
    rows = {(m[1], m[2]): line for line in lines[start:end] if (m := _ROW.match(line))}
    rows[name, version] = row
    table = [rows[key] for key in sorted(rows.keys() & {*order}, key=order.index)]
    PAGE.write_text("\n".join([*lines[:start], *table, *lines[end:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
