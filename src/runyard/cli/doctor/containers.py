"""The doctor on docker and podman."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from runyard import settings
from runyard.cli.doctor.finding import Finding, error, ok, warning
from runyard.containers import finding
from runyard.containers.finding import Probed

_NAME = "containers"
_WITHOUT = "environments with an image cannot be used"


def containers(probe: Callable[[], Sequence[Probed]] = finding.probe) -> Iterator[Finding]:
    """Which engine works and is used, and why another does not work."""
    engines = probe()
    asked = settings.get(finding.SETTING)
    installed = [engine for engine in engines if engine.program]
    used = next((engine for engine in engines if engine.works), None)
    if asked is None and not installed:
        names = " and ".join(engine.name for engine in engines)
        advice = "sudo apt-get install docker.io, or podman"
        yield warning(_NAME, f"{names} are not installed: {_WITHOUT}", advice)
        return
    for engine in engines:
        if engine.works:
            yield ok(_NAME, f"{_described(engine)}{', used for runs' if engine is used else ''}")
        elif asked is not None:
            text = f"{asked.where} is {engine.name!r}: {engine.why}"
            yield error(_NAME, text, engine.hint)
        elif used is not None and not engine.program:
            yield ok(_NAME, f"{engine.why}, and not needed")
        else:
            yield warning(_NAME, engine.why, engine.hint)


def _described(engine: Probed) -> str:
    return f"{engine.version} ({engine.detail})  {engine.program}"
