"""The whole of Dataset inside a run: what it needs of stores, runyard's own Python does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datastore import Datastore
from runyard.job import context
from runyard.job.datasets.api import Dataset
from runyard.record import creation
from runyard.record.layout import RunDirectory
from tests.data.conftest import files_of, write
from tests.s3_server import S3

JOB_PATH = Path(context.__file__).parent / "path"


@pytest.fixture
def run_directory(workspace: Any) -> RunDirectory:
    made = creation.create_run(workspace.directory, "exp", {"spec": {}})
    os.makedirs(made.datasets)
    return made


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def script(run_directory: RunDirectory, tmp_path: Path) -> Script:
    def call(code: str, python: str = sys.executable, runyards: str = sys.executable) -> Any:
        env = {**os.environ, "PYTHONPATH": str(JOB_PATH), "TMPDIR": str(tmp_path)}
        env["RUNYARD_CACHE_DIR"] = str(tmp_path / "cache")
        env.update(context.variables(run_directory, {}, "tests", runyards))
        head = "import os\nfrom runyard.job.datasets.api import Dataset\n"
        head += "from runyard.record.layout import WorkspaceDirectory\n"
        head += "ws = WorkspaceDirectory(os.environ['RUNYARD_WORKSPACE'])\n"
        return subprocess.run(
            [python, "-W", "error", "-c", head + code], capture_output=True, text=True, env=env
        )

    return call


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FILES = """
import json, sys
d = Dataset.get_by_name(ws, "faces")
first, second = d.random_split(0.5, seed=3)
target = d.skip(1).download()
parts = sorted(first.to_path() + second.to_path())
texts = [open(path).read() for path in target]
print(json.dumps([d.version, d.tags, d.to_path(), parts, texts, sorted(Dataset.get_all(ws)),
    d.register(ws, "again").version]))
"""


@pytest.mark.integration
@pytest.mark.parametrize("version", ["python3.6", "python3.8"])
def test_registered_files_of_a_bucket_in_an_old_python(
    script: Script, workspace: Any, s3: S3, tool: Callable[[str], str], version: str
) -> None:
    store = Datastore.register(workspace, "cloud", s3.bucket(f__a="A", f__b="B"), **s3.options)
    Dataset.File.from_files((store, "f")).register(workspace, "faces", tags={"x": "y"})
    code = "import sys; print(sys.executable)"
    python = subprocess.run([tool(version), "-c", code], capture_output=True, text=True, check=True)
    found = said(script(FILES, python=python.stdout.strip()))
    paths = ["/a.txt", "/b.txt"]
    assert found == [1, {"x": "y"}, paths, paths, ["B"], ["faces"], 1]
    assert Dataset.get_by_name(workspace, "again").to_path() == paths


def test_rows_of_registered_tables_and_queries(
    script: Script, workspace: Any, s3: S3, tmp_path: Path
) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute("create table t as select 1 as n union select 2")
    database.close()
    shop = Datastore.register(workspace, "shop", f"sqlite:///{tmp_path}/x.db")
    Dataset.Tabular.from_sql_query((shop, "select * from t")).register(workspace, "query")
    url = s3.bucket()
    s3.put(url, "t/a.csv", "n\n5\n")
    cloud = Datastore.register(workspace, "cloud", url, **s3.options)
    Dataset.Tabular.from_delimited_files((cloud, "t")).register(workspace, "table")
    code = "import json\nprint(json.dumps([list(map(int, Dataset.get_by_name(ws, name)"
    code += ".to_pandas_dataframe()['n'])) for name in ('query', 'table')]))"
    assert said(script(code)) == [[1, 2], [5]]


def test_inputs_of_the_run_are_found_by_id_and_version(
    script: Script, workspace: Any, store: Any, run_directory: RunDirectory
) -> None:
    made = Dataset.File.from_files((store, "train/**"))
    place = Path(store.container_name, "train")
    contents: dict[str, dict[str, Any]] = {
        "one": {
            "id": made.id,
            "files": [
                {"path": "a.txt", "local": str(place / "a.txt"), "size_bytes": 1, "values": {}},
                {
                    "path": "x.txt",
                    "local": str(place / "deep/b.txt"),
                    "size_bytes": 1,
                    "values": {},
                },
            ],
        },
        "all": {"id": "i2", "dataset": "faces", "version": 7, "folder": str(place), "files": None},
    }
    for name, content in contents.items():
        Path(run_directory.datasets, f"{name}.json").write_text(
            json.dumps({"definition": made._definition, "name": name, **content})
        )
    code = f"""
import json
one = Dataset.get_by_id(ws, {made.id!r})
all = Dataset.get_by_name(ws, "faces", version=7)
with all.mount() as view:
    shown = sorted(os.listdir(view.mount_point))
print(json.dumps([one.to_path(), one.take(1).to_path(), one.id, one.name, all.to_path(), all.name,
    all.version, all.skip(1).to_path(), shown, [open(p).read() for p in one.download()]]))
"""
    paths = ["/a.txt", "/deep/b.txt"]
    assert said(script(code, runyards="/no/python")) == [
        ["/a.txt", "/x.txt"],
        ["/a.txt"],
        made.id,
        None,
        paths,
        "faces",
        7,
        ["/deep/b.txt"],
        ["a.txt", "deep"],
        ["A", "B"],
    ]


def test_errors_of_the_stores_reach_the_script(script: Script, store: Any, workspace: Any) -> None:
    Dataset.File.from_files((store, "nothing"), validate=False).register(workspace, "faces")
    code = "Dataset.get_by_name(ws, 'faces').to_path()"
    done = script(code)
    assert "UserErrorException: there is no file at 'nothing' on datastore 'photos'" in done.stderr
    done = script(code, runyards="/no/python")
    assert (
        "this needs runyard's own Python, which a container does not reach; give the run the "
        "dataset as an input (as_named_input), and take it from run.input_datasets, or the "
        "datastore as a data reference (datastore.path('train').as_mount()), and take its path"
    ) in done.stderr
    done = script(code, runyards="/bin/false")
    assert "runyard's own Python (/bin/false) ended with code 1 and no answer" in done.stderr


def test_a_script_uploads_a_folder(script: Script, workspace: Any, tmp_path: Path) -> None:
    write(tmp_path / "made", a="A")
    code = f"""
class Store:
    name, workspace = "workspaceblobstore", ws
Dataset.File.upload_directory({str(tmp_path / "made")!r}, (Store, "up"), show_progress=False)
print("true")
"""
    assert said(script(code)) is True
    target = Path(workspace.get_default_datastore().container_name)
    assert files_of(target) == {"up/a.txt": "A"}
