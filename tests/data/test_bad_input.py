"""Bad input of every kind is the exception of SDK v1, with the value and what to do.

A folder without room for what is fetched: tests/data/test_staging_faults.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.consumption import DatasetConsumptionConfig
from runyard.data.datapath import DataPath
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.data.reference import DataReference
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset

OUTSIDE = (
    "path {!r} leads outside the datastore with '..'; give a path below its root, or register the "
    "folder above as a datastore of its own"
)
TABULAR = (
    "a tabular dataset has no path, so it cannot be used in the mode {!r}: give it with "
    "as_named_input('name') alone, and read it in the script with "
    "run.input_datasets['name'].to_pandas_dataframe()"
)
NAMED = "both named 'a'; the script finds each by its name, so give one of them another"


class Parts:
    """What bad input is made of."""

    def __init__(self, store: Any) -> None:
        self.workspace = store.workspace
        self.store = store
        self.files = Dataset.File.from_files((store, "train/*"))
        self.table = Dataset.Tabular.from_delimited_files((store, "labels.txt"))


CASES: list[tuple[Callable[[Parts], object], str]] = [
    (lambda p: Datastore.get(p.workspace, "foto"), "there is no datastore 'foto' in "),
    (lambda p: Datastore(p.workspace, "photo"), "; did you mean 'photos'? It has workspaceblob"),
    (
        lambda p: Datastore.register(p.workspace, "s", "s3://b", endpoint="127.0.0.1:9000"),
        "datastore 's': option endpoint is '127.0.0.1:9000'; give a whole address, such as "
        "'http://127.0.0.1:9000' or 'https://127.0.0.1:9000'",
    ),
    (
        lambda p: Datastore.register(p.workspace, "s", "gs://b", base_url="https://"),
        "option base_url is 'https://'; give a whole address, such as 'http://host:port'",
    ),
    (
        lambda p: DataReference(p.store, "r", mode="copy"),
        "mode='copy' is not known; give one of mount, download, upload",
    ),
    (
        lambda p: DatasetConsumptionConfig("a", p.files, mode="upload"),
        "mode='upload' is not known; give one of direct, mount, download",
    ),
    (lambda p: DatasetConsumptionConfig("a", p.table, mode="mount"), TABULAR.format("mount")),
    (lambda p: p.table.as_named_input("a").as_mount(), TABULAR.format("mount")),
    (lambda p: p.table.as_named_input("a").as_download(), TABULAR.format("download")),
    (
        lambda p: p.files.as_named_input("a-b"),
        "name of an input 'a-b' is not valid: give 1 to 255 English letters, digits and '_' that "
        "do not begin with a digit, such as 'training_data'",
    ),
    (
        lambda p: p.store.path("train", "a-b"),
        "data_reference_name 'a-b' is not valid: give 1 to 255 English letters, digits and '_'",
    ),
    (lambda p: p.files.register(p.workspace, "a/b"), "dataset name 'a/b' is not valid"),
    (lambda p: p.store.path("../x"), OUTSIDE.format("../x")),
    (
        lambda p: p.store.upload(p.store.container_name, target_path="a/../../x"),
        OUTSIDE.format("a/../../x"),
    ),
    (lambda p: DataPath(p.store, "../x").create_data_reference("r"), OUTSIDE.format("../x")),
    (lambda p: Dataset.File.from_files((p.store, "../x/*")), OUTSIDE.format("../x/*")),
    (lambda p: Dataset.Tabular.from_delimited_files((p.store, "../x")), OUTSIDE.format("../x")),
    (lambda p: OutputFileDatasetConfig("a", (p.store, "../x")), OUTSIDE.format("../x")),
]


@pytest.mark.parametrize(("bad", "text"), CASES)
def test_bad_input_is_an_error_that_says_what_to_do(
    store: Any, bad: Callable[[Parts], object], text: str
) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        bad(Parts(store))


ON_SUBMIT: list[tuple[Callable[[Parts], list[Any]], str]] = [
    (
        lambda p: [p.files.as_named_input("a").as_mount(), p.table.as_named_input("a")],
        "two inputs are named 'a': DatasetConsumptionConfig('a', FileDataset(",
    ),
    (
        lambda p: [p.files.as_named_input("a").as_mount(), p.store.path(None, "a")],
        f"data reference and dataset input are {NAMED}",
    ),
    (
        lambda p: [p.table.as_named_input("a"), OutputFileDatasetConfig("a", (p.store, "out"))],
        f"dataset input and output are {NAMED}",
    ),
    (
        lambda p: [p.store.path("none", "n")],
        "data reference 'n': there is nothing at 'none' on datastore 'photos'",
    ),
    (lambda p: [p.table], "is a dataset, and a run needs to know how to get at it: give dataset."),
]


@pytest.fixture
def submit(experiment: Experiment, here: Environment, tmp_path: Path) -> Callable[..., Any]:
    """Submit an empty script with the arguments that a function makes."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text("")

    def submitted(made: Callable[[], list[Any]]) -> Any:
        given = made()
        return experiment.submit(
            ScriptRunConfig(tmp_path / "source", "train.py", given, environment=here)
        )

    return submitted


@pytest.mark.parametrize(("bad", "text"), ON_SUBMIT)
def test_bad_input_is_an_error_before_the_queue(
    store: Any,
    experiment: Experiment,
    submit: Callable[..., Any],
    bad: Callable[[Parts], list[Any]],
    text: str,
) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        submit(lambda: bad(Parts(store)))
    assert list(experiment.get_runs()) == []
