"""What the log says while ``uv pip install`` works.

Away from a terminal uv names downloads above 1 MB and is otherwise silent until a step is done.
"""

from __future__ import annotations

import time

from runyard.environments.progress import Downloads, Step, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runyard.environments.uv_program import Ended, Uv

_VARIABLE = "RUST_LOG"
# Makes uv say which packages it has to fetch, a line each.
_PLAN = "uv_installer::plan=debug"
_TO_FETCH = "DEBUG Identified uncached distribution: "
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class UvProgress:
    """Reads what uv prints and says how far it is.

    ``given``: the variables meant for uv; ``variables`` are those and what makes it say more. A
    user who has set ``RUST_LOG`` sees all it then says. ``clock``: seconds, monotonic.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        given: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.variables = {_VARIABLE: _PLAN, **given}
        self._shows_debug = _VARIABLE in given
        self._say = say
        self._clock = clock
        self._downloads = Downloads(say, "large", clock)
        self._step = Step("Resolving", say, clock)
        self._to_fetch = 0
        self._building: list[str] = []
        self._uv: Uv | None = None

    def follow(self, uv: Uv, requirements: int) -> Ended:
        """Wait for the end of uv. ``requirements``: how many it was given."""
        self._uv = uv
        self._say(f"Resolving {_counted(requirements, 'requirement')}")
        return uv.finish(self.line, self.pause)

    def line(self, text: str) -> str | None:
        """Say a line of uv's, or what it means; returns what to keep of it for an error."""
        if text.startswith("DEBUG "):
            self._to_fetch += text.startswith(_TO_FETCH) and self._step.name == "Resolved"
            return self._say(text) if self._shows_debug else None
        word, _, rest = text.strip().partition(" ")
        if word == "Resolved":
            self._begin("Resolved")
        elif self._step.name == "Resolved":
            self._plan_ends(word in ("Downloading", "Building"))
        if word == "Downloading" and rest.endswith(")"):
            name, _, amount = rest[:-1].rpartition(" (")
            self._downloads.add(name, _bytes(amount))
        elif word == "Downloaded":
            self._downloads.finish(rest)
        else:
            return self._other(word, rest, text)
        return text

    def _other(self, word: str, rest: str, text: str) -> str:
        self._downloads.flush()
        if word == "Building":
            self._building.append(rest)
        elif word == "Built" and rest in self._building:
            self._building.remove(rest)
        kept = self._say(text)
        if word == "Prepared":
            self._begin("Installing")
            self._say("Installing")
        return kept

    def pause(self) -> None:
        """uv has said nothing for a moment."""
        if self._step.name == "Resolved":
            self._plan_ends()
        self._downloads.flush()
        self._step.tick(self._state)

    def _plan_ends(self, fetches: bool = False) -> None:
        """All that has to be fetched is known, or at least that there is something."""
        self._begin("Fetching" if self._to_fetch or fetches else "Installing")
        if self._to_fetch:
            self._say(f"Fetching {_counted(self._to_fetch, 'package')}")

    def _begin(self, step: str) -> None:
        self._step = Step(step, self._say, self._clock)

    def _state(self) -> str:
        building = f"building {', '.join(self._building)}" if self._building else ""
        written = 0
        if self._uv is not None and self._step.name == "Fetching" and not building:
            written = self._uv.written_bytes()
        parts = (self._downloads.state(), size(written, "{} unpacked"), building)
        return "; ".join(filter(None, parts))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _bytes(amount: str) -> int | None:
    """The number of bytes behind uv's ``16.1MiB``; None where it is written in another way."""
    try:
        return round(float(amount[:-3]) * _UNITS[amount[-3:]])
    except (KeyError, ValueError):
        return None
