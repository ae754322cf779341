"""A container in which the script of a run is: watched, ended and judged."""

from __future__ import annotations

import os
import subprocess
import time

from runyard.computes import processes
from runyard.containers import words
from runyard.containers.errors import EngineError
from runyard.record import script
from runyard.record.states import Reason
from runyard.runner import said
from runyard.runner.supervision import end_of, reap_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.computes.spawning import Started
    from runyard.containers.details import ContainerState
    from runyard.containers.engine import Engine
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Outcome

_PATIENCE_S = 30.0
"""For an engine that is busy to start a container, so that it can be stopped."""

_LAST_GRACE_S = 2.0
_KILLED = 137
_UNSTARTED = (125, 126, 127)
"""What the engine's client, and container.sh, end with when they could not start the script."""
_SIGNALLED = range(129, 160)
"""What a shell ends with after a signal."""


class Contained:
    """What a supervisor watches of a run in a container: the engine's client, attached to it."""

    def __init__(self, engine: Engine, name: str, client: Started, run: RunDirectory) -> None:
        self.pid = client.pid
        self.client = client
        self._engine = engine
        self._name = name
        self._run = run
        self._messages = run.container_log
        self._ended = end_of(client)

    def wait(self, patience_ms: int) -> bool:
        """Wait so many milliseconds for the client, which is attached while the script runs."""
        return self._ended(patience_ms)

    def look(self) -> None:
        """The engine watches the memory, and container.sh too."""
        reap_orphans(self.pid)

    def end(self, grace_s: float) -> int:
        """Stop the container, unless it has ended; 1 if it had to be killed."""
        if self.client.poll() is not None:
            return 0
        give_up = time.monotonic() + grace_s + _PATIENCE_S
        # Again and again: one that is only being started now cannot be stopped yet.
        while not self._detached(0.2):
            self._stop(grace_s)
            if time.monotonic() > give_up:
                self.client.kill()
        state = self._state()
        return int(state is not None and state.exit_code == _KILLED)

    def _detached(self, patience_s: float) -> bool:
        try:
            self.client.wait(patience_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def judge(self, outcome: Outcome) -> None:
        """By what the engine says of the container, which is noted, and then removed."""
        outcome.code = self.client.wait()
        try:
            state = self._engine.state(self._name, os.path.dirname(self._messages))
        except EngineError as error:
            self._judge_without_engine(outcome, error)
            return
        self._judge(outcome, state)
        self._note(outcome, None if state is None else state.ended)
        self._remove()

    def _judge(self, outcome: Outcome, state: ContainerState | None) -> None:
        if state is not None and state.running:
            outcome.reason = Reason.NODE_LOST
            message = "its client has ended, and the container had not"
            outcome.error = {"message": f"{self._engine.name} lost sight of the script: {message}"}
        elif state is not None and state.started:
            outcome.code = state.exit_code
            outcome.out_of_memory = state.out_of_memory
        said_by_client = self._said()
        if outcome.code in _UNSTARTED and (said_by_client or state is None or not state.started):
            text = said_by_client or (state.error if state else "")
            why = words.explain(self._engine.name, text, outcome.code)
            outcome.reason = Reason.LAUNCH_FAILED
            outcome.error = {"type": why.kind, "message": why.message, "hint": why.hint}
        elif outcome.code in _SIGNALLED:
            outcome.code = 128 - outcome.code

    def _note(self, outcome: Outcome, ended: float | None) -> None:
        """For another runner, should this one be killed: the engine is about to forget it."""
        how: dict[str, Any] = {"code": outcome.code}
        if outcome.out_of_memory:
            how["out_of_memory"] = True
        if outcome.reason is not None:
            how.update(reason=outcome.reason.value, error=outcome.error)
        try:
            script.note_container(self._run, self._name, ended, **how)
        except OSError as error:
            said.say(f"how container {self._name} ended was not noted: {error}")

    def _judge_without_engine(self, outcome: Outcome, error: EngineError) -> None:
        """The engine has ended, or hangs; a script it has started may go on without it."""
        processes.end(lambda: processes.of_run(self._run.path), grace_s=_LAST_GRACE_S)
        outcome.reason = Reason.NODE_LOST
        outcome.error = {
            "type": error.kind,
            "message": f"the engine was lost while the script was running: {error.message}",
            "hint": error.hint,
        }

    def _state(self) -> ContainerState | None:
        try:
            return self._engine.state(self._name)
        except EngineError as error:
            said.say(f"nothing is known of container {self._name}: {error.message}")
            return None

    def _stop(self, grace_s: float) -> None:
        try:
            self._engine.stop(self._name, grace_s)
        except EngineError as error:
            said.say(f"container {self._name} could not be stopped: {error.message}")

    def _said(self) -> str:
        """What the client wrote: nothing, when all is well."""
        with open(self._messages, encoding="utf-8", errors="backslashreplace") as stream:
            return stream.read().strip()

    def _remove(self) -> None:
        try:
            self._engine.remove(self._name)
        except EngineError as error:
            said.say(f"container {self._name} was not removed: {error.message}")
