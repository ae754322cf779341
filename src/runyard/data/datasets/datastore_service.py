"""What scripts ask of datastores (``job.datastore``), answered by the client's own objects."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from runyard.data import registry
from runyard.data.datastore import Datastore
from runyard.history.workspace import Workspace
from runyard.record.layout import WorkspaceDirectory


def answer(
    directory: WorkspaceDirectory | None,
    datastore: str | None,
    method: str,
    arguments: dict[str, Any],
) -> Any:
    """``datastore``: its name, None for the default one. ``method``: 'name', 'list', 'upload',
    'upload_files' (both give the path on the datastore) or 'download' (gives a number).

    Lines about progress go to stderr: stdout has the answer.
    """
    assert directory is not None
    if method == "list":
        return registry.listed(directory)
    workspace = Workspace.at(directory)
    store = Datastore(workspace, datastore)
    if method == "name":
        return store.name
    with contextlib.redirect_stdout(sys.stderr):
        found = getattr(store, method)(**arguments)
    return found if method == "download" else found.path_on_datastore
