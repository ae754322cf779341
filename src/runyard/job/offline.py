"""The run of a script that was started by hand (spec 12.2).

A real run in a temporary folder that is made at the first use and removed when the process ends:
every method works, what was logged can be read back. As in SDK v1, calls are also printed.
Files below ./outputs and ./logs are the run's, as they are when it is submitted; they stay where
they are, and what is uploaded under their names hides them.
"""

import atexit
import os

from runyard.job import context, interactive
from runyard.job.file_methods import copy_file
from runyard.job.run import Run
from runyard.record import creation, jsonl
from runyard.record.layout import FORMAT, OFFLINE, RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

    from runyard.job.model import Model

EXPERIMENT = "offline"

_WORDS = {
    "log": "scalar",
    "log_list": "list",
    "log_table": "table",
    "log_row": "row",
    "log_image": "image",
    "log_residuals": "residual",
    "log_predictions": "predictions",
    "log_accuracy_table": "accuracy_table",
    "log_confusion_matrix": "confusion_matrix",
}
_temporary: "Optional[WorkspaceDirectory]" = None
_folders: "Dict[str, str]" = {}
"""Run id -> the current folder of the script when it asked for its run; children have none."""


class OfflineRun(Run):
    """``OfflineRun_<uuid4>``. Nothing of it is kept, registered models neither."""

    def __init__(
        self,
        parent_logger: "Any" = None,
        run_id: "Optional[str]" = None,
        parent: "Optional[OfflineRun]" = None,
        display_name: "Optional[str]" = None,
        outputs: "Optional[str]" = None,
        **kwargs: "Any",
    ) -> None:
        super().__init__(None)
        self._id = run_id or "OfflineRun_" + _uuid4()
        self._parent = parent
        self._name = display_name
        self._outputs = outputs
        if run_id is None:
            try:
                _folders[self._id] = os.getcwd()
            except FileNotFoundError:
                pass  # removed under the script's feet

    @property
    def id(self) -> str:
        """The id; it begins with ``OfflineRun``."""
        return self._id

    @property
    def directory(self) -> RunDirectory:
        """The run directory; made now when there was no use for it yet."""
        if self._directory is None:
            self._directory, _ = interactive.start(
                _workspace(),
                EXPERIMENT,
                run_id=self._id,
                parent=None if self._parent is None else self._parent.directory,
                display_name=self._name,
                outputs=self._outputs,
                type="offline",
            )
        return self._directory

    def _same_kind(self, directory: RunDirectory) -> "Any":
        run = OfflineRun(run_id=directory.id)
        run._directory = directory
        return run

    def get_status(self) -> str:
        """Running until it is ended; it is a run's runner itself."""
        return Status.RUNNING.value if self._directory is None else super().get_status()

    def _keyvault_workspace(self) -> WorkspaceDirectory:
        """Secrets are read from the workspace in a folder above, where there is one."""
        found = context.find_workspace()
        return WorkspaceDirectory(found) if found else self.directory.workspace

    # The files in ./outputs and ./logs. ----------------------------------------------------------

    def get_file_names(self) -> "List[str]":
        """The names of all files of the run, sorted."""
        return sorted({*super().get_file_names(), *self._names_here()})

    def _names_here(self) -> "Iterator[str]":
        folder = _folders.get(self._id)
        for top in ("outputs", "logs") if folder else ():
            for parent, _, names in os.walk(os.path.join(folder or "", top)):
                for name in names:
                    yield os.path.relpath(os.path.join(parent, name), folder)

    def _file_path(self, name: str) -> str:
        path = super()._file_path(name)
        here = self._path_here(name)
        return path if here is None or _has_files(path) else here

    def _path_here(self, name: str) -> "Optional[str]":
        """The file or folder of that name in ./outputs and ./logs; None without one."""
        clean, folder = os.path.normpath(name.strip("/")), _folders.get(self._id)
        if folder is None or clean.split("/", 1)[0] not in ("outputs", "logs"):
            return None
        path = os.path.join(folder, clean)
        return path if os.path.exists(path) else None

    def _model_source(self, name: str) -> str:
        """A folder of which one part was uploaded and another lies here is put together."""
        path = super()._model_source(name)
        here = self._path_here(name)
        if here is None or here == path or not os.path.isdir(path):
            return path
        import tempfile

        clean = os.path.normpath(name.strip("/"))
        whole = os.path.join(tempfile.mkdtemp(dir=self.directory.path), os.path.basename(clean))
        for known in self.get_file_names():
            if known.startswith(clean + "/"):
                copy_file(self._file_path(known), os.path.join(whole, known[len(clean) + 1 :]))
        return whole

    def child_run(
        self,
        name: "Optional[str]" = None,
        run_id: "Optional[str]" = None,
        outputs: "Optional[str]" = None,
    ) -> "OfflineRun":
        """Another offline run, ``<id>.<name>`` unless ``run_id`` is given."""
        child_id = run_id or "{}.{}".format(self._id, name or creation.random_hex(4))
        child = OfflineRun(
            run_id=child_id.replace("/", "_"), parent=self, display_name=name, outputs=outputs
        )
        assert child.directory
        return child

    # What SDK v1 prints. -----------------------------------------------------------------------

    def log(
        self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None
    ) -> None:
        """As `Run.log`, and printed."""
        _print_metric("log", name, value)
        super().log(name, value, description, step)

    def log_list(self, name: str, value: "Iterable[Any]", description: str = "") -> None:
        """As `Run.log_list`, and printed."""
        value = list(value) if hasattr(value, "__next__") else value
        _print_metric("log_list", name, value)
        super().log_list(name, value, description)

    def log_row(self, name: str, description: "Optional[str]" = None, **kwargs: "Any") -> None:
        """As `Run.log_row`, and printed."""
        _print_metric("log_row", name, kwargs)
        super().log_row(name, description, **kwargs)

    def log_table(self, name: str, value: "Mapping[str, Any]", description: str = "") -> None:
        """As `Run.log_table`, and printed."""
        _print_metric("log_table", name, value)
        super().log_table(name, value, description)

    def log_image(
        self,
        name: str,
        path: "Optional[str]" = None,
        plot: "Any" = None,
        description: str = "",
    ) -> None:
        """As `Run.log_image`, and printed."""
        _print_metric("log_image", name, plot if path is None else path)
        super().log_image(name, path, plot, description)

    def _log_json(self, kind: str, name: str, value: "Any", description: str) -> None:
        _print_metric("log_" + kind, name, value)
        super()._log_json(kind, name, value, description)

    def tag(self, key: str, value: "Any" = None) -> None:
        """As `Run.tag`, and printed."""
        _print("tag {!r} as {!r}", key, value)
        super().tag(key, value)

    def set_tags(self, tags: "Mapping[str, Any]") -> None:
        """As `Run.set_tags`, and printed."""
        _print("set tags {!r}", tags)
        super().set_tags(tags)

    def add_properties(self, properties: "Mapping[str, Any]") -> None:
        """As `Run.add_properties`, and printed."""
        _print("add properties {!r}", properties)
        super().add_properties(properties)

    def upload_file(
        self, name: str, path_or_stream: "Any", datastore_name: "Optional[str]" = None
    ) -> None:
        """As `Run.upload_file`, and printed."""
        _print("upload {!r} as {!r}", path_or_stream, name)
        super().upload_file(name, path_or_stream, datastore_name)

    def upload_files(
        self,
        names: "Sequence[str]",
        paths: "Sequence[str]",
        return_artifacts: bool = False,
        timeout_seconds: "Optional[int]" = None,
        datastore_name: "Optional[str]" = None,
    ) -> "Any":
        """As `Run.upload_files`, and printed."""
        _print("upload {!r} as {!r}", list(paths), list(names))
        return super().upload_files(names, paths, return_artifacts, timeout_seconds, datastore_name)

    def upload_folder(self, name: str, path: str, datastore_name: "Optional[str]" = None) -> None:
        """As `Run.upload_folder`, and printed."""
        _print("upload the folder {!r} as {!r}", path, name)
        super().upload_folder(name, path, datastore_name)

    def register_model(self, model_name: str, *args: "Any", **kwargs: "Any") -> "Model":
        """As `Run.register_model`, and printed. A script that is tried by hand must not become
        the latest version of a workspace: the model is gone when the process ends.
        """
        model = super().register_model(model_name, *args, **kwargs)
        _print("register the model {!r}; it is kept until this script ends", model_name)
        return model

    def flush(self, timeout_seconds: float = 300) -> None:
        """Nothing waits to be written; printed."""
        _print("flush metrics")

    def fail(
        self,
        error_details: "Union[None, str, BaseException]" = None,
        error_code: "Optional[str]" = None,
        _set_status: bool = True,
    ) -> None:
        """As `Run.fail`, and printed."""
        super().fail(error_details, error_code, _set_status)
        _print("fail the run: {!r} (code {})", error_details, error_code or "UserError")

    def __enter__(self) -> "Any":
        print("[START] {}".format(self._id))
        return super().__enter__()

    def __exit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        super().__exit__(kind, error, trace)
        print("[STOP] {}".format(self._id))


def _has_files(path: str) -> bool:
    """Whether it is a file, or a folder with one somewhere below it."""
    return os.path.isfile(path) or any(names for _, _, names in os.walk(path))


def _print(text: str, *values: "Any") -> None:
    print("Attempted to " + text.format(*values))


def _print_metric(method: str, name: str, value: "Any") -> None:
    print("Attempted to log {} metric {}:\n{}".format(_WORDS[method], name, value))


def _uuid4() -> str:
    """As str(uuid.uuid4()); importing uuid costs more than the rest of this module."""
    digits = list(creation.random_hex(16))
    digits[12] = "4"
    digits[16] = "89ab"[int(digits[16], 16) % 4]
    text = "".join(digits)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _workspace() -> WorkspaceDirectory:
    """The temporary workspace of all offline runs of this process and its forks."""
    global _temporary  # noqa: PLW0603
    if _temporary is None:
        import tempfile

        _temporary = WorkspaceDirectory(tempfile.mkdtemp(prefix=OFFLINE))
        atexit.register(_remove, _temporary.path, os.getpid())
        record = {"format": FORMAT, "id": creation.random_hex(16), "name": EXPERIMENT}
        jsonl.write_once(_temporary.workspace_json, record, sync=False)
    return _temporary


def _remove(path: str, pid: int) -> None:
    """Remove the temporary workspace; a forked child leaves it to its parent."""
    import shutil

    if pid == os.getpid():
        shutil.rmtree(path, ignore_errors=True)
