"""``OutputFileDatasetConfig``: a folder that a run leaves on a datastore (spec 15.3)."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.data import names
from runyard.data.consumption import DatasetConsumptionConfig
from runyard.data.datapath import DataPath
from runyard.data.reference import VARIABLE
from runyard.data.registry import DEFAULT
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException
from runyard.job.datasets import arguments
from runyard.job.values import texts
from runyard.record import datasets

if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory

_PLACES = {
    "of_files": "runyard.job.datasets.definition:of_files",
    "of_delimited": "runyard.job.datasets.tabular_factory:of_delimited",
    "of_parquet": "runyard.job.datasets.tabular_factory:of_parquet",
}

DEFAULT_PATH = "dataset/{run-id}/{output-name}"


class Left:
    """The run that was submitted last with an output; all copies of an output share it."""

    run: RunDirectory | None = None


class OutputDatasetConfig:
    """What outputs of all kinds share; runs take `OutputFileDatasetConfig`.

    All methods return copies. ``str()`` of one is ``$AZUREML_DATAREFERENCE_<name>``, which the
    script's arguments expand to the folder.
    """

    _mode: str
    _datastore: str
    _workspace: str | None
    _path: str
    _place: str | None
    _overwrite: bool
    _globs: tuple[str, ...] | None
    _registration: dict[str, Any] | None
    _definition: dict[str, Any] | None
    _left: Left

    def __init__(self, name: str | None = None) -> None:
        self.name = f"output_{uuid.uuid4().hex[:8]}" if name is None else name

    @property
    def name(self) -> str:
        """The name of the output in the run; may be set."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = names.checked_input("name of an output", name)
        names.warn_of_variable("name of an output", name)

    def register_on_complete(
        self,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Any:
        """A copy that becomes a version of the dataset ``name`` when its run has completed.

        Each run makes a new version. ``tags``: of the dataset, text by name. Raises
        UserErrorException for a name that no dataset can have.
        """
        datasets.checked_name(name)
        if tags is not None and not isinstance(tags, Mapping):
            raise UserErrorException(
                f"tags is {tags!r} of type {type(tags).__name__}; give a dict such as "
                "{'stage': 'trial'}"
            )
        registration = {"name": name, "description": description, "tags": texts(tags or {})}
        return self._copy(_registration=registration)

    def as_mount(self, disable_metadata_cache: bool = False) -> Any:
        """A copy in the mode mount. ``disable_metadata_cache`` has no effect: there is none."""
        return self._copy(_mode="mount", _overwrite=False, _globs=None)

    def as_upload(
        self, overwrite: bool = False, source_globs: str | Sequence[str] | None = None
    ) -> Any:
        """A copy in the mode upload: the files are stored when the script has ended.

        ``overwrite``: replace files that are there already. ``source_globs``: of the files that
        are stored, such as ``'*.csv'`` or ``['a/**', 'b.txt']``; None: all.
        """
        return self._copy(
            _mode="upload", _overwrite=bool(overwrite), _globs=_checked_globs(source_globs)
        )

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """What the last run submitted with it has left, as an input of another run.

        ``name``: of the input; None makes one. Files are mounted, a table is given as a dataset.
        That run must have completed when the other is submitted.
        """
        tabular = (self._definition or {}).get("type") == "tabular"
        return DatasetConsumptionConfig(name, self, "direct" if tabular else "mount")

    def _copy(self, **changed: Any) -> Any:
        twin = copy.copy(self)
        twin.__dict__.update(changed)
        return twin

    def _values(self) -> dict[str, Any]:
        return {name: item for name, item in self.__dict__.items() if name != "_left"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputDatasetConfig) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self._name, self._path, self._mode))

    def __str__(self) -> str:
        return f"${VARIABLE}{self._name}"

    def __repr__(self) -> str:
        where = f"{self._datastore}:{self._path}"
        return f"{type(self).__name__}({self._name!r}, {where!r}, mode={self._mode!r})"


class OutputFileDatasetConfig(OutputDatasetConfig):
    """A folder the script writes to, which a datastore has when the run has ended.

    ``name``: of the output: letters, digits and '_'; ``run.output_datasets[name]`` is the folder
    in the script. None makes one. ``destination``: (datastore, path), in whose path
    ``{run-id}`` and ``{output-name}`` are replaced; None: ``dataset/{run-id}/{output-name}`` on
    workspaceblobstore. ``source``: where the script writes, relative to its working directory or
    absolute; None: at a place that the run chooses. ``partition_format``: what the paths of the
    files say, as for ``Dataset.File.from_files``.

    The mode is mount: on a folder of this machine the script writes to the destination itself,
    elsewhere its files are stored when it has ended, also when it failed. Raises
    UserErrorException for a destination of another form, or a path that leads out.
    """

    def __init__(
        self,
        name: str | None = None,
        destination: object = None,
        source: str | None = None,
        partition_format: str | None = None,
    ) -> None:
        super().__init__(name)
        self._datastore, self._path, self._workspace = _destination(destination)
        self._place = names.checked_place(source)
        self._mode, self._overwrite, self._globs = "mount", False, None
        self._registration, self._left = None, Left()
        self._definition = None
        if partition_format is not None:
            self._definition = _definition("of_files", partition_format=partition_format)

    def read_delimited_files(  # noqa: PLR0917
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Mapping[str, Any] | None = None,
    ) -> OutputTabularDatasetConfig:
        """The output as a table of its delimited files, for as_input and register_on_complete.

        ``path_glob``: of the files that are read, such as ``'*.csv'``; None: all. The others as
        for ``Dataset.Tabular.from_delimited_files``.
        """
        return self._read(
            "of_delimited",
            path_glob,
            include_path=include_path,
            separator=separator,
            header=header,
            partition_format=partition_format,
            set_column_types=set_column_types,
        )

    def read_parquet_files(
        self,
        include_path: bool = False,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Mapping[str, Any] | None = None,
    ) -> OutputTabularDatasetConfig:
        """The output as a table of its parquet files; see `read_delimited_files`."""
        return self._read(
            "of_parquet",
            path_glob,
            include_path=include_path,
            partition_format=partition_format,
            set_column_types=set_column_types,
        )

    def _read(self, kind: str, glob: str | None, **options: Any) -> OutputTabularDatasetConfig:
        twin = OutputTabularDatasetConfig.__new__(OutputTabularDatasetConfig)
        content = {**self.__dict__, "_definition": _definition(kind, glob, **options)}
        twin.__dict__.update(content)
        return twin


class OutputTabularDatasetConfig(OutputDatasetConfig):
    """An output whose files are read as a table; `OutputFileDatasetConfig` makes it."""

    def __init__(self, **kwargs: Any) -> None:
        raise UserErrorException(
            "an OutputTabularDatasetConfig is not made like this; take "
            "OutputFileDatasetConfig('name').read_delimited_files() or .read_parquet_files()"
        )

    def keep_columns(self, columns: str | Sequence[str]) -> OutputTabularDatasetConfig:
        """A copy with these columns alone."""
        return self._with_columns("keep_columns", columns)

    def drop_columns(self, columns: str | Sequence[str]) -> OutputTabularDatasetConfig:
        """A copy without these columns."""
        return self._with_columns("drop_columns", columns)

    def _with_columns(self, step: str, columns: Any) -> OutputTabularDatasetConfig:
        given = arguments.checked_columns(columns)
        add = _names.load("runyard.job.datasets.definition:with_step")
        made: OutputTabularDatasetConfig = self._copy(
            _definition=add(self._definition, step, columns=given)
        )
        return made


def _definition(kind: str, glob: str | None = None, **options: Any) -> dict[str, Any]:
    """The definition of a dataset of an output: its one source is relative to the output."""
    make = _names.load(_PLACES[kind])
    source = names.inside(glob) or "**"
    made: dict[str, Any] = make([("", source)], **options)
    return made


def _destination(given: Any) -> tuple[str, str, str | None]:
    """Name of the datastore, path, and the folder of its workspace."""
    if given is None:
        return DEFAULT, DEFAULT_PATH, None
    if isinstance(given, DataPath):
        given = (given.datastore, given.path_on_datastore)
    if isinstance(given, StorageDatastore):
        given = (given, None)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        datastore, path = given
        if isinstance(datastore, StorageDatastore):
            inside = names.inside(path) or DEFAULT_PATH
            return datastore.name, inside, datastore.workspace.directory.path
    raise UserErrorException(
        f"destination is {given!r} of type {type(given).__name__}; give (datastore, path), such as "
        "(workspace.get_default_datastore(), 'prepared/{run-id}'), or leave it out"
    )


def _checked_globs(globs: object) -> tuple[str, ...] | None:
    if globs is None:
        return None
    given = (globs,) if isinstance(globs, str) else globs
    if isinstance(given, (list, tuple)) and all(isinstance(glob, str) for glob in given) and given:
        return tuple(names.inside(glob) for glob in given)
    raise UserErrorException(
        f"source_globs is {globs!r}; give a pattern of the files to store, such as '*.csv', or a "
        "list of them"
    )
