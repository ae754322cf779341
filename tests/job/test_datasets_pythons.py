"""Rows read under old Pythons with pandas alone are those that the newest reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.environments import uv_program
from runyard.job.datasets import definition, expressions, tabular_factory
from runyard.job.datasets.types import DataType, PromoteHeadersBehavior
from tests.job.conftest import JOB_PATH
from tests.requirements import missing

SCRIPT = Path(__file__).parent / "read_datasets.py"

pytestmark = pytest.mark.integration

FILES = {
    "types.csv": (
        "i,f,b,t,d,z,e,mixed,big,clock\n"
        "1,1.5,true,a,2019-01-31,2019-01-31T10:00:00Z,,01,9223372036854775808,12:30\n"
        "2,,False,,2020-02-29 10:20:30.5,2019-01-31T10:00:00+02:00,,x,1,13:00\n"
        "3,nan,true,ä,,,,2.50,2,\n"
    ),
    "a.csv": "n,v,w\n1,01,2019-01-01\n2,02,\n",
    "b.csv": "w,n,v,more\n2020-01-01,3.5,x,true\n",
    "odd.csv": '\ufeffa,a,"b\nc"\n"1,0",x,"line\nbreak"\n\n2,"say ""y"""\n',
    "headless.csv": "1;2,5\n3;4,5\n",
    "typed.csv": "zip,on,day,far\n01,yes,31/01/2019,0001-01-01\n02,maybe,x,9999-12-31\n",
    "many.csv": "n\n" + "".join(f"{n}\n" for n in range(1000)),
    "lines.jsonl": '{"n": 1, "s": "a"}\n{"n": 2, "l": [1, 2]}\n\n{"s": "2019-01-01"}\n',
}


@pytest.fixture
def contents(tmp_path: Path) -> list[dict[str, Any]]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf8")

    def content(names: str, made: dict[str, Any], *steps: dict[str, Any]) -> dict[str, Any]:
        files = [
            {"path": name, "local": str(tmp_path / name), "size_bytes": 1, "values": {}}
            for name in names.split()
        ]
        return {"definition": dict(made, steps=list(steps)), "id": "x", "files": files}

    def delimited(names: str, *steps: dict[str, Any], **options: Any) -> dict[str, Any]:
        return content(names, tabular_factory.of_delimited([], None, **options), *steps)

    typed = {
        "zip": DataType.to_string(),
        "on": DataType.to_bool(["yes"], ["no"]),
        "day": DataType.to_datetime("%d/%m/%Y"),
    }
    n = expressions.column("n")
    rule = expressions.checked((n * 2 > 100) & (n % 10 == 3) & ~(n == 123))
    none = PromoteHeadersBehavior.NO_HEADERS
    lines = definition.of_table([], {"kind": "json_lines"})
    return [
        delimited("types.csv"),
        delimited("types.csv", infer_column_types=False, empty_as_string=True),
        delimited("types.csv", {"step": "keep_columns", "columns": ["d", "i"]}),
        delimited("a.csv b.csv", include_path=True),
        delimited("b.csv a.csv", empty_as_string=True),
        delimited("odd.csv"),
        delimited("headless.csv", separator=";", header=none),
        delimited("typed.csv", set_column_types=typed),
        delimited("many.csv", {"step": "filter", "expression": rule}),
        delimited("many.csv", {"step": "split", "percentage": 0.1, "seed": 5, "part": 0}),
        delimited("many.csv", {"step": "sample", "probability": 0.05, "seed": 2**31}),
        delimited("many.csv", {"step": "skip", "count": 500}, {"step": "take", "count": 3}),
        content("lines.jsonl", lines),
        content("lines.jsonl", lines, {"step": "take", "count": 2}),
    ]


def read(python: str, contents: list[dict[str, Any]], folder: Path) -> Any:
    (folder / "contents.json").write_text(json.dumps(contents))
    env = {"PATH": os.defpath, "PYTHONPATH": str(JOB_PATH), "LC_ALL": "C"}
    done = subprocess.run(
        [python, "-W", "error::FutureWarning", str(SCRIPT), str(folder / "contents.json")],
        capture_output=True,
        text=True,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


OLD = [
    ("python3.6", ["pandas==0.25.3"]),
    ("python3.6", ["pandas==1.1.5", "pyarrow==6.0.1"]),
    ("python3.8", ["pandas==1.5.3", "numpy<1.25"]),
]


@pytest.mark.parametrize(("python", "packages"), OLD, ids=str)
def test_rows_are_the_same(
    tool: Callable[[str], str],
    contents: list[dict[str, Any]],
    tmp_path: Path,
    python: str,
    packages: list[str],
) -> None:
    code = "import sys; print(sys.executable)"
    found = subprocess.run([tool(python), "-c", code], capture_output=True, text=True, check=True)
    uv, place = uv_program.find_uv(), tmp_path / "env"
    subprocess.run([uv, "venv", "--quiet", "--python", found.stdout.strip(), place], check=True)
    install = [uv, "pip", "install", "--quiet", "--only-binary", ":all:"]
    done = subprocess.run(
        [*install, "--python", place / "bin/python", *packages], capture_output=True, text=True
    )
    if done.returncode != 0:
        missing("index", f"no package index has these for {python}: {done.stderr[-300:]}")
    here, there = (
        read(interpreter, contents, tmp_path)
        for interpreter in (sys.executable, str(place / "bin/python"))
    )
    for number, (ours, theirs) in enumerate(zip(here, there, strict=True)):
        assert theirs == ours, contents[number]["definition"]
