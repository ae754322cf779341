"""Datasets that a runner has brought to the script: ``<run>/datasets/<input name>.json``."""

from runyard.job.datasets import folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any, Dict, List


def files(content: "Dict[str, Any]") -> "List[Dict[str, Any]]":
    """Its files; of a dataset that is a folder itself those that are in it now."""
    if content.get("files") is not None:
        return [dict(file) for file in content["files"]]
    found = sorted(folders.files(content["folder"]), key=lambda pair: pair[0])
    return [_described(path, entry) for path, entry in found]


def _described(path: str, entry: "os.DirEntry[str]") -> "Dict[str, Any]":
    about = entry.stat()
    return {
        "path": path,
        "size_bytes": about.st_size,
        "modified_s": about.st_mtime,
        "values": {},
        "local": entry.path,
    }
