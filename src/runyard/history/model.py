"""``Model``: registering, finding and labelling models from the client (spec 13)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from runyard.errors import WebserviceException
from runyard.history import shared_json
from runyard.history.model_filters import ListFilter, Wanted, chosen_files
from runyard.job import model as job_model
from runyard.job.interactive import user_name
from runyard.job.model import workspace_directory
from runyard.job.values import texts
from runyard.record import models
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.run import Run
    from runyard.history.workspace import Workspace


class Model(job_model.Model):
    """A registered version of a model.

    ``Model(workspace, name)`` is the latest version that matches ``tags``, ``properties``,
    ``run_id`` and ``model_framework``; ``version=`` or ``id='name:version'`` names one. Raises
    WebserviceException when there is none.
    """

    _workspace: Any = None

    def __init__(  # noqa: PLR0917
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: ListFilter = None,
        properties: ListFilter = None,
        version: int | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
        **kwargs: Any,
    ) -> None:
        wanted = Wanted(name, tags, properties, run_id, model_framework)
        if id is None and version is None and wanted.more_than_a_name:
            version = _newest(workspace, wanted)
        super().__init__(workspace, name, id=id, version=version)
        self._workspace = workspace

    def _set(self, directory: WorkspaceDirectory, record: Mapping[str, Any]) -> None:
        super()._set(directory, record)
        self.datasets: dict[str, list[str]] = {}
        for purpose, dataset in record.get("datasets") or ():
            self.datasets.setdefault(purpose, []).append(dataset)
        self.resource_configuration = record.get("resource_configuration")
        self.mime_type = "application/octet-stream"
        self.unpack = False

    @staticmethod
    def register(  # noqa: PLR0917
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        datasets: Sequence[tuple[str, Any]] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Sequence[str] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> Model:
        """Copy a file or folder in as the next version of a model.

        ``child_paths``: only these files of the folder. Raises FileNotFoundError when nothing is
        at ``model_path``, UserErrorException for a bad name, WebserviceException for a framework
        version without a framework.
        """
        if model_framework_version is not None and model_framework is None:
            raise WebserviceException(
                f"model_framework_version={model_framework_version!r} needs model_framework too"
            )
        source = os.path.abspath(model_path)
        if not os.path.exists(source):
            raise FileNotFoundError(f"there is no file or folder {os.fspath(model_path)!r}")
        record = {
            "tags": texts(tags),
            "properties": texts(properties),
            "description": description,
            "datasets": models.dataset_pairs(datasets),
            "model_framework": model_framework,
            "model_framework_version": model_framework_version,
            "created_by": user_name(),
        }
        print(f"Registering model {model_name}")
        directory = workspace_directory(workspace)
        with chosen_files(source, child_paths) as chosen:
            return Model._in(workspace, models.register(directory, model_name, chosen, record))

    @staticmethod
    def list(  # noqa: PLR0917
        workspace: Workspace,
        name: str | None = None,
        tags: ListFilter = None,
        properties: ListFilter = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> list_[Model]:
        """All registered versions that match, newest first; ``latest``: only one of each name.

        ``tags``, ``properties``: names, or ``[name, value]`` pairs. ``expand`` and ``page_count``
        mean nothing here.
        """
        wanted = Wanted(name, tags, properties, run_id, model_framework, dataset_id)
        records = models.find_all(workspace_directory(workspace))
        found = [Model._in(workspace, record) for record in records if wanted.by(record)]
        return _latest(found) if latest else found

    @classmethod
    def _in(cls, workspace: Workspace, record: Mapping[str, Any]) -> Model:
        model: Model = cls._of(workspace_directory(workspace), record)
        model._workspace = workspace
        return model

    @property
    def workspace(self) -> Workspace:
        """The workspace it is registered in."""
        if self._workspace is None:
            from runyard.history.workspace import Workspace

            self._workspace = Workspace.at(self._directory)
        found: Workspace = self._workspace
        return found

    @property
    def run(self) -> Run | None:
        """The run it was registered from, or None."""
        return None if self.run_id is None else self.workspace.get_run(self.run_id)

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Set these tags; others stay."""
        self._change(lambda record: {"tags": {**record.get("tags", {}), **texts(tags)}})

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by name; a name that is no tag is passed over."""
        names = {tags} if isinstance(tags, str) else set(tags)
        self._change(
            lambda record: {
                "tags": {k: v for k, v in record.get("tags", {}).items() if k not in names}
            }
        )

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Set properties. Raises WebserviceException for one that has another value already."""

        def change(record: Mapping[str, Any]) -> dict[str, Any]:
            known, new = record.get("properties", {}), texts(properties)
            for key, value in new.items():
                if known.get(key, value) != value:
                    raise WebserviceException(
                        f"model {self.id}: property {key!r} is already {known[key]!r} and cannot "
                        f"be changed to {value!r}; properties are set once, tags can change"
                    )
            return {"properties": {**known, **new}}

        self._change(change)

    def update(
        self,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> None:
        """Replace the tags and the description, those that are given."""
        changes: dict[str, Any] = {}
        if tags is not None:
            changes["tags"] = texts(tags)
        if description is not None:
            changes["description"] = description
        self._change(lambda _: changes)

    def update_tags_properties(
        self,
        add_tags: Mapping[str, Any] | None = None,
        remove_tags: str | Iterable[str] | None = None,
        add_properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Add and remove tags, and add properties."""
        if add_tags:
            self.add_tags(add_tags)
        if remove_tags:
            self.remove_tags(remove_tags)
        if add_properties:
            self.add_properties(add_properties)

    def add_dataset_references(self, datasets: Sequence[tuple[str, Any]]) -> None:
        """Note datasets this model has to do with: pairs of a purpose and a dataset."""
        new = models.dataset_pairs(datasets)
        self._change(lambda record: {"datasets": [*(record.get("datasets") or ()), *new]})

    def delete(self) -> None:
        """Remove this version and its files; there is no way back."""
        models.remove(self.workspace.directory, self.name, self.version)

    def serialize(self) -> dict[str, Any]:
        """What is known of it, as plain values."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "tags": self.tags,
            "properties": self.properties,
            "description": self.description,
            "createdTime": self.created_time.isoformat(),
            "createdBy": self.created_by,
            "runId": self.run_id,
            "experimentName": self.experiment_name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "datasets": self.datasets,
            "url": self.url,
        }

    @staticmethod
    def deserialize(workspace: Workspace, model_payload: Mapping[str, Any]) -> Model:
        """The model of a ``serialize``. Raises WebserviceException when it is gone."""
        return Model(workspace, id=str(model_payload["id"]))

    @staticmethod
    def deploy(*args: Any, **kwargs: Any) -> NoReturn:
        """Always raises WebserviceException: runyard serves no models."""
        raise WebserviceException(
            "runyard does not deploy models; model.download() gives the files to a server of yours"
        )

    package = profile = deploy

    @property
    def _folder(self) -> str:
        return os.path.join(self._directory.models, self.name, str(self.version))

    def _change(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Rewrite model.json; several processes may do so at once, one after the other."""
        record = shared_json.change(os.path.join(self._folder, "model.json"), change)
        self._set(self._directory, record)


list_ = list  # the method of that name hides the type inside the class


def _newest(workspace: Workspace, wanted: Wanted) -> int:
    records = models.find_all(workspace_directory(workspace))
    versions = [int(record["version"]) for record in records if wanted.by(record)]
    if not versions:
        raise WebserviceException(f"ModelNotFound: no registered model has {wanted}")
    return max(versions)


def _latest(found: list_[Model]) -> list_[Model]:
    latest: dict[str, Model] = {}
    for model in found:
        if model.name not in latest or model.version > latest[model.name].version:
            latest[model.name] = model
    return [*latest.values()]
