"""Files of a run: uploads, downloads, logs (spec 12.6, 12.7)."""

import os
import warnings

from runyard.errors import UserErrorException
from runyard.job.base import RunBase
from runyard.job.values import of_type
from runyard.record import files, regular, unwritten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

_SHOWN_NAMES = 20
LOG_FOLDERS = ("user_logs/", "system_logs/", "azureml-logs/", "logs/")


class FileMethods(RunBase):
    """Names are those of SDK v1: ``outputs/model.pkl``, ``logs/…``, ``user_logs/std_log.txt``."""

    def upload_file(
        self, name: str, path_or_stream: "Any", datastore_name: "Optional[str]" = None
    ) -> None:
        """Store a file or an open stream with the run as ``name``.

        Raises UserErrorException when the run has another file of that name, when there is no
        file at the path, or for anything that is neither path nor stream.
        """
        self._upload_file(name, path_or_stream)

    def upload_files(
        self,
        names: "Sequence[str]",
        paths: "Sequence[str]",
        return_artifacts: bool = False,
        timeout_seconds: "Optional[int]" = None,
        datastore_name: "Optional[str]" = None,
    ) -> "Optional[Dict[str, str]]":
        """Store several files; with ``return_artifacts``, returns name → path in the run.

        Raises TypeError when there are not as many names as paths.
        """
        if len(names) != len(paths):
            raise TypeError(
                "upload_files got {} names and {} paths; it needs one path for each name".format(
                    len(names), len(paths)
                )
            )
        for name, path in zip(names, paths):
            self._upload_file(name, path)
        if not return_artifacts:
            return None
        return {name: self._file_path(name) for name in names}

    def upload_folder(self, name: str, path: str, datastore_name: "Optional[str]" = None) -> None:
        """Store every file below a folder as ``name/<path in the folder>``.

        Raises UserErrorException when ``path`` is not a folder, or a name is taken.
        """
        if not os.path.isdir(path):
            raise UserErrorException("upload_folder: {!r} is not a folder".format(path))
        for parent, _, found in os.walk(path):
            for item in sorted(found):
                source = os.path.join(parent, item)
                self._upload_file(name.rstrip("/") + "/" + os.path.relpath(source, path), source)

    def _upload_file(self, name: str, source: "Any") -> None:
        import io

        if isinstance(source, io.TextIOBase):
            source = io.BytesIO(source.read().encode("utf-8"))
        if isinstance(source, io.IOBase):
            files.store(self.directory, name, source)  # type: ignore[arg-type]
            return
        if not isinstance(source, (str, os.PathLike)):
            raise UserErrorException(
                "upload_file takes a path or an open stream and got {}".format(of_type(source))
            )
        source = os.fspath(source)
        if not os.path.isfile(source):
            raise UserErrorException("there is no file {!r} to upload".format(source))
        if _is_same(self._file_path(name), source):
            return  # a script stores its ./outputs/x as outputs/x, where it lies already
        with open(source, "rb") as stream:
            files.store(self.directory, name, stream)

    def _file_path(self, name: str) -> str:
        """Where a file or folder of the run lies; it need not exist."""
        clean = os.path.normpath(name.strip("/"))
        if clean + "/" in LOG_FOLDERS or clean == "outputs":
            return self.directory.join(clean)
        return files.path_of(self.directory, name)

    def _source_path(self, name: str) -> str:
        """Where a file to be read lies. Raises UserErrorException as ``files.source_of``."""
        path = self._file_path(name)
        files.refuse_led_out(self.directory, name, path)
        return path

    def get_file_names(self) -> "List[str]":
        """The names of all files of the run, sorted."""
        return files.names(self.directory)

    def download_file(
        self,
        name: str,
        output_file_path: "Optional[str]" = None,
        _validate_checksum: bool = False,
    ) -> None:
        """Copy a file of the run to ``output_file_path``, by default its last part here.

        A folder gets the file put inside: one that exists, or a path that ends in '/'. Raises
        UserErrorException when the run has no such file.
        """
        source = self._source_path(name)
        if not os.path.isfile(source):
            raise missing_file(self, name)
        target = os.path.basename(name) if output_file_path is None else output_file_path
        if os.path.isdir(target) or os.fspath(target).endswith("/"):
            target = os.path.join(target, os.path.basename(name))
        copy_file(source, target)

    def download_files(  # noqa: PLR0917
        self,
        prefix: "Optional[str]" = None,
        output_directory: "Optional[str]" = None,
        output_paths: "Optional[Sequence[str]]" = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: "Optional[int]" = None,
    ) -> None:
        """Copy all files whose names begin with ``prefix`` into a folder, by default this one.

        Names are kept below it, without the prefix when ``append_prefix`` is False.
        ``output_paths`` gives the path of each instead, in the order of `get_file_names`; raises
        UserErrorException when there are not as many. ``batch_size`` and ``timeout_seconds`` are
        of no use here.
        """
        names = [name for name in self.get_file_names() if name.startswith(prefix or "")]
        if not names:
            warnings.warn(
                "run {} has no file that begins with {!r}".format(self.id, prefix), stacklevel=2
            )
        targets = [_below(name, "" if append_prefix else prefix or "") for name in names]
        if output_paths is not None:
            if len(output_paths) != len(names):
                raise UserErrorException(
                    "download_files got {} output_paths for {} files: {}".format(
                        len(output_paths), len(names), _some(names)
                    )
                )
            targets = list(output_paths)
        for name, target in zip(names, targets):
            copy_file(self._source_path(name), os.path.join(output_directory or "", target))

    def get_all_logs(self, destination: "Optional[str]" = None) -> "List[str]":
        """Copy all logs into a folder, by default ``assets/<run id>``; returns their paths."""
        folder = destination or os.path.join("assets", self.id)
        paths = []
        for name in log_names(self):
            paths.append(os.path.join(folder, name))
            copy_file(self._source_path(name), paths[-1])
        return paths


def log_names(run: FileMethods) -> "List[str]":
    """The names of the run's logs."""
    return [name for name in run.get_file_names() if name.startswith(LOG_FOLDERS)]


def missing_file(run: FileMethods, name: str) -> UserErrorException:
    """The error for a name the run does not have; it lists those it has."""
    known = _some(run.get_file_names()) or "none"
    return UserErrorException("run {} has no file {!r}. Its files: {}".format(run.id, name, known))


def _some(names: "List[str]") -> str:
    """Names for a message: of very many the first."""
    more = len(names) - _SHOWN_NAMES
    text = ", ".join(names[:_SHOWN_NAMES])
    return "{} and {} more".format(text, more) if more > 0 else text


def _below(name: str, prefix: str) -> str:
    return name[len(prefix) :].lstrip("/") or os.path.basename(name)


def _is_same(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.samefile(one, other)


def copy_file(source: str, target: str) -> None:
    """Copy a file, making the folder it goes to; nothing when the two are one file."""
    import shutil

    if _is_same(target, source):
        return
    os.close(regular.fd_to_read(source))  # of a device there is no end
    known = os.path.lexists(target)
    with unwritten.Writing("{!r} was not copied".format(source), os.path.abspath(target)):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except OSError:
            if not known and os.path.isfile(target):
                os.unlink(target)  # half of it would look whole
            raise
