"""What the log says while packages are on their way, whoever fetches them."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PAUSE_S = 0.3
"""Between two lines, so that a fast network does not fill the log."""

_FIRST_SIGN_S = 5.0
_LAST_SIGN_S = 30.0
"""What somebody who watches may wait for a sign of life, at first and in the end."""

_NAMED = 3
_UNITS = ("B", "KB", "MB", "GB")


class Step:
    """One part of a build: says now and then that it still goes on.

    ``name``: as in 'Resolving'. ``clock``: seconds, monotonic.
    """

    def __init__(
        self,
        name: str,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._say = say
        self._clock = clock
        self._began_s = clock()
        self._next_sign_s = self._began_s + _FIRST_SIGN_S

    def tick(self, details: Callable[[], str]) -> None:
        """Say a sign of life when it is time for one; ``details``: how far it is, or ''."""
        now = self._clock()
        if now < self._next_sign_s:
            return
        seconds = now - self._began_s
        self._next_sign_s = now + min(max(_FIRST_SIGN_S, seconds / 2), _LAST_SIGN_S)
        text = details()
        self._say(f"{self.name} for {seconds:.0f} s{text and ': '}{text}")


class Downloads:
    """Says how far they are; what comes quickly is said together.

    ``adjective``: of the packages, such as 'large'. ``clock``: seconds, monotonic.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        adjective: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._kind = f"{adjective} package".strip()
        self._clock = clock
        self._sizes: dict[str, int] = {}
        self._received: dict[str, int] = {}
        self._done: list[str] = []
        self._said = 0
        self._next_s = 0.0
        self._announced = False

    def add(self, name: str, size_bytes: int | None) -> None:
        """One more package is to be downloaded; its size may be unknown."""
        self._sizes[name] = size_bytes or 0

    def receive(self, name: str, size_bytes: int) -> None:
        """So much of a package is here."""
        self._received[name] = size_bytes

    def finish(self, name: str) -> None:
        """A package is here; said at once, or soon when something has just been said."""
        self._sizes.setdefault(name, 0)
        self._received[name] = self._sizes[name]
        self._done.append(name)
        if self._clock() >= self._next_s:
            self.flush()

    def announce(self) -> None:
        """Say once what is to be downloaded."""
        if self._announced or not self._sizes:
            return
        self._announced = True
        number = f"{len(self._sizes)} {self._kind}{'s' if len(self._sizes) > 1 else ''}"
        total = size(sum(self._sizes.values()), ", {}")
        self._say(f"Downloading {number}{total}: {self._listed(self._sizes)}")

    def flush(self) -> None:
        """Say what has not been said yet."""
        self.announce()
        new = self._done[self._said :]
        if not new:
            return
        self._said = len(self._done)
        self._next_s = self._clock() + _PAUSE_S
        self._say(f"Downloaded {self._count()}: {', '.join(new)}{self._amount()}")

    def state(self) -> str:
        """Where things stand, for a line that says that the build still works; '' when done."""
        waiting = [name for name in self._sizes if name not in self._done]
        if not waiting:
            return ""
        return f"{self._count()} downloaded{self._amount()}, waiting for {self._listed(waiting)}"

    def _count(self) -> str:
        return f"{len(self._done)} of {len(self._sizes)}"

    def _amount(self) -> str:
        total = sum(self._sizes.values())
        here = sum(self._received.values())
        return size(total, " ({})" if here == total else f" ({size(here, '{}') or '0 B'} of {{}})")

    def _listed(self, names: Iterable[str]) -> str:
        """The largest ones with their sizes."""
        largest = sorted(names, key=lambda name: -self._sizes[name])
        shown = [f"{name}{size(self._sizes[name], ' ({})')}" for name in largest[:_NAMED]]
        more = len(largest) - _NAMED
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def size(size_bytes: int | None, form: str) -> str:
    """Return ``form`` filled with a size to read, '' when it is not known."""
    if not size_bytes:
        return ""
    value, unit = float(size_bytes), "B"
    for unit in _UNITS:
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return form.format(f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}")
