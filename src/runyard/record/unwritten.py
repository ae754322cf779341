"""What is said when something that a run was to keep cannot be written."""

import errno
import os

from runyard.errors import RunWriteException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def error(what: str, cause: OSError, place: str) -> RunWriteException:
    """The error to raise; ``place``: a file or folder on the disk that was written to."""
    where = place if not isinstance(cause.filename, (str, bytes)) else os.fsdecode(cause.filename)
    text = "{}: {}: {!r}. {}".format(
        what, cause.strerror or cause, where, _advice(cause.errno, place)
    )
    found = RunWriteException(text.rstrip(), cause)
    found.errno, found.strerror, found.filename = cause.errno, cause.strerror, where
    return found


class Writing:
    """``with Writing("tag 'a' was not set", place):`` what fails in it says so.

    Not where nothing was written at all, since there is no such file or one is there already.
    """

    def __init__(self, what: str, place: str) -> None:
        self._what = what
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: "Any", cause: "Any", trace: "Any") -> None:
        if isinstance(cause, OSError) and not isinstance(
            cause, (RunWriteException, FileNotFoundError, FileExistsError)
        ):
            raise error(self._what, cause, self._place) from cause


def _advice(number: "Any", place: str) -> str:
    if number in _FULL:
        return (
            "{} MiB are free there. Make room (runyard gc shows what nothing needs), and do it "
            "again".format(_free_mib(place))
        )
    if number in _FORBIDDEN:
        return "Look who may write there, and whether its disk is mounted for reading only"
    if number == errno.EIO:
        return "The disk has errors: the log of the system (dmesg) says more"
    return ""


def _free_mib(place: str) -> int:
    """Free on the disk of a file or folder, which need not be there; 0 where nobody says."""
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    try:
        found = os.statvfs(place)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize >> 20
