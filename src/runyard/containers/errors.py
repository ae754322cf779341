"""The one way a container engine fails."""

from __future__ import annotations

from runyard.errors import RunyardError

KINDS = (
    "engine",
    "image_not_found",
    "container_not_found",
    "login",
    "network",
    "image_build",
    "gpu",
    "disk_full",
    "failed",
)


class EngineError(RunyardError):
    """docker or podman did not do what was asked of it.

    ``kind``, one of ``KINDS``: ``engine``, it is not there, not running or set up wrongly;
    ``image_not_found`` and ``container_not_found``; ``login``, the registry asks for one or
    refuses it; ``network``, the registry is out of reach; ``image_build``, a step of a Dockerfile;
    ``gpu``; ``disk_full``; ``failed``, anything else, in the engine's own words. ``message`` says
    what failed, ``hint`` what to do or type next ('' when there is nothing).
    """

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint

    def _plain(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message
