"""``Store``: what every kind of storage promises.

The runner imports it: standard library only.
"""

from __future__ import annotations

import abc
from collections import namedtuple

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import NamedTuple

    Done = Callable[["Entry", bool], None]
    """Told of each file when it is whole, with False when its target was there and stayed."""

    Begun = Callable[[str], object]
    """Told of the path in the store when a file's turn comes; called in any thread."""

    class _Fields(NamedTuple):
        path: str
        size_bytes: int
        etag: str

else:  # importing typing takes 4 ms before the first line of a script
    _Fields = namedtuple("_Fields", ("path", "size_bytes", "etag"))


class Entry(_Fields):
    """One file of a store.

    ``path``: relative to the root of the store, with '/'. ``etag``: text that is another one when
    the content is: what the storage says, and of local files size and time of change. '' where
    the storage says nothing by which a change could be seen.
    """

    __slots__ = ()


class DatedEntry(Entry):
    """One whose storage says when it changed: ``modified_s``, seconds since 1970.

    It is no field: of what a file is, and whether it is still the same, the date says nothing.
    """

    modified_s: float


class Store(abc.ABC):
    """Files by path, below a root.

    Laws: nobody sees half a file, neither in the store nor at a local target, whatever process
    ends when. What failed for a reason that may pass is tried again, within bounds. A file that
    fails does not keep back the others; the first error is raised when all has been tried, as
    UserErrorException that names the store, the path and what to do. A transfer that is repeated
    goes on with what is missing. Secrets are in no error and no ``repr``.
    """

    url: str
    """The root, as the datastore was registered; no secret is in it."""

    @abc.abstractmethod
    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """The file at ``prefix``, or all files below it, in the order of their paths.

        Nothing there gives nothing. Raises UserErrorException when the store does not answer.
        """

    @abc.abstractmethod
    def entry(self, path: str) -> Entry | None:
        """The file at a path; None for a folder, and for nothing."""

    def modified_s(self, entry: Entry) -> float | None:
        """When a file changed last, in seconds since 1970; None where the storage does not say."""
        return getattr(entry, "modified_s", None)

    def read(self, entry: Entry, begin: int, size_bytes: int) -> bytes:
        """A part of a file, less at its end; of another content than its entry's: an error.

        Raises UserErrorException. Stores that cannot read parts have no such method of their own.
        """
        raise UserErrorException(
            f"{self.url!r} is not read in parts; register it without mount='fuse'"
        )

    @abc.abstractmethod
    def fetch(
        self,
        wanted: Sequence[tuple[Entry, str]],
        *,
        overwrite: bool = False,
        done: Done | None = None,
    ) -> None:
        """Copy files to local paths, many at once; folders are made as needed.

        A target that is there stays, unless ``overwrite``. A file whose content is no longer that
        of its entry is an error. ``done`` is called in this thread.
        """

    def check_writable(self) -> None:  # noqa: B027
        """Raise UserErrorException when no file can ever be stored; asks nothing."""

    @abc.abstractmethod
    def put(
        self,
        given: Iterable[tuple[str, str]],
        *,
        overwrite: bool = False,
        begun: Begun | None = None,
        done: Done | None = None,
    ) -> None:
        """Store local files, as (local path, path in the store), many at once; as `fetch`.

        ``begun`` is told of each before.
        """
