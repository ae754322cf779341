"""``DataPath`` and ``DataPathComputeBinding``: the two halves of a DataReference (spec 15.2)."""

from __future__ import annotations

from runyard.data import names
from runyard.data.reference import DataReference
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException


class DataPath:
    """A place on a datastore.

    ``path_on_datastore``: None is all of it. ``name``: of references made of it. Raises
    ValueError without a datastore, UserErrorException for a path that leads out of it.
    """

    def __init__(
        self,
        datastore: StorageDatastore | None = None,
        path_on_datastore: str | None = None,
        name: str | None = None,
    ) -> None:
        if datastore is None:
            raise ValueError(
                "datastore is None; give a datastore object, such as "
                "workspace.get_default_datastore()"
            )
        if not isinstance(datastore, StorageDatastore):
            raise UserErrorException(
                f"datastore is {datastore!r} of type {type(datastore).__name__}; give a datastore "
                "object, such as workspace.get_default_datastore()"
            )
        self._datastore = datastore
        self._path = names.inside(path_on_datastore)
        self._name = None if name is None else names.checked_reference(name)

    @property
    def datastore(self) -> StorageDatastore:
        """The datastore."""
        return self._datastore

    @property
    def datastore_name(self) -> str:
        """The name of the datastore."""
        return self._datastore.name

    @property
    def path_on_datastore(self) -> str | None:
        """The path on the datastore; None is all of it."""
        return self._path or None

    @property
    def name(self) -> str | None:
        """The name for references made of it."""
        return self._name

    def create_data_reference(
        self,
        data_reference_name: str | None = None,
        datapath_compute_binding: DataPathComputeBinding | None = None,
    ) -> DataReference:
        """A reference to it, seen as the binding says: in the mode mount without one."""
        return DataReference.create(data_reference_name, self, datapath_compute_binding)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPath:
        """The place of a reference."""
        return DataPath(
            data_reference.datastore,
            data_reference.path_on_datastore,
            data_reference.data_reference_name,
        )

    def __repr__(self) -> str:
        return f"DataPath({self._datastore.name!r}, {self._path!r})"


class DataPathComputeBinding:
    """How a run gets at a DataPath; the parameters are those of DataReference.

    Raises UserErrorException for an unknown mode, or a place outside the working directory.
    """

    def __init__(
        self, mode: str = "mount", path_on_compute: str | None = None, overwrite: bool = False
    ) -> None:
        self._mode = names.checked_mode(mode)
        self._place = names.checked_place(path_on_compute)
        self._overwrite = bool(overwrite)

    @property
    def mode(self) -> str:
        """'mount', 'download' or 'upload'."""
        return self._mode

    @property
    def path_on_compute(self) -> str | None:
        """Where the script sees it, as it was asked for."""
        return self._place

    @property
    def overwrite(self) -> bool:
        """Whether files that are there already are replaced."""
        return self._overwrite

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath: DataPath | None = None
    ) -> DataReference:
        """A reference to a DataPath. Raises UserErrorException without one."""
        return DataReference.create(data_reference_name, datapath, self)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPathComputeBinding:
        """How a reference is got at."""
        return DataPathComputeBinding(
            data_reference.mode, data_reference.path_on_compute, data_reference.overwrite
        )


def checked_datapath(datapath: object) -> DataPath:
    """The DataPath. Raises UserErrorException for anything else."""
    if isinstance(datapath, DataPath):
        return datapath
    raise UserErrorException(
        f"datapath is {datapath!r} of type {type(datapath).__name__}; give a DataPath, such as "
        "DataPath(datastore, 'images')"
    )
