"""What a run does with data, resolved: parts of a JobSpec."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class DataSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One data reference: what the runner makes available, or takes back, under a name.

    ``name``: the variable is AZUREML_DATAREFERENCE_<name>. ``datastore``, ``path``: where it was
    said to be ('' is all of the datastore). ``mode``: 'mount', 'download' or 'upload'.
    ``source``: where that lies: an absolute path of this machine, or a URL without secrets.
    ``path_on_compute``: where the script is to see it, None: wherever it is. ``overwrite``:
    replace what is there already.
    """

    name: str
    datastore: str
    path: str
    mode: str
    source: str
    path_on_compute: str | None = None
    overwrite: bool = False


class DatasetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dataset that a run reads.

    ``name``: of the input; the variables <name> and AZUREML_DATAREFERENCE_<name> hold the path,
    or in mode 'direct' the id. ``id``: of this version of the dataset. ``dataset``, ``version``:
    as it is registered, None where it is not. ``definition``: where its data lies and what is
    done with it, as ``job.datasets.definition`` describes it.
    """

    name: str
    mode: Literal["direct", "mount", "download"]
    id: str
    definition: dict[str, Any]
    dataset: str | None = None
    version: int | None = None
    path_on_compute: str | None = None


class RegistrationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The dataset that an output becomes when its run has completed."""

    name: str
    description: str | None = None
    tags: dict[str, str] = {}


class OutputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One folder that a run leaves on a datastore (``OutputFileDatasetConfig``).

    ``path``: on the datastore; ``{run-id}`` and ``{output-name}`` in it are still to be replaced.
    ``root``: where the datastore lies, an absolute path or a URL. ``globs``: of what is uploaded,
    None: all. ``definition``: of the dataset it is, without its sources; None: plain files.
    """

    name: str
    datastore: str
    path: str
    root: str
    mode: Literal["mount", "upload"]
    overwrite: bool = False
    globs: tuple[str, ...] | None = None
    path_on_compute: str | None = None
    register: RegistrationSpec | None = None
    definition: dict[str, Any] | None = None
