"""Which datastore a run takes to a target that does not share this machine's disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runyard.data import registry
from runyard.data.freezing import is_remote
from runyard.data.spec import DatasetSpec, OutputSpec
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.spec import DataSpec
    from runyard.record.layout import WorkspaceDirectory

    Item = DataSpec | DatasetSpec | OutputSpec


def choose(
    target: str, given: str | None, items: Iterable[Item], directory: WorkspaceDirectory
) -> str:
    """The datastore given as ``source_directory_data_store``, else the default one.

    Raises UserErrorException when neither is storage that another machine reaches, and for data
    of the run that is not.
    """
    name = given or registry.default_name(directory)
    url = registry.url_of(directory, name)
    if not is_remote(url):
        raise UserErrorException(
            f"compute target {target!r} does not share the disk of this machine, and the datastore "
            f"{name!r} is the folder {url!r}: the source has to be placed where both reach it. "
            "Register object storage, Datastore.register(workspace, 'cloud', 's3://bucket', …), "
            "and give source_directory_data_store=Datastore.get(workspace, 'cloud'), or make it "
            "the default with set_as_default()"
        )
    for item in items:
        for place in _folders(item, directory):
            raise UserErrorException(
                f"{item.name!r} lies in {place!r} on this machine, whose disk compute target "
                f"{target!r} does not share; upload it, for example with Datastore.get(workspace, "
                f"{name!r}).upload('…'), and use it from there"
            )
    return name


def _folders(item: Item, directory: WorkspaceDirectory) -> list[str]:
    """Where on this machine an input or output lies."""
    if isinstance(item, DatasetSpec):
        stores = [_store(source) for source in item.definition["sources"]]
        urls = [registry.url_of(directory, store) for store in stores if store]
        return [url for url in urls if not is_remote(url)]
    place = item.root if isinstance(item, OutputSpec) else item.source
    return [] if is_remote(place) else [place]


def _store(source: dict[str, Any]) -> str | None:
    return source.get("datastore")
