"""Rows of a tabular dataset as a DataFrame, beside pyarrow's own reader, pandas and DuckDB.

One CSV of 1 GB (numbers, whole numbers, text), each reader in a process of its own, in turns, the
best time of each; a parquet file of which two of 50 columns are read; ``take(5)`` of the CSV.
The budget is a ratio to pyarrow measured in the same turns, so a busy machine counts for both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard.environments import uv_program

BYTES = int(os.environ.get("RUNYARD_BENCH_CSV_BYTES", str(10**9)))
TURNS = 6
BUDGET_RATIO = 1.2
TAKE_BUDGET_MS = 100.0

OURS = """
from runyard.job.datasets import definition
from runyard.job.datasets.dataset import AbstractDataset
import pandas, pyarrow.csv, pyarrow.parquet
kind = "delimited" if path.endswith("csv") else "parquet"
made = definition.of_table([], {"kind": kind})
staged = {"files": [{"path": "x", "values": {}, "size_bytes": 1, "local": path}], "steps": 0}
dataset = AbstractDataset._of(None, made, staged=staged)
"""

READERS = {
    "ours": (OURS, "dataset.to_pandas_dataframe()"),
    "pyarrow": ("import pandas, pyarrow.csv", "pyarrow.csv.read_csv(path).to_pandas()"),
    "pandas": ("import pandas", "pandas.read_csv(path)"),
    "DuckDB": ("import duckdb, pandas", "duckdb.read_csv(path).df()"),
    "ours, two columns": (OURS, "dataset.keep_columns(['c3', 'c7']).to_pandas_dataframe()"),
    "pyarrow, two columns": (
        "import pandas, pyarrow.parquet",
        "pyarrow.parquet.read_table(path, columns=['c3', 'c7']).to_pandas()",
    ),
    "DuckDB, two columns": (
        "import duckdb, pandas",
        "duckdb.read_parquet(path).project('c3, c7').df()",
    ),
    "ours, take(5)": (OURS, "dataset.take(5).to_pandas_dataframe()"),
    "DuckDB, take(5)": ("import duckdb, pandas", "duckdb.read_csv(path).limit(5).df()"),
}

TIMED = """
import json, resource, sys, time
path = sys.argv[1]
{setup}
begin, cpu = time.perf_counter(), time.process_time()
frame = {read}
seconds = time.perf_counter() - begin
used = time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps([seconds, used, len(frame), peak]))
"""

WRITE = """
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, sys
folder, wanted = sys.argv[1], int(sys.argv[2])
draw = np.random.default_rng(0)
rows = 200_000
frame = pd.DataFrame({f"f{n}": draw.random(rows).round(6) for n in range(6)})
for n in range(5):
    frame[f"i{n}"] = draw.integers(0, 10**6, rows)
frame["name"] = draw.choice(["alpha", "beta", "gamma", "delta"], rows)
frame["word"] = [f"w{n}" for n in draw.integers(0, 10**5, rows)]
head, body = frame.to_csv(index=False).encode().split(b"\\n", 1)
with open(f"{folder}/big.csv", "wb") as file:
    file.write(head + b"\\n")
    while file.tell() < wanted:
        file.write(body)
wide = pa.table({f"c{n}": draw.random(500_000) for n in range(50)})
pq.write_table(wide, f"{folder}/wide.parquet")
"""


def main() -> dict[str, object]:
    """By reader: seconds (best of six) and those of its processors, rows, peak memory in MB."""
    with tempfile.TemporaryDirectory(prefix="bench-tabular-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", WRITE, name, str(BYTES)], check=True)
        duckdb = _with_duckdb(folder)
        _timed(
            sys.executable, "pyarrow", folder
        )  # what was written is still on its way to the disk
        best: dict[str, list[float]] = {}
        for turn in range(TURNS):
            # Who comes after whom counts: memory that a reader has given back is to be cleared.
            for reader in READERS if turn % 2 else reversed(READERS):
                if reader.startswith("DuckDB") and duckdb is None:
                    continue
                python = str(duckdb) if reader.startswith("DuckDB") else sys.executable
                found = _timed(python, reader, folder)
                best[reader] = min(best.get(reader, found), found)
        ratio = best["ours"][0] / best["pyarrow"][0]
    return report(
        [
            Measure("1 GB CSV beside pyarrow's reader", ratio, BUDGET_RATIO),
            Measure("take(5) of it", best["ours, take(5)"][0] * 1000, TAKE_BUDGET_MS, "ms"),
        ],
        csv_bytes=BYTES,
        readers={
            reader: {"s": round(s, 3), "cpu_s": round(cpu, 3), "rows": rows, "peak_mb": peak}
            for reader, (s, cpu, rows, peak) in best.items()
        },
        without=[] if duckdb else ["DuckDB: it cannot be installed here"],
    )


def _with_duckdb(folder: Path) -> Path | None:
    """An interpreter that has DuckDB, in an environment of its own."""
    uv, place = uv_program.find_uv(), str(folder / "duckdb")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    python = f"{place}/bin/python"
    install = [uv, "pip", "install", "--quiet", "--python", python, "duckdb", "pandas"]
    return Path(python) if subprocess.run(install, capture_output=True).returncode == 0 else None


def _timed(python: str, reader: str, folder: Path) -> list[float]:
    setup, read = READERS[reader]
    path = folder / ("wide.parquet" if "two columns" in reader else "big.csv")
    code = TIMED.format(setup=setup, read=read)
    done = subprocess.run(
        [python, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, check=True
    )
    found: list[float] = json.loads(done.stdout.splitlines()[-1])  # DuckDB shows its progress
    return found
