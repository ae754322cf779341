"""``DatasetConsumptionConfig``: how a run gets at a dataset (spec 15.3)."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from typing import Any

from runyard.data import names
from runyard.data.reference import VARIABLE
from runyard.errors import UserErrorException

MODES = ("direct", "mount", "download")

_HDFS = (
    "the mode 'hdfs' is of Spark clusters, which are not a part of runyard; give the script a "
    "path with as_mount() or as_download()"
)


class DatasetConsumptionConfig:
    """A dataset among the inputs of a run.

    ``name``: of the input: letters, digits and '_'; ``run.input_datasets[name]`` is it in the
    script. None makes one. ``dataset``: a FileDataset or TabularDataset, (workspace, name) of a
    registered one, (workspace, name, version), or an OutputFileDatasetConfig that an earlier run
    has filled. ``mode``: 'direct' (the script gets the dataset), 'mount' or 'download' (of a
    FileDataset; it gets a path). ``path_on_compute``: where the script sees the files, relative
    to its working directory or absolute; None: at a place that the run chooses.

    ``str()`` of it is ``$AZUREML_DATAREFERENCE_<name>``, which the script's arguments expand to the
    path or the id. Raises UserErrorException for another mode, a path of a tabular dataset, or a
    name that is not valid.
    """

    def __init__(
        self,
        name: str | None,
        dataset: object,
        mode: str = "direct",
        path_on_compute: str | None = None,
    ) -> None:
        self.name = f"input_{uuid.uuid4().hex[:8]}" if name is None else name
        self._dataset = _checked_dataset(dataset)
        self._mode = _checked_mode(mode, self._dataset)
        self._place = names.checked_place(path_on_compute)

    @property
    def name(self) -> str:
        """Its name; may be set."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = names.checked_input("name of an input", name)
        names.warn_of_variable("name of an input", name)

    @property
    def dataset(self) -> Any:
        """The dataset, as it was given."""
        return self._dataset

    @property
    def mode(self) -> str:
        """'direct', 'mount' or 'download'."""
        return self._mode

    @property
    def path_on_compute(self) -> str | None:
        """Where the script sees the files, as it was asked for."""
        return self._place

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """A copy in the mode mount: the script reads the files where they lie, or from a cache."""
        return self._copy("mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """A copy in the mode download: the script gets copies of the files."""
        return self._copy("download", path_on_compute)

    def as_hdfs(self) -> DatasetConsumptionConfig:
        """Raises UserErrorException: there is no Spark here."""
        raise UserErrorException(_HDFS)

    def _copy(self, mode: str, place: str | None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self._name, self._dataset, mode, place)

    def _values(self) -> tuple[object, ...]:
        dataset = self._dataset
        if isinstance(dataset, tuple):
            return (dataset[0].directory.path, *dataset[1:], self._name, self._mode, self._place)
        return (getattr(dataset, "_definition", id(dataset)), self._name, self._mode, self._place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatasetConsumptionConfig):
            return False
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self._name, self._mode, self._place))

    def __str__(self) -> str:
        return f"${VARIABLE}{self._name}"

    def __repr__(self) -> str:
        return f"DatasetConsumptionConfig({self._name!r}, {self._dataset!r}, mode={self._mode!r})"


def is_dataset(item: object) -> bool:
    """Whether it is a FileDataset or a TabularDataset."""
    return _is(item, "runyard.job.datasets.dataset", "AbstractDataset")


def is_output(item: object) -> bool:
    """Whether it is an output of a run: an OutputFileDatasetConfig, or what it is read as."""
    return _is(item, "runyard.data.output_config", "OutputDatasetConfig")


def _is(item: object, module: str, kind: str) -> bool:
    """Where the module is not imported, nobody has made one."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(item, getattr(loaded, kind, ()))


def is_tabular(dataset: Any) -> bool:
    """Whether a dataset, or an output, is read as a table."""
    return bool(((dataset._definition or {}).get("type")) == "tabular")


def checked_mode(mode: object) -> str:
    """'direct', 'mount' or 'download', as it is. Raises UserErrorException otherwise."""
    if mode in MODES:
        return str(mode)
    if mode == "hdfs":
        raise UserErrorException(_HDFS)
    raise UserErrorException(f"mode={mode!r} is not known; give one of {', '.join(MODES)}")


def check_tabular(mode: str, tabular: bool) -> None:
    """Raise UserErrorException for a path of a tabular dataset, which has none (spec 15.3)."""
    if tabular and mode != "direct":
        raise UserErrorException(
            f"a tabular dataset has no path, so it cannot be used in the mode {mode!r}: give it "
            "with as_named_input('name') alone, and read it in the script with "
            "run.input_datasets['name'].to_pandas_dataframe(); or make it of the same files with "
            "Dataset.File.from_files"
        )


def _checked_mode(mode: object, dataset: Any) -> str:
    checked = checked_mode(mode)
    if not isinstance(dataset, tuple):
        check_tabular(checked, is_tabular(dataset))
    return checked


def _checked_dataset(dataset: Any) -> Any:
    if isinstance(dataset, Sequence) and not isinstance(dataset, str):
        return _checked_tuple(dataset)
    if is_dataset(dataset) or is_output(dataset):
        return dataset
    raise _wrong(dataset)


def _checked_tuple(given: Sequence[Any]) -> tuple[Any, str, Any]:
    """(workspace, name, version): as it is registered when the run is submitted."""
    if len(given) not in (2, 3) or not hasattr(given[0], "directory"):
        raise _wrong(given)
    name, version = given[1], given[2] if len(given) == 3 else "latest"
    if not isinstance(name, str) or not isinstance(version, (str, int, type(None))):
        raise _wrong(given)
    return given[0], name, "latest" if version is None else version


def _wrong(dataset: object) -> UserErrorException:
    return UserErrorException(
        f"dataset is {dataset!r} of type {type(dataset).__name__}; give a FileDataset or a "
        "TabularDataset, such as Dataset.get_by_name(workspace, 'iris'), or (workspace, 'iris')"
    )
