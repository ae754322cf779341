"""``source_directory_data_store``: what it means for a run, on every kind of target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runyard.data import freezing, registry
from runyard.data.places import VARIABLE
from runyard.history import targets

if TYPE_CHECKING:
    from runyard.config.data_sections import DataReferenceConfiguration
    from runyard.config.jobspec import JobSpec
    from runyard.config.references import Used
    from runyard.data.relay.choosing import Item
    from runyard.record.layout import WorkspaceDirectory


def relayed(
    spec: JobSpec, target: object, store: str | None, directory: WorkspaceDirectory
) -> JobSpec:
    """The spec with the datastore the run goes by, where its target needs one.

    Raises UserErrorException as ``data.relay.choosing.choose``.
    """
    if targets.shares_disk(target):
        return msgspec.structs.replace(spec, relay=None)
    from runyard.data.relay import choosing

    items: list[Item] = [*spec.data, *spec.datasets, *spec.outputs]
    name = choosing.choose(spec.target, store, items, directory)
    return msgspec.structs.replace(spec, relay=name)


def wanted(data: Used, directory: WorkspaceDirectory) -> dict[str, DataReferenceConfiguration]:
    """The references of a run, without one that would fetch all of a remote datastore for nobody.

    SDK v1 adds a reference to ``source_directory_data_store`` (spec 2.1); on a folder it costs
    nothing.
    """
    name = data.implied
    if name is None or not freezing.is_remote(registry.url_of(directory, name)):
        return data.references
    if f"{VARIABLE}{name}" in f"{data.arguments} {data.command}":
        return data.references
    return {key: value for key, value in data.references.items() if key != name}


def notices(data: Used, spec: JobSpec) -> list[str]:
    """What ``source_directory_data_store`` does not do here, one sentence each."""
    store = data.store
    if store is None:
        return []
    found = any(item.name == store for item in spec.data)
    seen = f", and the script finds the datastore at ${VARIABLE}{store}" if found else ""
    if spec.relay is None:
        return [
            f"source_directory_data_store={store!r} places nothing elsewhere: the source stays in "
            f"the workspace{seen}"
        ]
    if found:
        return []
    return [
        f"source_directory_data_store={store!r} is not fetched as data; give references to what "
        "the script reads of it"
    ]
