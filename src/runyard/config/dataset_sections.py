"""The sections ``data`` and ``outputData`` of a run configuration: datasets by name (spec 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runyard.data.consumption import DatasetConsumptionConfig, is_output
from runyard.environments.sections import Section
from runyard.errors import UserErrorException


class Dataset(Section):
    """Which dataset: ``dataset_id`` (None), or ``dataset_name`` (None) and ``dataset_version``
    (None: the latest)."""

    _names = ("dataset_id", "dataset_name", "dataset_version")
    _keys: ClassVar = {
        "dataset_id": "id",
        "dataset_name": "name",
        "dataset_version": "version",
    }

    def __init__(
        self,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        dataset_version: str | int | None = None,
    ) -> None:
        self.dataset_id = dataset_id
        self.dataset_name = dataset_name
        self.dataset_version = dataset_version


class DataPathLocation(Section):
    """A place on a datastore: ``datastore_name``, ``relative_path`` (None)."""

    _names = ("datastore_name", "relative_path")

    def __init__(self, datastore_name: str | None = None, relative_path: str | None = None) -> None:
        self.datastore_name = datastore_name
        self.relative_path = relative_path


class UriReference(Section):
    """An address: ``path`` (None), ``is_file`` (False)."""

    _names = ("path", "is_file")

    def __init__(self, path: str | None = None, is_file: bool = False) -> None:
        self.path = path
        self.is_file = is_file


class DataLocation(Section):
    """Where the data lies; one of ``dataset``, ``data_path`` and ``uri`` (None)."""

    _names = ("dataset", "data_path", "uri")
    _parts: ClassVar = {"dataset": Dataset, "data_path": DataPathLocation, "uri": UriReference}

    def __init__(
        self,
        dataset: Dataset | None = None,
        data_path: DataPathLocation | None = None,
        uri: UriReference | None = None,
    ) -> None:
        self.dataset = dataset
        self.data_path = data_path
        self.uri = uri


class Data(Section):
    """One dataset of a run.

    ``data_location`` (DataLocation), ``mechanism`` ('direct', 'mount' or 'download'),
    ``path_on_compute`` (None): where the script sees it. The others of SDK v1 are kept as data:
    ``environment_variable_name``, which is the name of the input, ``create_output_directories``,
    ``overwrite`` and ``options``.
    """

    _names = (
        "data_location",
        "create_output_directories",
        "mechanism",
        "environment_variable_name",
        "path_on_compute",
        "overwrite",
        "options",
    )
    _parts: ClassVar = {"data_location": DataLocation}

    def __init__(  # noqa: PLR0917
        self,
        data_location: DataLocation | None = None,
        create_output_directories: bool | None = None,
        mechanism: str = "direct",
        environment_variable_name: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.data_location = data_location
        self.create_output_directories = bool(create_output_directories)
        self.mechanism = mechanism
        self.environment_variable_name = environment_variable_name
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite
        self.options = options

    @staticmethod
    def create(data: DatasetConsumptionConfig) -> Data:
        """The section of an input. Raises UserErrorException for anything else."""
        if not isinstance(data, DatasetConsumptionConfig):
            raise UserErrorException(
                f"data is {data!r} of type {type(data).__name__}; give a "
                "DatasetConsumptionConfig, such as dataset.as_named_input('train').as_mount()"
            )
        made = Data(
            DataLocation(_identity(data.dataset)),
            mechanism=data.mode,
            environment_variable_name=data.name,
            path_on_compute=data.path_on_compute,
        )
        # Not a part of the section: it knows more than an id says.
        made.__dict__["_input"] = data
        return made


class InputsByName(dict[str, Any]):
    """``run_config.data``: an input that is put in becomes its section."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.update(given or {})

    def __setitem__(self, name: str, item: Any) -> None:
        is_input = isinstance(item, DatasetConsumptionConfig)
        super().__setitem__(name, Data.create(item) if is_input else item)

    def update(self, *given: Any, **named: Any) -> None:
        """As of a dict."""
        for name, item in dict(*given, **named).items():
            self[name] = item


class OutputsByName(InputsByName):
    """``run_config.output_data``: an output that is put in becomes its section."""

    def __setitem__(self, name: str, item: Any) -> None:
        dict.__setitem__(self, name, OutputData.create(item) if is_output(item) else item)


class GlobsOptions(Section):
    """``glob_patterns`` ([]): of the files that are uploaded."""

    _names = ("glob_patterns",)

    def __init__(self, glob_patterns: Sequence[str] | None = None) -> None:
        self.glob_patterns = list(glob_patterns or [])


class UploadOptions(Section):
    """``overwrite`` (False), ``source_globs`` (GlobsOptions, None: all files)."""

    _names = ("overwrite", "source_globs")
    _parts: ClassVar = {"source_globs": GlobsOptions}

    def __init__(self, overwrite: bool = False, source_globs: GlobsOptions | None = None) -> None:
        self.overwrite = overwrite
        self.source_globs = source_globs


class MountOptions(Section):
    """``disable_metadata_cache`` (False) has no effect."""

    _names = ("disable_metadata_cache",)

    def __init__(self, disable_metadata_cache: bool = False) -> None:
        self.disable_metadata_cache = disable_metadata_cache


class DatasetRegistrationOptions(Section):
    """``additional_transformation`` (None): how the files are read, as JSON."""

    _names = ("additional_transformation",)

    def __init__(self, additional_transformation: str | None = None) -> None:
        self.additional_transformation = additional_transformation


class RegistrationOptions(Section):
    """The dataset that an output becomes: ``name`` (None: none), ``description`` (None),
    ``tags`` (None), ``dataset_registration_options`` (None)."""

    _names = ("name", "description", "tags", "dataset_registration_options")
    _parts: ClassVar = {"dataset_registration_options": DatasetRegistrationOptions}

    def __init__(
        self,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        dataset_registration_options: DatasetRegistrationOptions | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.tags = tags
        self.dataset_registration_options = dataset_registration_options


class OutputOptions(Section):
    """``path_on_compute``, ``registration_options``, ``upload_options``, ``mount_options``
    (None)."""

    _names = ("path_on_compute", "registration_options", "upload_options", "mount_options")
    _parts: ClassVar = {
        "registration_options": RegistrationOptions,
        "upload_options": UploadOptions,
        "mount_options": MountOptions,
    }

    def __init__(
        self,
        path_on_compute: str | None = None,
        registration_options: RegistrationOptions | None = None,
        upload_options: UploadOptions | None = None,
        mount_options: MountOptions | None = None,
    ) -> None:
        self.path_on_compute = path_on_compute
        self.registration_options = registration_options
        self.upload_options = upload_options
        self.mount_options = mount_options


class OutputData(Section):
    """One folder that a run leaves.

    ``output_location`` (DataLocation with ``data_path``), ``mechanism`` ('mount' or 'upload'),
    ``additional_options`` (OutputOptions).
    """

    _names = ("output_location", "mechanism", "additional_options")
    _parts: ClassVar = {"output_location": DataLocation, "additional_options": OutputOptions}

    def __init__(
        self,
        output_location: DataLocation | None = None,
        mechanism: str = "mount",
        additional_options: OutputOptions | None = None,
    ) -> None:
        self.output_location = output_location
        self.mechanism = mechanism
        self.additional_options = additional_options

    @staticmethod
    def create(output: Any) -> OutputData:
        """The section of an OutputFileDatasetConfig."""
        upload = output._mode == "upload"
        globs = None if output._globs is None else GlobsOptions(output._globs)
        made = OutputData(
            DataLocation(data_path=DataPathLocation(output._datastore, output._path)),
            output._mode,
            OutputOptions(
                output._place,
                _registration(output),
                UploadOptions(output._overwrite, globs) if upload else None,
                None if upload else MountOptions(),
            ),
        )
        # Not parts of the section: of which object it is, and whose datastore.
        made.__dict__.update(_output=output, _workspace=output._workspace)
        return made


def _registration(output: Any) -> RegistrationOptions | None:
    wanted, definition = output._registration, output._definition
    if wanted is None and definition is None:
        return None
    made = RegistrationOptions(**(wanted or {}))
    if definition is not None:
        text = json.dumps(definition, sort_keys=True)
        made.dataset_registration_options = DatasetRegistrationOptions(text)
    return made


def _identity(dataset: Any) -> Dataset:
    if is_output(dataset):
        return Dataset()
    if isinstance(dataset, tuple):
        _, name, version = dataset
        return Dataset(dataset_name=name, dataset_version=None if version == "latest" else version)
    found = (getattr(dataset, name, None) for name in ("id", "name", "version"))
    return Dataset(*found)
