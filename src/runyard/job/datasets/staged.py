"""Datasets that a runner has brought to the script: ``<run>/datasets/<input name>.json``."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List


def files(content: "Dict[str, Any]") -> "List[Dict[str, Any]]":
    """Its files; of a dataset that is a folder itself those that are in it now."""
    if content.get("files") is not None:
        return [dict(file) for file in content["files"]]
    found = sorted(_below(content["folder"], ""))
    return [
        {"path": path, "size_bytes": size, "values": {}, "local": local}
        for path, size, local in found
    ]


def _below(folder: str, prefix: str) -> "List[Any]":
    found: "List[Any]" = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += _below(entry.path, prefix + entry.name + "/")
        elif entry.is_file():
            found.append((prefix + entry.name, entry.stat().st_size, entry.path))
    return found
