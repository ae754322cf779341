"""The page's part of the widget, in a real browser: what it shows, and what it sends."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard import widgets

pytestmark = pytest.mark.integration

PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="run_widget.css">
<div id="place"></div><script type="module">
import widget from "./run_widget.js";
const state = STATE, handlers = {}, sent = [];
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; sent.push([name, value]); },
  save_changes() {},
  send: (message) => sent.push(message),
  on: (event, handler) => { (handlers[event] = handlers[event] || []).push(handler); },
  off: () => {},
};
const change = (name, value) => {
  state[name] = value;
  for (const handler of handlers[`change:${name}`]) handler();
};
widget.render({ model, el: document.getElementById("place") });
ACTIONS
document.body.append(JSON.stringify({ sent }));
</script>"""

STATE: dict[str, Any] = {
    "summary": {
        "run_id": "e_1",
        "experiment": "e",
        "display_name": "<img src=x onerror=document.title='hacked'>",
        "target": "cluster",
        "status": "Queued",
        "queue": "position 2 of 5 in the queue of cluster",
        "duration_s": 3661,
        "error": {},
        "script": "train.py",
        "arguments": ["--lr", "0.1"],
        "tags": {"stage": "test"},
        "can_cancel": True,
        "path": "/somewhere",
    },
    "shown_log": {"names": ["a.txt", "b.txt"], "name": "a.txt", "text": "<b>bold</b>\nsecond"},
    "metrics": {
        "series": {
            "loss": {"points": [[0, 2], [1, 1], [2, 0]], "count": 3, "last": 0},
            "once": {"points": [[0, 0.123456789]], "count": 1, "last": 0.123456789},
        },
        "tables": {"table": {"a": [1, 2], "b": ["u", None]}},
        "texts": {"kind": "net"},
        "artifacts": {},
        "left_out": 3,
        "more": False,
    },
    "images": {"plot": "data:image/gif;base64,R0lGODlhAQABAAAAACw="},
    "files": {"names": [["outputs/model.bin", 1536]], "count": 12},
    "children": {
        "rows": [
            {"run_id": "e_2", "display_name": "fold", "status": "Completed", "duration_s": 5}
            | {"metrics": {"score": 0.25}}
        ],
        "count": 1,
    },
    "selected_log": "",
    "problem": "",
    "live": True,
}


def shown(tool: Callable[[str], str], tmp_path: Path, actions: str = "") -> str:
    """The page after the actions, as a browser has it."""
    for name in ("run_widget.js", "run_widget.css"):
        shutil.copy(Path(widgets.__path__[0], name), tmp_path / name)
    page = PAGE.replace("STATE", json.dumps(STATE).replace("<", "\\u003c"), 1)
    (tmp_path / "index.html").write_text(page.replace("ACTIONS", actions))
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=6000"]
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [tool("chromium"), *options, profile, "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        server.shutdown()
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def words(page: str) -> str:
    """The text of a page; every element on its own."""
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_it_shows_the_run_and_takes_text_for_text(
    tool: Callable[[str], str], tmp_path: Path
) -> None:
    page = shown(tool, tmp_path)
    text = words(page)
    assert "hacked" not in re.sub(r"<script.*?</script>|onerror=\S+", "", page, flags=re.DOTALL)
    assert "<img src=x onerror=document.title='hacked'> Queued 1:01:01 Cancel" in text
    assert "position 2 of 5 in the queue of cluster · e_1 · e · on cluster · train.py --lr" in text
    assert "Metrics (values of further names: 3) loss 0 0 to 2 3 values once 0.12346" in text
    assert 'points="2.00,5.00 50.00,50.00 98.00,95.00"' in page
    assert 'src="data:image/gif;base64,R0lGODlhAQABAAAAACw="' in page
    assert "table a b 1 u 2" in text
    assert "Children (1) run status time score fold Completed 0:00:05 0.25" in text
    assert "Log a.txt b.txt <b>bold</b> second" in text
    assert "Files (12) name size outputs/model.bin 1.5 KiB" in text


def test_it_cancels_chooses_logs_and_follows_changes(
    tool: Callable[[str], str], tmp_path: Path
) -> None:
    actions = """
    document.querySelector("button").click();
    const choice = document.querySelector("select");
    choice.value = "b.txt";
    choice.dispatchEvent(new Event("change"));
    await new Promise((resolve) => setTimeout(resolve, 3200));
    document.body.append(document.querySelector(".ry-error").textContent);
    change("summary", { ...state.summary, status: "Failed", can_cancel: false, display_name: "",
                        error: { message: "it broke", hint: "mend it" } });
    change("shown_log", { names: ["a.txt", "b.txt"], name: "b.txt", text: "other" });
    change("live", false);
    """
    page = shown(tool, tmp_path, actions)
    text = words(page)
    assert '{"sent":[{"type":"cancel"},["selected_log","b.txt"]]}' in text
    assert 'data-status="Failed"' in page
    assert "The kernel is busy: interrupt the cell that it executes, or type: runyard" in text
    assert text.count("The kernel is busy") == 1
    assert "it broke mend it" in text
    assert "a.txt b.txt other" in text
    assert re.search(r"<button[^>]* hidden", page)
