"""Many transfers at once.

The runner imports it: standard library only.
"""

from __future__ import annotations

import queue
import threading

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from runyard.data.stores.store import Done, Entry

    Item = TypeVar("Item")
    Answer = tuple[Entry, bool]


class StoreLostError(UserErrorException):
    """The storage as a whole cannot be used: what is left need not be tried."""


def carry_out(
    items: Iterable[Item], action: Callable[[Item], Answer], workers: int, done: Done | None
) -> None:
    """Call ``action`` for every item, ``workers`` at a time.

    ``done`` is told of each in this thread.

    An item that fails does not keep back the others, unless with StoreLostError; the first error
    is raised when all has been tried.
    """
    failed: Exception | None = None
    for answer in _answers(_Work(items, action), workers):
        if isinstance(answer, Exception):
            failed = failed or answer
        elif done is not None:
            done(*answer)
    if failed is not None:
        raise failed


def _answers(work: _Work, workers: int) -> Iterator[Any]:
    """What the workers answer. They are daemons: an interrupted caller does not wait for them."""
    for _ in range(workers):
        threading.Thread(target=work.go_on, daemon=True).start()
    try:
        running = workers
        while running:
            answer = work.answers.get()
            if answer is None:
                running -= 1
            else:
                yield answer
    finally:
        work.stopped = True


class _Work:
    """What all workers share: items, each taken by one of them, and their answers."""

    def __init__(self, items: Iterable[Any], action: Callable[[Any], Any]) -> None:
        self._items, self._action = iter(items), action
        self._lock = threading.Lock()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stopped = False

    def go_on(self) -> None:
        """Until there are no more items; None is the last answer."""
        while not self.stopped:
            try:
                with self._lock:
                    item = next(self._items, self)
                if item is self:
                    break
                self.answers.put(self._action(item))
            except Exception as error:
                self.stopped = self.stopped or isinstance(error, StoreLostError)
                self.answers.put(error)
            except BaseException as error:  # a panic of obstore: nobody may wait for this thread
                self.stopped = True
                self.answers.put(RuntimeError(f"{type(error).__name__}: {error}"))
        self.answers.put(None)
