"""Installing with pip, where uv cannot read the metadata of an old package.

``pytz (>=2011k)`` of pandas 0.23.4 is no valid version specifier: uv refuses it, as pip does
since 24.1. Older pips take it.
"""

from __future__ import annotations

import os
import re

from runyard.environments import uv_config
from runyard.environments.build_failure import BuildFailure, disk_full

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

PIP = "pip<24.1"
_UNREADABLE = re.compile(
    r"Metadata for `(?P<name>[^`]+)`(?: \(v(?P<version>[^)]+)\))? could not be parsed"
    r"|Failed to (?:download and )?build `(?P<built>[^`]+)`\s+cause: Failed to parse metadata"
)
# Where uv's setting has the same values as pip's; see PipSettings.uv_environment.
_SAME = {
    "UV_INDEX_URL": "PIP_INDEX_URL",
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL",
    "UV_REQUIRE_HASHES": "PIP_REQUIRE_HASHES",
    "UV_INSECURE_HOST": "PIP_TRUSTED_HOST",
    "SSL_CERT_FILE": "PIP_CERT",
    "SSL_CLIENT_CERT": "PIP_CLIENT_CERT",
    "UV_HTTP_TIMEOUT": "PIP_TIMEOUT",
    "UV_HTTP_RETRIES": "PIP_RETRIES",
}
# These would add packages or lead them elsewhere; the plan has the constraints.
_MISLEADING = ("CONSTRAINT", "DRY_RUN", "EDITABLE", "PREFIX", "REQUIREMENT", "ROOT", "TARGET")
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_UNRESOLVABLE = re.compile(r"No matching distribution|ResolutionImpossible|conflicting dependenc")


def refused(output: str) -> str | None:
    """The package whose metadata uv could not read, as its output says; None for all else."""
    match = _UNREADABLE.search(output)
    if match is None:
        return None
    return match["built"] or " ".join(filter(None, (match["name"], match["version"])))


def variables(
    uv_variables: Mapping[str, str], source_builds: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the variables for pip, from those uv was given.

    pip reads its own settings itself; what was set for uv wins, as it does with uv. Of known
    source builds it gets the variables, for all packages: it knows no extra requirements.
    """
    found = {
        name: value
        for name, value in uv_variables.items()
        if not (name.startswith("PIP_") and name[4:] in _MISLEADING)
    }
    for theirs, ours in _SAME.items():
        if uv_variables.get(theirs):
            found[ours] = uv_variables[theirs]
    if uv_variables.get("UV_FIND_LINKS"):
        found["PIP_FIND_LINKS"] = " ".join(uv_variables["UV_FIND_LINKS"].split(","))
    if uv_variables.get("UV_PRERELEASE") == "allow":
        found["PIP_PRE"] = "1"
    found.update(
        PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_PROGRESS_BAR="off", PIP_USER="0"
    )
    for entry in source_builds:
        found.update(uv_config.merged(entry["variables"], found))
    return found


def failure(output: str, exit_code: int, prefix: str) -> BuildFailure:
    """Return the failure behind pip's output."""
    if _FULL.search(output):
        return disk_full(os.path.dirname(prefix))
    errors = [
        line.removeprefix("ERROR: ").strip()
        for line in output.splitlines()
        if line.startswith("ERROR:")
    ]
    reason = errors[-1] if errors else f"it ended with code {exit_code}"
    kind = "unresolvable" if _UNRESOLVABLE.search(output) else "failed"
    return BuildFailure(kind, f"pip could not install the packages: {reason}")
