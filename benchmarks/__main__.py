"""Run all benchmarks, or those named: ``python -m benchmarks [submit log …]``.

Each prints one JSON object with ``within_budget``; exit 1 when a budget is exceeded.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """Run each benchmark in a process of its own, so that none warms up another."""
    folder = Path(__file__).parent
    found = sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))
    unknown = sorted(set(names) - set(found))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(found)}")
        return 2
    failed = [name for name in names or found if _run(name) != 0]
    print("over budget: " + ", ".join(failed) if failed else "all within budget")
    return 1 if failed else 0


def _run(name: str) -> int:
    print(f"--- {name}", flush=True)
    # Interpreters started below must find compiled files, as they do on users' machines.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    code = "import sys; from benchmarks.__main__ import one; sys.exit(one(sys.argv[1]))"
    return subprocess.run([sys.executable, "-c", code, name], env=env).returncode


def one(name: str) -> int:
    """Run one benchmark in this process and print its result."""
    result = importlib.import_module(f"benchmarks.bench_{name}").main()
    print(json.dumps(result, indent=2))
    return 0 if result["within_budget"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
