"""Looking up why a solve failed: what the channels have instead."""

from __future__ import annotations

import difflib

import rattler
from rattler.exceptions import GatewayError

from runyard.environments import conda_failures
from runyard.environments.conda_failures import NoCandidates
from runyard.environments.names import package_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.environments.build_failure import BuildFailure
    from runyard.environments.conda_client import Source
    from runyard.environments.spec import EnvironmentSpec


async def of_solve(
    text: str, spec: EnvironmentSpec, sources: Sequence[Source], gateway: rattler.Gateway
) -> BuildFailure:
    """Return the failure behind the solver's text; the channels are asked for what they have."""
    asked = conda_failures.no_candidates(text)
    if asked is None or asked.name.startswith("__"):
        names = [package_name(line.partition("::")[2] or line) for line in spec.conda_packages]
        return conda_failures.conflict(text, names)
    try:
        versions = await _versions(asked, sources, gateway)
        if versions:
            return conda_failures.no_version(asked, versions)
        near = await _near(asked.name, sources, gateway)
    except GatewayError:
        near = []
    return conda_failures.unknown_package(asked, [source.shown for source in sources], near)


async def _versions(
    asked: NoCandidates, sources: Sequence[Source], gateway: rattler.Gateway
) -> dict[str, str]:
    """The channel that has it, by version, the newest first."""
    found: dict[str, str] = {}
    records = []
    for source in sources:
        result = await gateway.query([source.channel], _platforms(), [asked.name], recursive=False)
        records += [(item, source.shown) for group in result for item in group]
    for record, channel in sorted(records, key=lambda pair: pair[0].version, reverse=True):
        found.setdefault(str(record.version), channel)
    return found


async def _near(name: str, sources: Sequence[Source], gateway: rattler.Gateway) -> list[str]:
    known = await gateway.names([source.channel for source in sources], _platforms())
    return difflib.get_close_matches(name, [item.normalized for item in known], n=2, cutoff=0.75)


def _platforms() -> list[rattler.Subdir]:
    return [rattler.Subdir.current(), rattler.Subdir("noarch")]
