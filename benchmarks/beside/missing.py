"""Why something is not measured here."""

from __future__ import annotations

import os


class NotMeasured(Exception):
    """``why``: one sentence without paths, for the page. ``needs``: as RUNYARD_REQUIRE names it."""

    def __init__(self, why: str, needs: str) -> None:
        super().__init__(why)
        self.why, self.needs = why, needs

    @property
    def required(self) -> bool:
        """Whether it has to be there: RUNYARD_REQUIRE says so."""
        return self.needs in os.environ.get("RUNYARD_REQUIRE", "").split(",")
