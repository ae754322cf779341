"""``azureml.widgets.RunDetails`` (spec 17)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from runyard.errors import UserErrorException
from runyard.job.values import of_type
from runyard.widgets.as_text import text_of
from runyard.widgets.run_view import RunView
from runyard.widgets.widget_data import widget_data

_noticed: set[str] = set()
_NO_WIDGET = (
    "runyard: RunDetails shows text; for a live view in the notebook: "
    f"{sys.executable} -m pip install 'anywidget>=0.9', and restart the kernel"
)


class RunDetails:
    """A run as it goes on. Raises UserErrorException for anything but a run."""

    def __init__(self, run_instance: Any) -> None:
        if not hasattr(run_instance, "directory"):
            raise UserErrorException(
                f"RunDetails takes a run and got {of_type(run_instance)}; give what "
                "experiment.submit() or experiment.start_logging() returned"
            )
        self._run = run_instance
        self._settings: dict[str, Any] = {}

    def show(
        self, render_lib: Any = None, widget_settings: Mapping[str, Any] | None = None
    ) -> None:
        """Show the run and return at once.

        In Jupyter, with the extra ``notebook``, a widget that follows the run to its
        end; elsewhere text that says how it stands now. ``render_lib`` is not used;
        ``widget_settings`` are only given back by `get_widget_data`.
        """
        self._settings = dict(widget_settings or {})
        widget = _widget_class()
        if widget is None:
            print(text_of(RunView(self._run)))
            return
        from IPython.display import display

        shown = widget(self._run)
        display(shown)  # type: ignore[no-untyped-call]
        shown.start()

    def get_widget_data(self, widget_settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the widget shows, as it is now, under the names of SDK v1."""
        settings = self._settings if widget_settings is None else dict(widget_settings)
        return widget_data(RunView(self._run), settings)


def _widget_class() -> Any:
    """The class of the widget; None where there is no notebook, or nothing to show it with."""
    if not _in_notebook():
        return None
    try:
        from runyard.widgets.live import RunWidget
    except ImportError:
        if _NO_WIDGET not in _noticed:
            _noticed.add(_NO_WIDGET)
            print(_NO_WIDGET, file=sys.stderr)
        return None
    return RunWidget


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
