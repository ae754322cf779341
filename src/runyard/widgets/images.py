"""Images of a run for a page that cannot read its files."""

from __future__ import annotations

import base64
import os

from runyard.job.images import kind_of
from runyard.record import regular

MAX_BYTES = 1 << 20


def data_address(path: str) -> str:
    """The image as a ``data:`` address; '' for one that is missing, no image, or over 1 MiB."""
    try:
        if os.stat(path).st_size > MAX_BYTES:
            return ""
        kind = kind_of(path)
        with regular.open_to_read(path, MAX_BYTES) as stream:
            content = stream.read()
    except OSError:
        return ""
    if not kind:
        return ""
    kind = "svg+xml" if kind == "svg" else kind
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
