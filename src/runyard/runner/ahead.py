"""Waiting for a run that is still being planned: see ``computes.runner_ahead``."""

from __future__ import annotations

import os
import sys

from runyard.record import early_json, owner
from runyard.runner import taking

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
else:
    import _socket as socket  # what socket is made of: it takes 4 ms

_PART_BYTES = 1 << 16


def receive(run: RunDirectory, number: int) -> Ownership | None:
    """Become the runner of the run, whose lock comes by the socket of that number.

    With its variables, folder and log, as a runner that is started when the run is there. None
    when no run comes of it.
    """
    given = socket.socket(fileno=number)
    lock, body = -1, b""
    while True:
        part, extra, _, _ = given.recvmsg(
            _PART_BYTES, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
        )
        for _, _, handed in extra:
            lock = int.from_bytes(handed[:4], sys.byteorder)
        if not part:
            break
        body += part
    given.close()
    if not body.endswith(b"\n"):  # the end of a whole line
        return None
    os.environ.clear()
    os.environ.update(early_json.loads(body.decode("ascii")))
    os.chdir(run.path)
    taking.to_own_log(run)
    return owner.Ownership(lock)
