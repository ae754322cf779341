"""``DataSpec``: one data reference of a run, resolved."""

from __future__ import annotations

import msgspec


class DataSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the runner makes available, or takes back, under a name.

    ``name``: the variable is AZUREML_DATAREFERENCE_<name>. ``datastore``, ``path``: where it was
    said to be ('' is all of the datastore). ``mode``: 'mount', 'download' or 'upload'.
    ``source``: where that lies on this machine, absolute. ``path_on_compute``: where the script
    is to see it, None: wherever it is. ``overwrite``: replace what is there already.
    """

    name: str
    datastore: str
    path: str
    mode: str
    source: str
    path_on_compute: str | None = None
    overwrite: bool = False
