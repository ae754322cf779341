"""The keeper of a run that runs far away: it holds the run's lock here, and keeps it true.

A process of its own. It writes what comes back into the run directory, sends on what is asked of
the run, and ends the run when its target says that it is gone. One that dies is started again by
whoever opens the workspace next.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.data import registry
from runyard.data.relay import adopting, applying, batches
from runyard.errors import RunyardError
from runyard.history import reconcile, targets
from runyard.history.targets import TargetState
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership
from runyard.record.states import Reason

if TYPE_CHECKING:
    from runyard.data.stores.store import Store

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.25, 2.0
_POLL_EVERY_S = 2.0
_SETTLE_S = 3.0
"""So long after its target said that it is gone, what the run had sent must have been read."""
PATIENCE_S = 300.0
"""How long a datastore that cannot be reached may keep the end of a run that is gone."""

Place = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Keep the run of ``RUN_DIRECTORY``, whose lock was inherited as ``LOCK_FD``.

    ``TARGET``, if given: where its target is found, as module:attribute.
    """
    run = RunDirectory(arguments[0])
    ownership = Ownership(int(arguments[1]))
    os.set_inheritable(ownership.fd, False)
    owner.sign(ownership, owner.identity())
    spec = jsonl.read_json(run.run_json)["spec"]
    if arguments[2:]:
        targets.register_target(spec["target"], arguments[2])
    Keeper(run, registry.store_of(run.workspace, spec["relay"]), spec["target"]).keep()
    ownership.release()
    return 0


class Keeper:
    """One run. ``next``: the numbers of the next change and the next request, kept on the disk."""

    def __init__(self, run: RunDirectory, store: Store, target: str) -> None:
        self._run = run
        self._store = store
        self._target = target
        _tidy(run)
        self._polled_at = 0.0
        self._gone_at: float | None = None
        self._next = _place(run)

    def keep(self) -> None:
        """Until the run has ended, or somebody has removed it."""
        pause_s = _FIRST_PAUSE_S
        while os.path.exists(self._run.run_json):
            trouble, came, is_last = "", False, False
            self._try_to_ask()
            try:
                number = self._next["back"]
                came, is_last = applying.apply(self._run, self._store, number, self._adopt)
            except (RunyardError, OSError, ValueError) as error:
                trouble = f"{error}"
                _say(trouble)
            if came:
                self._count("back")
                events.touch(self._run)
                pause_s = _FIRST_PAUSE_S
            if is_last or (not came and self._is_lost(trouble)):
                self._finish()
                return
            if not came:
                time.sleep(pause_s)
                pause_s = min(1.5 * pause_s, _LAST_PAUSE_S)

    def _adopt(self, reason: str) -> None:
        """Once: each time outputs would be registered anew."""
        if self._next.get("adopted"):
            return
        self._next["adopted"] = True
        try:
            adopting.adopt(self._run, reason)
        except (RunyardError, OSError, ValueError) as error:  # how it ended stands
            _say(f"not all that the run left beside its own files is here: {error}")
        self._save()

    def _count(self, what: str) -> None:
        self._next[what] += 1
        self._save()

    def _save(self) -> None:
        jsonl.write_once(self._run.join("relay", "next.json"), self._next, sync=False)

    def _try_to_ask(self) -> None:
        try:
            self._ask()
        except (RunyardError, OSError) as error:  # what comes back is read in spite of that
            _say(f"what is asked of the run is not sent on: {error}")

    def _ask(self) -> None:
        """Send on the requests that have come since, in their order."""
        for name in sorted(os.listdir(self._run.requests)):
            if name.endswith(".json") and name not in self._next["asked"]:
                place = self._run.join("relay", "request")
                Path(place).write_text(json.dumps({**_asked(self._run, name), "name": name}))
                number = self._next["request"]
                self._store.put([(place, batches.request(self._run.id, number))], overwrite=True)
                self._next["asked"].append(name)
                self._count("request")

    def _is_lost(self, trouble: str) -> bool:
        """Whether the run is gone and has nothing more to tell; then that is written."""
        now = time.monotonic()
        if now - self._polled_at < _POLL_EVERY_S:
            return False
        self._polled_at = now
        if self._state() is not TargetState.GONE:
            self._gone_at = None
            return False
        self._gone_at = self._gone_at or now
        if now - self._gone_at < (PATIENCE_S if trouble else _SETTLE_S):
            return False
        self._write_lost(trouble)
        return True

    def _state(self) -> TargetState:
        try:
            handle = reconcile.handle_of(self._run)
            if set(handle) == {"run"}:
                return TargetState.GONE  # whoever submitted it ended before it was started
            state: TargetState = self._loaded().poll([handle])[0]
            return state
        except Exception as error:  # a plug-in's
            _say(f"target {self._target!r} does not say how the run is: {error}")
            return TargetState.UNKNOWN

    def _loaded(self) -> Any:
        handle = reconcile.handle_of(self._run)
        return targets.load_target(self._target, self._run.workspace, handle)

    def _write_lost(self, trouble: str) -> None:
        if events.read_state(self._run).status.ended:
            return
        try:
            self._loaded().reap(self._run)
        except Exception as error:  # a plug-in's
            _say(f"target {self._target!r} did not end what the run may have left: {error}")
        if events.cancel_requested(self._run):
            text = "Cancelled; the runner was gone before it could carry it out."
            reconcile.write_end(self._run, Reason.CANCELLED, text)
            return
        text = f"The runner on {self._target!r} is gone and has not said how the run ended."
        if trouble:
            text += f" What it may have sent cannot be read: {trouble}"
        reconcile.write_end(self._run, Reason.RUNNER_LOST, text)

    def _finish(self) -> None:
        """The end of the run survives a loss of power, as that of a run here does."""
        _tidy(self._run)
        jsonl.sync_file(self._run.events)
        events.touch(self._run)


def _place(run: RunDirectory) -> Place:
    """Where the last keeper was; the beginning where that cannot be read: twice is as once."""
    path = run.join("relay", "next.json")
    try:
        found: Place = jsonl.read_json(path)
        if type(found["back"]) is type(found["request"]) is int and _is_names(found["asked"]):
            return found
        why = "it says something else"
    except FileNotFoundError:
        why = ""
    except (OSError, ValueError, KeyError) as error:
        why = f"{error}"
    if why:
        _say(f"{path} is no use, so all is brought here once more: {why}")
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    return {"back": 1, "request": 1, "asked": []}


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _asked(run: RunDirectory, name: str) -> dict[str, Any]:
    """What is in a request; of one that was left on a full disk the name says enough."""
    try:
        return jsonl.read_json(os.path.join(run.requests, name))
    except ValueError:
        return {}


def _tidy(run: RunDirectory) -> None:
    """Remove what a killed keeper has left of a change it was at."""
    os.makedirs(run.join("relay"), exist_ok=True)
    for name in os.listdir(run.join("relay")):
        if name != "next.json":
            with contextlib.suppress(NotADirectoryError):
                shutil.rmtree(run.join("relay", name))


def _say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)
