"""Recognising image files by their first bytes (the standard library dropped ``imghdr``)."""

from runyard.record import regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

KINDS = ("png", "jpeg", "gif", "bmp", "tiff", "webp", "svg")

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
_HEAD_BYTES = 1024


def kind_of(path: str) -> "Optional[str]":
    """One of `KINDS`, or None for anything else."""
    with regular.open_to_read(path) as stream:
        head = stream.read(_HEAD_BYTES)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return "svg" if text.startswith(b"<") and b"<svg" in head else None
