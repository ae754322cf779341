"""Registering what a run produced as a model (spec 12.9)."""

import os

from runyard.errors import ModelPathNotFoundException, WebserviceException
from runyard.job.file_methods import FileMethods
from runyard.job.values import texts
from runyard.record import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Optional, Sequence, Tuple

    from runyard.job.model import Model


class ModelMethods(FileMethods):
    """Registration copies from the run's files: files in ./outputs are there at once."""

    def register_model(  # noqa: PLR0917
        self,
        model_name: str,
        model_path: "Optional[str]" = None,
        tags: "Optional[Mapping[str, Any]]" = None,
        properties: "Optional[Mapping[str, Any]]" = None,
        model_framework: "Optional[str]" = None,
        model_framework_version: "Optional[str]" = None,
        description: "Optional[str]" = None,
        datasets: "Optional[Sequence[Tuple[str, Any]]]" = None,
        sample_input_dataset: "Any" = None,
        sample_output_dataset: "Any" = None,
        resource_configuration: "Any" = None,
        **kwargs: "Any",
    ) -> "Model":
        """Register a file or folder of the run as the next version of a model.

        ``model_path`` is its name among the run's files, by default ``model_name``. Raises
        ModelPathNotFoundException when there is none, UserErrorException for a bad model name,
        WebserviceException for a framework version without a framework.
        """
        if model_framework_version is not None and model_framework is None:
            raise WebserviceException(
                "model_framework_version {!r} needs model_framework too".format(
                    model_framework_version
                )
            )
        from runyard.record import models

        source = self._model_source(model_path or model_name)
        record = {
            "tags": texts(tags),
            "properties": texts(properties),
            "description": description,
            "run_id": self.id,
            "experiment_name": self.directory.experiment,
            "model_framework": model_framework,
            "model_framework_version": model_framework_version,
            "datasets": models.dataset_pairs(datasets),
            "created_by": self._run_json().get("user"),
        }
        workspace = self.directory.workspace
        return self._model(workspace, models.register(workspace, model_name, source, record))

    def _model_source(self, name: str) -> str:
        path = self._file_path(name)
        if os.path.exists(path):
            return path
        raise ModelPathNotFoundException(
            "run {} has no file or folder {!r} to register. Its files: {}".format(
                self.id, name, ", ".join(self.get_file_names()) or "none"
            )
        )

    def _model(self, workspace: layout.WorkspaceDirectory, record: "Mapping[str, Any]") -> "Model":
        """The ``Model`` of a registered version; the client has a class of its own."""
        from runyard.job.model import Model

        model: Model = Model._of(workspace, record)
        return model
