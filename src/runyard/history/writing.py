"""What it means when a workspace folder cannot be written to."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
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
    if error.errno in _FULL:
        todo = f"{_free_mib(path)} MiB are free there; make room and submit again"
    else:
        todo = advice(error, "check who may write there")
    place = f" ({error.filename})" if error.filename else ""
    return ExperimentExecutionException(
        f"the run could not be written to the workspace folder {path!r}: "
        f"{error.strerror or error}{place}; {todo}",
        error,
    )


def advice(error: BaseException, otherwise: str = "") -> str:
    """What to do about a limit of this process that was reached; ``otherwise`` for other errors."""
    number = getattr(error, "errno", None)
    if number in (errno.EMFILE, errno.ENFILE):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"close some, or raise the limit (ulimit -n is {limit}), and try again"
    if number == errno.EAGAIN:
        limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        text = "without one" if limit == resource.RLIM_INFINITY else f"{limit}"
        return (
            f"as many processes run as may (ulimit -u is {text}; a container has a limit of its "
            "own): end some, or raise it, and try again"
        )
    return otherwise


def _free_mib(path: str) -> int:
    try:
        found = os.statvfs(path)  # as shutil.disk_usage, without importing that
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize >> 20
