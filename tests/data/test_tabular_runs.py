"""Whole runs with tables: read in the script, under this Python and under 3.6 with pandas alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset
from runyard.record.states import Reason
from runyard.testing import runs
from tests.data.test_dataset_runs import Place, place  # noqa: F401
from tests.data.test_runs import finished
from tests.requirements import missing

TABLE = """
import json, sys
from azureml.core import Dataset, Run
import pandas
run = Run.get_context()
given = run.input_datasets["rows"]
same = Dataset.get_by_id(run.experiment.workspace, id=sys.argv[1])
frame = given.to_pandas_dataframe()
assert same.to_pandas_dataframe().equals(frame)
few = given.take(2).keep_columns(["y"]).to_pandas_dataframe()
print(json.dumps({"columns": list(frame.columns), "rows": frame.values.tolist(),
                  "few": few.values.tolist(), "pandas": pandas.__version__,
                  "kinds": [str(kind) for kind in frame.dtypes]}))
"""
ROWS = {"a": "x,y\n1,one\n2,two\n", "b": "x,y\n3,three\n"}


@pytest.fixture
def rows(place: Place, workspace: Any, tmp_path: Path) -> Any:  # noqa: F811
    """A registered table of two files."""
    (tmp_path / "rows").mkdir()
    for name, text in ROWS.items():
        (tmp_path / "rows" / f"{name}.csv").write_text(text)
    place.datastore.upload(str(tmp_path / "rows"), "rows", show_progress=False)
    table = Dataset.Tabular.from_delimited_files((place.datastore, "rows/*.csv"))
    return table.register(workspace, "rows")


def said(run: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(runs.log_of(run.directory).splitlines()[-1])
    return found


def test_a_table_is_read_in_the_script(rows: Any, submit: Any) -> None:
    run = submit(TABLE, rows.as_named_input("rows"))
    finished(run)
    found = said(run)
    assert (found["columns"], found["rows"]) == (
        ["x", "y"],
        [[1, "one"], [2, "two"], [3, "three"]],
    )
    assert found["few"] == [["one"], ["two"]]
    assert run.get_details()["inputDatasets"][0]["consumptionDetails"]["mechanism"] == "Direct"
    assert run.input_datasets["rows"].to_pandas_dataframe().shape == (3, 2)


@pytest.mark.integration
def test_python_3_6_needs_pandas_and_no_more(
    rows: Any,
    experiment: Experiment,
    tool: Any,
    tmp_path: Path,
) -> None:
    tool("python3.6")
    environment = Environment("old")
    environment.python.conda_dependencies.set_python_version("3.6")
    environment.python.conda_dependencies.add_pip_package("pandas==1.1.5")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(TABLE)
    config = ScriptRunConfig(
        tmp_path / "source", "train.py", [rows.as_named_input("rows")], environment=environment
    )
    run = experiment.submit(config)
    state = runs.finish(run.directory, timeout_s=300)
    if state.reason is Reason.ENVIRONMENT_FAILED and "cannot be reached" in str(state.detail):
        missing("index", "no package index can be reached")
    assert state.reason is Reason.COMPLETED, (state.detail, runs.log_of(run.directory))
    found = said(run)
    assert found["pandas"] == "1.1.5"
    assert found["rows"] == [[1, "one"], [2, "two"], [3, "three"]]


WRITE = """
import os, sys
from azureml.core import Run
folder = Run.get_context().output_datasets["table"]
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "a.csv"), "w") as stream:
    stream.write("x;y\\n1;one\\n2;two\\n")
with open(os.path.join(folder, "notes.txt"), "w") as stream:
    stream.write("no table")
"""


def test_an_output_is_a_table_of_the_next_run(
    workspace: Any,
    place: Place,  # noqa: F811
    submit: Any,
) -> None:
    left = OutputFileDatasetConfig("table", (place.datastore, "table/{run-id}"))
    table = left.read_delimited_files(separator=";", path_glob="*.csv").register_on_complete("t")
    run = submit(WRITE, table)
    finished(run)
    registered = Dataset.get_by_name(workspace, "t")
    assert registered.to_pandas_dataframe().to_numpy().tolist() == [[1, "one"], [2, "two"]]
    assert run.output_datasets["table"].id == registered.id
    again = submit(TABLE, table.as_input("rows"))
    finished(again)
    assert said(again)["rows"] == [[1, "one"], [2, "two"]]
    numbers = submit(TABLE.replace('"y"', '"x"'), table.drop_columns("y").as_input("rows"))
    finished(numbers)
    assert (said(numbers)["columns"], said(numbers)["few"]) == (["x"], [[1], [2]])
    with pytest.raises(UserErrorException, match="a tabular dataset has no path, so it cannot be"):
        table.as_input("rows").as_mount()
