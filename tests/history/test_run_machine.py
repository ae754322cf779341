"""A run against a model of what it may become, over a real run directory.

Everybody who may touch a run does here: its own process, others that ask for its end, the kernel
that kills its runner, readers, and people who copy or move the workspace or remove its index.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runyard import Experiment, Workspace
from runyard.history.run import Run
from runyard.job import interactive
from runyard.record import creation, events, jsonl, owner
from runyard.record.metrics import MetricWriter
from runyard.record.notes import NoteWriter

ENDS = {
    "complete": ("Completed", "completed"),
    "fail": ("Failed", "script_exception"),
    "cancel": ("Canceled", "cancelled"),
}
LOST = ("Failed", "runner_lost")
NAMES = st.sampled_from(["a", "b"])
VALUES = st.one_of(st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=3))
HOWS = st.sampled_from([*ENDS])
_DEAD = 1
"""Ticks after boot at which no process of this machine was started."""


class RunMachine(RuleBasedStateMachine):
    """``status``, ``reason``, ``tags``, ``properties``, ``metrics``: what the run should say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(), "here")
        self.workspace = Workspace.create("demo", path=self.folder)
        self.id = interactive.create(self.workspace.directory, "exp").id
        self.status, self.reason = "NotStarted", ""
        self.alive = False
        self.asked: list[str] = []
        self.tags: dict[str, str] = {}
        self.properties: dict[str, str] = {}
        self.metrics: dict[str, list[Any]] = {}
        self.children: list[str] = []
        self.open()

    def open(self) -> None:
        """As a process does that was started just now."""
        self.workspace = Workspace.from_config(path=self.folder)
        self.run = Run(Experiment(self.workspace, "exp"), self.id)
        self.notes = NoteWriter(self.run.directory)
        self.writer = MetricWriter(self.run.directory)

    def teardown(self) -> None:
        if self.alive:
            self.let_go()
        shutil.rmtree(self.folder.parent)

    @property
    def ended(self) -> bool:
        return bool(self.reason)

    def end_as(self, status: str, reason: str) -> None:
        self.status, self.reason, self.alive = status, reason, False

    # Its own process

    @rule()
    def start(self) -> None:
        began = interactive.begin(self.run.directory) is not None
        assert began == (not self.ended)
        if self.status == "NotStarted":
            self.status, self.alive = "Running", True

    @precondition(lambda self: self.alive)
    @rule(how=HOWS)
    def end(self, how: str) -> None:
        assert interactive.end(self.run.directory, how)
        self.end_as(*ENDS[how])

    @precondition(lambda self: self.alive and not hasattr(sys, "last_value"))
    @rule()
    def exit(self) -> None:
        """What was asked last is done; nothing asked: it has completed."""
        interactive._end_at_exit()
        self.end_as(*ENDS[self.asked[-1] if self.asked else "complete"])

    @precondition(lambda self: self.alive)
    @rule(half=st.booleans(), by_list=st.booleans())
    def kill(self, half: bool, by_list: bool) -> None:
        """The next reader ends it."""
        self.let_go()
        if half:
            with open(self.run.directory.events, "ab") as stream:
                stream.write(b'{"t": 1, "status": "Comp')
        self.end_as(*LOST)
        if by_list:
            self.open()  # one that is open already looks once a second
            self.workspace.select()
        else:
            self.run.get_status()

    def let_go(self) -> None:
        owned = interactive._owned.pop(self.run.directory.path)
        where = self.run.directory.path
        owner.sign(owned.ownership, {**owner.identity(), "start": _DEAD, "run": where})
        owned.ownership.release()
        self.alive = False

    # Others

    @rule(how=HOWS)
    def ask(self, how: str) -> None:
        """From another process: it ends a run that is nobody's, or leaves a request."""
        owned = interactive._owned.pop(self.run.directory.path, None)
        done = interactive.end(self.run.directory, how)
        if owned is not None:
            interactive._owned[self.run.directory.path] = owned
        assert done == (not self.alive)
        if self.alive:
            self.asked.append(how)
            self.status = "CancelRequested" if "cancel" in self.asked else self.status
        elif not self.ended:
            self.end_as(*ENDS[how])

    @rule(name=NAMES, value=VALUES)
    def tag(self, name: str, value: Any) -> None:
        self.notes.tag(name, value)
        self.tags[name] = str(value)

    @rule(name=NAMES)
    def untag(self, name: str) -> None:
        self.notes.write("untag", name, None)
        self.tags.pop(name, None)

    @rule(name=NAMES, value=VALUES)
    def set_property(self, name: str, value: Any) -> None:
        self.notes.write("property", name, str(value))
        self.properties.setdefault(name, str(value))

    @rule(name=NAMES, value=VALUES)
    def log(self, name: str, value: Any) -> None:
        self.writer.scalar(name, value)
        self.metrics.setdefault(name, []).append(value)

    @rule()
    def create_child(self) -> None:
        parent = self.run.directory
        self.children.append(interactive.create(self.workspace.directory, "exp", parent=parent).id)

    @rule(folder=st.sampled_from(["notes", "metrics"]))
    def die_while_writing(self, folder: str) -> None:
        """A process that was killed in the middle of a line, and the next one to write."""
        name = creation.random_hex(4) + ".jsonl"
        Path(self.run.directory.join(folder), name).write_bytes(b'{"t": 1, "n": "a", "kind": "ta')
        self.open()

    # The workspace

    @rule(anew=st.booleans())
    def remove_the_index(self, anew: bool) -> None:
        Path(self.workspace.directory.index).unlink(missing_ok=True)
        if anew:
            self.open()

    @rule()
    def grow_old(self) -> None:
        """So that what is written next is seen by its stamp alone."""
        then = os.stat(self.run.directory.path).st_mtime - 60
        os.utime(self.run.directory.path, (then, then))
        self.workspace.select()

    @precondition(lambda self: not self.alive)
    @rule()
    def move(self) -> None:
        self.folder = self.folder.rename(self.folder.parent / creation.random_hex(4))
        self.open()

    @precondition(lambda self: self.status != "NotStarted")
    @rule()
    def copy(self) -> None:
        """Nothing runs in a copy, and the original knows nothing of it."""
        copied = shutil.copytree(self.folder, self.folder.parent / "copy", symlinks=True)
        run = Run.get(Workspace.from_config(path=copied), self.id)
        expected = self.status if self.ended else "Canceled" if self.asks_cancel else "Failed"
        assert run.get_status() == expected
        shutil.rmtree(copied)

    @property
    def asks_cancel(self) -> bool:
        return "cancel" in self.asked

    # What must hold

    @invariant()
    def the_run_says_what_happened(self) -> None:
        details = self.run.get_details()
        assert details["status"] == self.status
        assert self.run.tags == self.tags
        assert self.run.properties == self.properties
        assert [child.id for child in self.run.get_children()][::-1] == self.children

    @invariant()
    def so_does_the_list(self) -> None:
        (entry,) = (entry for entry in self.workspace.select() if entry.id == self.id)
        assert (entry.status, entry.reason or "") == (self.status, self.reason)
        assert (entry.tags, entry.properties) == (self.tags, self.properties)

    @invariant()
    def one_end_is_written_once(self) -> None:
        written = jsonl.read(self.run.directory.events)
        ends = [event["reason"] for event in written if "reason" in event]
        assert ends == ([self.reason] if self.ended else [])
        assert events.State(written).events == written

    @invariant()
    def every_value_is_there_once_and_in_order(self) -> None:
        shown = {
            name: found if len(found) > 1 else found[0] for name, found in self.metrics.items()
        }
        assert repr(self.run.get_metrics()) == repr(shown)


def test_a_run_is_what_its_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that nobody has started is not found lost, however long an example takes.
    monkeypatch.setattr("runyard.history.reconcile.GRACE_S", 3600.0)
    examples = max(20, settings().max_examples // 5)
    run_state_machine_as_test(
        RunMachine, settings=settings(max_examples=examples, stateful_step_count=25)
    )
