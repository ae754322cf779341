"""The widget in a real kernel: what the page gets over its comm, and what it sends back."""

from __future__ import annotations

import contextlib
import importlib.util
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import missing

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kernel")]

SETUP = """
import sys
from runyard import Environment, Experiment, RunDetails, ScriptRunConfig, Workspace
environment = Environment("own")
environment.python.user_managed_dependencies = True
experiment = Experiment(Workspace.create("shown", exist_ok=True), "e")
def submit(*arguments):
    config = ScriptRunConfig("source", "train.py", list(arguments), environment=environment)
    return experiment.submit(config)
"""

SCRIPT = """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
for step in range(int(sys.argv[1])):
    run.log("loss", 1 / (step + 1))
    print("step", step, flush=True)
    time.sleep(0.1)
    if os.path.exists("seen"):
        break
"""


class Kernel:
    """A kernel with this interpreter, as a notebook server has it."""

    def __init__(self, folder: Path) -> None:
        from jupyter_client.manager import KernelManager

        # Through files, whose paths must be short: no other user can speak to it.
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        sockets = f"{self._sockets.name}/s"
        self._manager = KernelManager(kernel_name="python3", transport="ipc", ip=sockets)
        self._manager.start_kernel(cwd=str(folder))
        self.client = self._manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.state: dict[str, dict[str, Any]] = {}
        self.output: list[dict[str, Any]] = []
        self.updates = 0

    def close(self) -> None:
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.cleanup()

    def run(self, code: str) -> None:
        """Execute code to its end; fails with its traceback."""
        reply = self.client.execute_interactive(code, timeout=60, output_hook=self._take)
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])

    def until(self, done: Callable[[], bool], timeout_s: float = 30) -> None:
        """Take messages until something is so."""
        give_up = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < give_up, self.widget
            with contextlib.suppress(queue.Empty):
                self._take(self.client.get_iopub_msg(timeout=0.2))

    def quiet_for(self, seconds: float) -> int:
        """How many updates of widgets come within some seconds."""
        before, end = self.updates, time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                self._take(self.client.get_iopub_msg(timeout=0.2))
        return self.updates - before

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in ("display_data", "stream", "error"):
            self.output.append(content)
        data = content.get("data", {})
        if kind == "comm_open":
            self.state[content["comm_id"]] = dict(data.get("state", {}))
        elif kind == "comm_msg" and data.get("method") == "update":
            self.updates += 1
            self.state[content["comm_id"]].update(data["state"])

    @property
    def comm_id(self) -> str:
        found = [key for key, state in self.state.items() if "summary" in state]
        return found[-1]

    @property
    def widget(self) -> dict[str, Any]:
        return self.state[self.comm_id]

    def send(self, data: dict[str, Any]) -> None:
        """What the page sends over the comm of the widget."""
        content = {"comm_id": self.comm_id, "data": data}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    for name in ("anywidget", "ipykernel"):
        if importlib.util.find_spec(name) is None:
            missing(name, f"the package {name} is not installed")
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "source").mkdir()
    (folder / "source" / "train.py").write_text(SCRIPT)
    started = Kernel(folder)
    try:
        started.run(SETUP)
        yield started
    finally:
        started.close()


def test_it_follows_a_run_while_the_kernel_waits_for_it_and_stops_at_its_end(
    kernel: Kernel,
) -> None:
    kernel.run("run = submit(1000); RunDetails(run).show(); print(run.directory.work)")
    said = [content["text"] for content in kernel.output if content.get("name") == "stdout"]
    work = Path(said[-1].strip())
    seen = []
    take = kernel._take

    def watching(message: dict[str, Any]) -> None:
        take(message)
        seen.append((kernel.widget["summary"]["status"], kernel.widget["shown_log"].get("text")))
        if len(growing()) >= 2:
            (work / "seen").touch()  # the script ends

    def growing() -> set[str]:
        """What the page was told of the log as it grew, while the cell was running."""
        return {text for status, text in seen if status == "Running" and text}

    kernel._take = watching  # type: ignore[method-assign]
    kernel.run("run.wait_for_completion()")
    kernel._take = take  # type: ignore[method-assign]
    assert len(growing()) >= 2, seen
    kernel.until(lambda: kernel.widget["live"] is False)
    state = kernel.widget
    assert state["summary"]["status"] == "Completed"
    assert not state["summary"]["can_cancel"]
    steps = state["metrics"]["series"]["loss"]["count"]
    assert state["shown_log"]["text"].endswith(f"step {steps - 1}")
    assert [n for n, _ in state["files"]["names"] if "std" in n] == ["user_logs/std_log.txt"]
    assert kernel.quiet_for(2.5) == 0
    kernel.run(
        "import threading; assert not [t for t in threading.enumerate() if 'show ' in t.name]"
    )


def test_the_output_has_text_for_places_without_widgets(kernel: Kernel) -> None:
    kernel.run("run = submit(0); run.wait_for_completion(); RunDetails(run).show()")
    shown = [content for content in kernel.output if "application" in str(content.get("data"))]
    data = shown[-1]["data"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == kernel.comm_id
    assert "of experiment 'e'" in data["text/plain"]


def test_the_cancel_button_ends_the_run(kernel: Kernel) -> None:
    kernel.run("run = submit(1000); RunDetails(run).show()")
    kernel.until(lambda: kernel.widget["summary"]["status"] == "Running")
    assert kernel.widget["summary"]["can_cancel"]
    kernel.send({"method": "custom", "content": {"type": "cancel"}})
    kernel.until(lambda: kernel.widget["live"] is False)
    assert kernel.widget["summary"]["status"] == "Canceled"


def test_another_log_is_shown_when_it_is_chosen_also_after_the_end(kernel: Kernel) -> None:
    kernel.run("run = submit(0); run.wait_for_completion(); RunDetails(run).show()")
    kernel.until(lambda: kernel.widget["live"] is False)
    name = "system_logs/runner.txt"
    assert name in kernel.widget["shown_log"]["names"]
    kernel.send({"method": "update", "state": {"selected_log": name}, "buffer_paths": []})
    kernel.until(lambda: kernel.widget["shown_log"]["name"] == name)


def test_an_interactive_run_and_its_children(kernel: Kernel) -> None:
    kernel.run(
        "run = experiment.start_logging(outputs=None, snapshot_directory=None)\n"
        "RunDetails(run).show()\n"
        "run.log('loss', 2)\n"
        "with run.child_run('inner') as child: child.log('score', 3)\n"
    )
    kernel.until(lambda: "'score': 3" in str(kernel.widget["children"]))
    kernel.until(lambda: "loss" in kernel.widget["metrics"].get("series", {}))
    kernel.run("run.complete()")
    kernel.until(lambda: kernel.widget["live"] is False)
    assert kernel.widget["summary"]["status"] == "Completed"


def test_a_run_that_is_removed_meanwhile_is_told(kernel: Kernel) -> None:
    kernel.run("run = experiment.start_logging(outputs=None, snapshot_directory=None)")
    kernel.run("RunDetails(run).show(); import shutil; shutil.rmtree(run.directory.path)")
    kernel.until(lambda: kernel.widget["live"] is False)
    assert "was removed: " in kernel.widget["problem"]


def test_without_the_extra_it_is_text_and_one_notice(kernel: Kernel) -> None:
    before = len(kernel.output)
    kernel.run(
        "import sys, runyard.widgets.live\n"
        "whole = {name: sys.modules[name] for name in ('anywidget', 'runyard.widgets.live')}\n"
        "sys.modules['anywidget'] = None\n"
        "del sys.modules['runyard.widgets.live']\n"
        "run = submit(0); run.wait_for_completion()\n"
        "RunDetails(run).show(); RunDetails(run).show()\n"
        "sys.modules.update(whole)\n"
    )
    said = kernel.output[before:]
    errors = "".join(content["text"] for content in said if content.get("name") == "stderr")
    assert errors == (
        "runyard: RunDetails shows text; for a live view in the notebook: "
        f"{sys.executable} -m pip install 'anywidget>=0.9', and restart the kernel\n"
    )
    text = "".join(content["text"] for content in said if content.get("name") == "stdout")
    assert text.count("of experiment 'e': Completed on local") == 2
