"""What it means when a workspace folder cannot be written to."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator

from runyard.errors import ExperimentExecutionException, SnapshotException
from runyard.record.layout import WorkspaceDirectory

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def writing(workspace: WorkspaceDirectory) -> Iterator[None]:
    """Say what is the matter when the workspace folder cannot be written to."""
    try:
        yield
    except OSError as error:
        raise _unwritable(workspace.path, error) from error
    except SnapshotException as error:
        cause = error.inner_exception
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise _unwritable(workspace.path, cause) from error
        raise


def _unwritable(path: str, error: OSError) -> ExperimentExecutionException:
    advice = "check who may write there"
    if error.errno in _FULL:
        advice = f"{_free_mib(path)} MiB are free there; make room and submit again"
    place = f" ({error.filename})" if error.filename else ""
    return ExperimentExecutionException(
        f"the run could not be written to the workspace folder {path!r}: "
        f"{error.strerror or error}{place}; {advice}",
        error,
    )


def _free_mib(path: str) -> int:
    try:
        return shutil.disk_usage(path).free >> 20
    except OSError:
        return 0
