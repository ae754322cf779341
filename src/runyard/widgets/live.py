"""The widget of a run in Jupyter: a thread reads the run, traits carry what changed to the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from runyard.errors import RunyardError
from runyard.widgets.as_text import text_of
from runyard.widgets.run_view import RunView

if TYPE_CHECKING:
    from runyard.job.run import Run

_FOLDER = Path(__file__).parent
_INTERVAL_S = 1.0
_SHARE = 10
"""Reading takes at most a tenth of the time of one processor."""
_SLOWER = {"files": 5.0, "children": 2.0}
"""Parts that need not be read every second, and how often (s)."""


class RunWidget(anywidget.AnyWidget):
    """Live view of one run; it ends with the run, or when it is closed.

    ``summary``, ``shown_log``, ``metrics``, ``images``, ``files`` and ``children`` are those of
    ``RunView``; a part is sent when it differs from what was sent before. The page sets
    ``selected_log`` and sends ``{"type": "cancel"}``.
    """

    _esm = _FOLDER / "run_widget.js"
    _css = _FOLDER / "run_widget.css"

    summary = traitlets.Dict().tag(sync=True)
    shown_log = traitlets.Dict().tag(sync=True)
    metrics = traitlets.Dict().tag(sync=True)
    images = traitlets.Dict().tag(sync=True)
    files = traitlets.Dict().tag(sync=True)
    children = traitlets.Dict().tag(sync=True)
    selected_log = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    live = traitlets.Bool(True).tag(sync=True)

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._view = RunView(run)
        self._wake = threading.Event()
        self._stopped = False
        self._due: dict[str, float] = {}
        self.on_msg(self._on_message)
        self.observe(self._on_choice, "selected_log")
        self.summary = self._view.summary()
        self._thread = threading.Thread(target=self._follow, name=f"show {run.id}", daemon=True)

    def start(self) -> None:
        """Begin to follow the run."""
        self._thread.start()

    def close(self) -> None:
        """Stop following the run and take the widget away."""
        self._stopped = True
        self._wake.set()
        super().close()

    def _follow(self) -> None:
        while not self._stopped:
            began = time.monotonic()
            # Asked before reading: what was written before the end is read after it.
            ended = self._view.ended
            more = self._refresh(ended)
            if ended and not more:
                break
            pause_s = max(_INTERVAL_S, _SHARE * (time.monotonic() - began))
            self._wake.wait(0.05 if more else pause_s)
            self._wake.clear()
        self.live = False

    def _refresh(self, last: bool) -> bool:
        """Read and send what changed; returns whether there is more to read at once."""
        try:
            self._send_part("summary", self._view.summary)
            self._send_part("shown_log", self._view.log)
            self._send_part("metrics", self._view.metrics)
            self._send_part("images", self._view.images)
            self._send_part("children", self._view.children, last)
            self._send_part("files", self._view.files, last)
            self.problem = ""
        except (RunyardError, OSError, ValueError) as error:  # removed, or a disk that is away
            self.problem = f"{error}"
            return False
        return bool(self.metrics.get("more"))

    def _send_part(
        self, name: str, read: Callable[[], Mapping[str, Any]], last: bool = False
    ) -> None:
        now = time.monotonic()
        if now < self._due.get(name, 0.0) and not last:
            return
        self._due[name] = now + _SLOWER.get(name, 0.0)
        setattr(self, name, dict(read()))

    def _on_choice(self, change: Mapping[str, Any]) -> None:
        self._view.selected_log = change["new"]
        self._wake.set()
        if not self.live:
            self._send_part("shown_log", self._view.log)

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("type") == "cancel":
            try:
                self._run.cancel()
            except (RunyardError, OSError) as error:
                self.problem = f"the run was not cancelled: {error}"
            self._wake.set()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """As anywidget's, with text for places that show no widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        for part in bundle if isinstance(bundle, tuple) else (bundle,):
            if part and "text/plain" in part:
                part["text/plain"] = text_of(RunView(self._run))
        return bundle
