"""What a user keeps of the runs that wait, where nobody else can write it.

Law *listing a workspace of somebody else runs nothing*: a ticket is a file in the workspace, and
that may come from anywhere. It counts only for who made it, who has an order of the same name: in
``/dev/shm/runyard-<uid>``, with the environment of the submitter and its secrets, which must not
touch the disk; and, without those, in the user's state folder, for a restart of the machine
empties /dev/shm.
"""

from __future__ import annotations

import errno
import os

from runyard.computes import runner_process, user_memory
from runyard.computes.user_memory import MEMORY, key
from runyard.errors import ComputeTargetException
from runyard.record import early_json, jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Order:
    """How a run that waits is to be started.

    ``run``: '<experiment>/<run id>'. ``nodes``: how many it takes. ``secrets``: whether it has
    secret variables. ``program``: interpreter and file of the runner. ``places``: variables that
    are paths of ours. ``variables``: its whole environment, None after a restart of the machine.
    """

    def __init__(self, body: Mapping[str, Any], variables: Mapping[str, str] | None) -> None:
        self.run = str(body["run"])
        self.nodes = int(body["nodes"])
        self.secrets = bool(body["secrets"])
        python, runner = body["program"]
        self.program = (str(python), str(runner))
        self.places = {str(name): str(value) for name, value in body["places"].items()}
        self.variables = variables

    def body(self) -> dict[str, Any]:
        """What of it may be on the disk."""
        return {name: value for name, value in vars(self).items() if name != "variables"}


def order(run: RunDirectory, spec: Mapping[str, Any], variables: Mapping[str, str]) -> Order:
    """What starting the run takes; ``variables``: its whole environment."""
    program, places = runner_process.own_program(), runner_process.places()
    return Order(user_memory.order(run, spec, program, places), variables)


def keep(pool: str, ticket: str, order: Order) -> None:
    """Keep an order. Raises ComputeTargetException when there is no memory for it.

    ``pool``: the pool's folder. Where the state folder cannot be written, the run waits in vain
    after a restart of the machine: a warning says so.
    """
    body = {**order.body(), "pool": pool}
    try:
        memory = _made(_in_memory(pool))
        variables = dict(order.variables or {})
        user_memory.write(os.path.join(memory, ticket), {**body, "variables": variables})
    except OSError as error:
        raise _no_memory(error) from error
    try:
        user_memory.write(os.path.join(_made(_on_disk(pool)), ticket), body)
    except OSError as error:
        import logging

        logging.getLogger(__name__).warning(
            "a restart of the machine would forget the run of %s: %s", ticket, error
        )


def persist(pool: str, ticket: str) -> None:
    """Make an order survive power loss, as far as it may be on the disk."""
    folder = _on_disk(pool)
    for path in (os.path.join(folder, ticket), folder):
        try:
            jsonl.sync_file(path)
        except OSError:  # its run has started by now
            return


def recall(pool: str, ticket: str) -> Order | None:
    """The order of a ticket; None for a ticket that this user has not made."""
    for place in (_in_memory, _on_disk):
        try:
            folder = place(pool)
            user_memory.refuse_open(os.path.dirname(folder))
            user_memory.refuse_open(folder)
            body = _read(os.path.join(folder, ticket))
            if not _is_of(body["pool"], pool):
                continue
            variables = body.get("variables")
            return Order(body, None if variables is None else dict(variables))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return None


def known(pool: str) -> set[str]:
    """The names of the tickets that this user has made."""
    found: set[str] = set()
    for place in (_in_memory, _on_disk):
        try:
            found.update(os.listdir(place(pool)))
        except OSError:
            continue
    return found


def forget(pool: str, ticket: str) -> None:
    """Remove what is kept for a ticket."""
    for folder in (_in_memory(pool), _on_disk(pool)):
        try:
            os.unlink(os.path.join(folder, ticket))
        except OSError:
            continue


def sweep(pool: str, tickets: Iterable[str]) -> None:
    """Remove what belongs to no ticket: its submitter was killed. Under the pool's lock."""
    for ticket in known(pool).difference(tickets):
        if not _is_anothers(pool, ticket):
            forget(pool, ticket)
    for folder in (_in_memory(pool), _on_disk(pool)):
        try:
            os.rmdir(folder)
        except OSError:  # there is something in it, or it is not there
            continue


def _is_anothers(pool: str, ticket: str) -> bool:
    """Whether it waits in another pool: folders on two file systems may have one number."""
    for place in (_in_memory, _on_disk):
        try:
            if not _is_of(_read(os.path.join(place(pool), ticket))["pool"], pool):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False


def _read(path: str) -> Any:
    with open(path, "rb") as stream:
        return early_json.loads(stream.read().decode())


def _no_memory(error: OSError) -> ComputeTargetException:
    advice = "make room there" if error.errno in _FULL else "check who may write there"
    return ComputeTargetException(
        "the environment of a run that waits is kept in memory, and that cannot be done: "
        f"{error.strerror or error} ({error.filename or MEMORY}); {advice}, or submit when a "
        "node of the target is free",
        error,
    )


def _in_memory(pool: str) -> str:
    return os.path.join(MEMORY, f"runyard-{os.getuid()}", _key(pool))


def _on_disk(pool: str) -> str:
    home = os.environ.get("XDG_STATE_HOME", "")
    state = home if os.path.isabs(home) else os.path.expanduser("~/.local/state")
    return os.path.join(state, "runyard", "queues", _key(pool))


def _key(pool: str) -> str:
    return key(pool)


def _is_of(place: str, pool: str) -> bool:
    try:
        return os.path.samefile(place, pool)
    except FileNotFoundError:  # moved: it has the number of the folder that is gone
        return True


def _made(folder: str) -> str:
    """The folder, with those of ours above it, for this user alone."""
    own = os.path.dirname(folder)
    if own.startswith(MEMORY):
        user_memory.make(own)
    else:
        os.makedirs(own, mode=0o700, exist_ok=True)
    user_memory.make(folder)
    return folder
