"""``Model`` as a training or scoring script sees it (spec 13)."""

import os

from runyard.errors import ModelNotFoundException, WebserviceException
from runyard.job import context
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional


class _Framework:
    """Names of frameworks a model can be registered with."""

    CUSTOM = "Custom"
    TENSORFLOW = "TensorFlow"
    SCIKITLEARN = "ScikitLearn"
    ONNX = "Onnx"
    TFKERAS = "TfKeras"
    PYTORCH = "PyTorch"
    MULTI = "Multi"


class Model:
    """A registered version of a model.

    ``Model(workspace, name)`` is the latest version, ``version=`` or ``id='name:version'`` a given
    one. Raises WebserviceException when there is none.
    """

    Framework = _Framework

    def __init__(  # noqa: PLR0917
        self,
        workspace: "Any",
        name: "Optional[str]" = None,
        id: "Optional[str]" = None,
        tags: "Any" = None,
        properties: "Any" = None,
        version: "Optional[int]" = None,
        run_id: "Optional[str]" = None,
        model_framework: "Optional[str]" = None,
        expand: bool = True,
        **kwargs: "Any",
    ) -> None:
        from runyard.record import models

        if id is not None:
            name, _, number = id.rpartition(":")
            version = int(number) if number.isdigit() else -1
        directory = workspace_directory(workspace)
        try:
            self._set(directory, models.find(directory, name or "", version))
        except ModelNotFoundException as error:
            raise WebserviceException(error.message, inner_exception=error)

    @classmethod
    def _of(cls, directory: WorkspaceDirectory, record: "Mapping[str, Any]") -> "Any":
        """The model of a model.json."""
        model = cls.__new__(cls)
        model._set(directory, record)
        return model

    def _set(self, directory: WorkspaceDirectory, record: "Mapping[str, Any]") -> None:
        self._directory = directory
        self.name = str(record["name"])
        self.version = int(record["version"])
        self.id = "{}:{}".format(self.name, self.version)
        self.tags: "Dict[str, str]" = dict(record.get("tags") or {})
        self.properties: "Dict[str, str]" = dict(record.get("properties") or {})
        self.description: "Optional[str]" = record.get("description")
        self.created_by: "Optional[str]" = record.get("created_by")
        self.run_id: "Optional[str]" = record.get("run_id")
        self.experiment_name: "Optional[str]" = record.get("experiment_name")
        self.model_framework: "Optional[str]" = record.get("model_framework")
        self.model_framework_version: "Optional[str]" = record.get("model_framework_version")
        self._created = float(record.get("created") or 0.0)

    def __repr__(self) -> str:
        return "Model(Name: {},\nId: {},\nVersion: {})".format(self.name, self.id, self.version)

    @property
    def created_time(self) -> "Any":
        """When it was registered: a datetime in UTC."""
        import datetime

        return datetime.datetime.fromtimestamp(self._created, datetime.timezone.utc)

    @property
    def url(self) -> str:
        """Where its file or folder lies, as a ``file://`` address."""
        from urllib.parse import quote

        return "file://" + quote(self._path())

    def _path(self) -> str:
        from runyard.record import models

        return models.files_path(self._directory, {"name": self.name, "version": self.version})

    def download(
        self, target_dir: str = ".", exist_ok: bool = False, exists_ok: "Optional[bool]" = None
    ) -> str:
        """Copy the model's file or folder into a folder; returns its path there.

        Raises WebserviceException when it is there already, unless ``exist_ok``. ``exists_ok`` is
        the older name of that.
        """
        import shutil

        source = self._path()
        target = os.path.join(target_dir, os.path.basename(source))
        if os.path.lexists(target):
            if not (exist_ok if exists_ok is None else exists_ok):
                raise WebserviceException(
                    "{!r} exists already; pass exist_ok=True to replace it".format(target)
                )
            shutil.rmtree(target) if _is_real_folder(target) else os.unlink(target)
        os.makedirs(target_dir, exist_ok=True)
        (shutil.copytree if os.path.isdir(source) else shutil.copyfile)(source, target)
        return target

    @staticmethod
    def get_model_path(
        model_name: str, version: "Optional[int]" = None, _workspace: "Any" = None
    ) -> str:
        """Where the file or folder of a registered model lies; by default of the latest version.

        Looks in the workspace of the run, or, for a script started by hand, in that of a folder
        above. Without either, a file or folder of that name here is taken. Raises
        ModelNotFoundException.
        """
        from runyard.record import models

        directory = _current_workspace(_workspace)
        missing = "no workspace was found from here"
        if directory is not None:
            try:
                return models.files_path(directory, models.find(directory, model_name, version))
            except ModelNotFoundException as error:
                missing = error.message
        if context.current() is None and _workspace is None and os.path.exists(model_name):
            return model_name
        raise ModelNotFoundException("model {!r}: {}".format(model_name, missing))


def workspace_directory(workspace: "Any") -> WorkspaceDirectory:
    """The folder of a workspace object: a WorkspaceDirectory, or anything with a ``path``."""
    if isinstance(workspace, WorkspaceDirectory):
        return workspace
    return WorkspaceDirectory(str(workspace.path))


def _current_workspace(given: "Any") -> "Optional[WorkspaceDirectory]":
    if given is not None:
        return workspace_directory(given)
    run = context.current()
    if run is not None:
        return run.workspace
    found = context.find_workspace()
    return WorkspaceDirectory(found) if found else None


def _is_real_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)
