"""``DataReference``: a place on a datastore, and how a run gets at it (spec 15.2)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.data import names
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.datapath import DataPath, DataPathComputeBinding

VARIABLE = "AZUREML_DATAREFERENCE_"
"""What the name of a reference's variable in the run begins with."""


class DataReference:
    """A file or folder on a datastore that a run reads or writes; immutable.

    ``data_reference_name``: by default that of the datastore when the path is all of it, else 32
    random hex digits. ``path_on_datastore``: None is all. ``mode``: 'mount' (the script uses the
    place itself), 'download' (it gets a copy) or 'upload' (what it leaves at ``path_on_compute``
    is copied to the datastore when it has ended). ``path_on_compute``: where the script sees it,
    relative to its working directory or absolute; None: at a place that the run chooses.
    ``overwrite``: replace files that are there already.

    ``str(ref)`` is ``$AZUREML_DATAREFERENCE_<name>``, which the script's arguments expand.
    Raises UserErrorException for another mode, a name that is no word, or a path that leads out.
    """

    def __init__(  # noqa: PLR0917
        self,
        datastore: StorageDatastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if not isinstance(datastore, StorageDatastore):
            raise UserErrorException(
                f"datastore is {datastore!r} of type {type(datastore).__name__}; give a datastore "
                "object, such as workspace.get_default_datastore()"
            )
        self._datastore = datastore
        self._path = names.inside(path_on_datastore)
        if data_reference_name is None:
            data_reference_name = uuid.uuid4().hex if self._path else datastore.name
        self._name = names.checked_reference(data_reference_name)
        self._mode = names.checked_mode(mode)
        self._place = names.checked_place(path_on_compute)
        self._overwrite = bool(overwrite)

    @property
    def datastore(self) -> StorageDatastore:
        """The datastore."""
        return self._datastore

    @property
    def data_reference_name(self) -> str:
        """Its name."""
        return self._name

    @property
    def path_on_datastore(self) -> str | None:
        """The path on the datastore; None is all of it."""
        return self._path or None

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

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """A reference to a path below this one, in the mode mount."""
        below = "/".join(part for part in (self._path, names.inside(path)) if part)
        return DataReference(self._datastore, data_reference_name, below)

    def as_mount(self) -> DataReference:
        """A copy in the mode mount."""
        return self._copy("mount", None, False)

    def as_download(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """A copy in the mode download."""
        return self._copy("download", path_on_compute, overwrite)

    def as_upload(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """A copy in the mode upload."""
        return self._copy("upload", path_on_compute, overwrite)

    def _copy(self, mode: str, place: str | None, overwrite: bool) -> DataReference:
        return DataReference(self._datastore, self._name, self._path, mode, place, overwrite)

    def to_config(self) -> Any:
        """The reference as ``run_config.data_references`` has it: DataReferenceConfiguration."""
        section = _names.load("runyard.config.data_sections:DataReferenceConfiguration")
        made = section(
            self._datastore.name, self._mode, self.path_on_datastore, self._place, self._overwrite
        )
        # Not a part of the section: whose datastore it is, should the run go to another workspace.
        made.__dict__["_workspace"] = self._datastore.workspace.directory.path
        return made

    @staticmethod
    def create(
        data_reference_name: str | None = None,
        datapath: DataPath | None = None,
        datapath_compute_binding: DataPathComputeBinding | None = None,
    ) -> DataReference:
        """The reference of a DataPath, seen as a DataPathComputeBinding says (mount without one).

        Raises UserErrorException without a DataPath.
        """
        from runyard.data.datapath import DataPathComputeBinding, checked_datapath

        path = checked_datapath(datapath)
        binding = datapath_compute_binding or DataPathComputeBinding()
        return DataReference(
            path.datastore,
            data_reference_name or path.name,
            path.path_on_datastore,
            binding.mode,
            binding.path_on_compute,
            binding.overwrite,
        )

    def _values(self) -> tuple[Any, ...]:
        workspace = self._datastore.workspace.directory.path
        place = (workspace, self._datastore.name, self._path)
        return (*place, self._name, self._mode, self._place, self._overwrite)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, DataReference) else False

    def __hash__(self) -> int:
        return hash(self._values())

    def __str__(self) -> str:
        return f"${VARIABLE}{self._name}"

    def __repr__(self) -> str:
        return (
            f"DataReference({self._datastore.name!r}, {self._name!r}, {self._path!r}, "
            f"mode={self._mode!r})"
        )
