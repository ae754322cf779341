"""Files that are still being written: whole, or not to be seen, whatever process ends when.

The runner imports it: standard library only.
"""

from __future__ import annotations

import contextlib
import os

from runyard.data.transfers import PART

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WORTH_KEEPING_BYTES = 8 << 20


class Part:
    """A file beside its target that takes the target's name when it is whole.

    ``size_bytes``: how much of it an earlier try has left, always from the beginning on.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor, self.path = descriptor, path
        self.size_bytes = os.fstat(descriptor).st_size

    def append(self, content: bytes | memoryview) -> None:
        """Add to the end. Raises OSError, such as that of a full disk."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self.descriptor, view, self.size_bytes)
            self.size_bytes += written
            view = view[written:]

    def clear(self) -> None:
        """Begin again."""
        os.ftruncate(self.descriptor, 0)
        self.size_bytes = 0


@contextlib.contextmanager
def part_of(target: str, identity: str) -> Iterator[Part]:
    """The part of a target; it takes the target's place when the block ends well.

    ``identity``: of the content. The next try for the same content goes on with what one that
    failed, or was killed, has left. Two processes at once have parts of their own. Raises OSError.
    """
    folder, name = os.path.split(target)
    os.makedirs(folder or os.curdir, exist_ok=True)
    part = _opened(folder, name, identity)
    try:
        yield part
        os.replace(part.path, target)
    except BaseException as error:
        if isinstance(error, OSError) or part.size_bytes < _WORTH_KEEPING_BYTES:
            with contextlib.suppress(OSError):  # also to give back the room on a full disk
                os.unlink(part.path)
        raise
    finally:
        os.close(part.descriptor)


def _opened(folder: str, name: str, identity: str) -> Part:
    import hashlib

    text = f"{name}\0{identity}".encode("utf-8", "surrogateescape")
    known = os.path.join(folder, f".{hashlib.blake2b(text, digest_size=8).hexdigest()}{PART}")
    for path in (known, known, os.path.join(folder, f".{os.urandom(8).hex()}{PART}")):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if _is_ours(descriptor, path):
            return Part(descriptor, path)
        os.close(descriptor)
    raise OSError(f"{folder!r}: no file for the part of {name!r} stays there")


def _is_ours(descriptor: int, path: str) -> bool:
    """Lock it; False when another process has it, or has just given it the name of its target."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        here, there = os.fstat(descriptor), os.stat(path)
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
