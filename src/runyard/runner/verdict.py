"""How a run ended, as its runner said in its own log (``said.ended``) before it wrote the end.

For an end that is not in events.jsonl: its runner was killed in between, or the file was damaged
since. What is done at the end of a run, such as storing its outputs, is not done a second time.
"""

from __future__ import annotations

import os
import re

from runyard.record import regular
from runyard.record.states import Reason
from runyard.runner.ending import End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory

_LAST_BYTES = 1 << 16
_SAID = re.compile(rb"^(?:ended: (\w+) |the runner was killed: \d+ starts the run again)", re.M)


def read(run: RunDirectory) -> Reason | None:
    """What was said last; None where the run was not done, or was started again since."""
    try:
        with regular.open_to_read(run.runner_log, None) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LAST_BYTES))
            found = [match.group(1) for match in _SAID.finditer(stream.read())]
        return Reason(found[-1].decode()) if found and found[-1] else None
    except (OSError, ValueError):
        return None


def confirmed(end: End, known: Reason | None) -> End:
    """``end``, unless the runner itself had said another reason."""
    if known is None or end.reason is known:
        return end
    message = (
        "system_logs/runner.txt says that the run ended so; events.jsonl, which said more, has "
        "lost its end."
    )
    return End(known, {"message": message})
