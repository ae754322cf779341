"""What is installed in a virtual environment, as ``uv pip freeze`` prints it.

uv takes 14 ms to say it, a tenth of a whole build from its cache; the names of the folders that
it has just made say the same.
"""

from __future__ import annotations

import glob
import os

from runyard.environments import cache
from runyard.environments.names import canonical_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SUFFIX = ".dist-info"
"""Ends the name of the folder of a distribution's metadata."""


def freeze(prefix: str) -> list[str]:
    """Return one line for every distribution in the environment at ``prefix``, sorted by name."""
    lines = {}
    for folder in glob.glob(os.path.join(glob.escape(prefix), "lib", "*", "site-packages")):
        for entry in os.listdir(folder):
            if entry.endswith(SUFFIX):
                name, _, version = entry[: -len(SUFFIX)].partition("-")
                direct = cache.read_json(os.path.join(folder, entry, "direct_url.json"))
                lines[canonical_name(name)] = line(canonical_name(name), version, direct)
    return [lines[name] for name in sorted(lines)]


def line(name: str, version: str, direct: dict[str, Any] | None) -> str:
    """One line; ``direct`` is the content of direct_url.json (PEP 610) where there is one."""
    if direct is None:
        return f"{name}=={version}"
    url = str(direct.get("url", ""))
    if (direct.get("dir_info") or {}).get("editable"):
        return f"-e {url}"
    if vcs := direct.get("vcs_info"):
        url = f"{vcs.get('vcs')}+{url}@{vcs.get('commit_id')}"
    if subdirectory := direct.get("subdirectory"):
        url += f"#subdirectory={subdirectory}"
    return f"{name} @ {url}"
