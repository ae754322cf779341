"""Files of remote storage, brought to the place where a run's script sees them.

They come by way of the cache (`cache`). Only imported by runs that have such data; standard
library only, but for what the stores need.
"""

from __future__ import annotations

import os
import time

from runyard.data import fuse_mount, registry, room, staging, stayed, views
from runyard.data.cache import ContentCache
from runyard.data.places import plan
from runyard.data.stores.local import LocalStore
from runyard.data.views import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.data.places import Place
    from runyard.data.staging import Say
    from runyard.data.stores.store import Entry, Store
    from runyard.record.layout import RunDirectory

    Wanted = tuple[Store, Entry, str]
    """A file, and its path below the place; '' where the place is the file."""


def stage(run: RunDirectory, place: Place, say: Say) -> None:
    """Bring a data reference. Raises StagingError, OSError, and what stores raise."""
    store = registry.store_of(run.workspace, place.datastore)
    entries = list(store.entries(place.path))
    if not entries and place.path:
        raise staging.gone(place)
    if len(entries) == 1 and entries[0].path == place.path:
        place.file_name = os.path.basename(place.path)
        plan(run, place)
        bring(run, place, [(store, entries[0], "")], say)
        return
    head = len(place.path) + 1 if place.path else 0
    wanted = [(store, entry, entry.path[head:]) for entry in entries]
    bring(run, place, wanted, say, datastores=[place.datastore])


def bring(
    run: RunDirectory,
    place: Place,
    wanted: Sequence[Wanted],
    say: Say,
    *,
    datastores: Sequence[str] = (),
) -> None:
    """Fetch files unless the cache has them, and put them where the script sees them.

    ``datastores``: what they are on; one that is registered for FUSE is only listed.
    """
    begun = time.monotonic()
    _check_names(place, wanted)
    place.listed([entry._replace(path=path or place.file_name) for _, entry, path in wanted])
    if place.mode == "mount":
        staging.check_free(place)
        fuse = fuse_mount.wanted(run, place, datastores)
        if fuse is not None and _can_fuse(place, wanted[0][0] if wanted else None, say):
            fuse_mount.list_for(run, place, fuse, wanted)
            return
    cache = ContentCache()
    remote = [item for item in wanted if not isinstance(item[0], LocalStore)]
    fetched = _fetched(cache, remote, place, say)
    if _is_writable(place):
        room.check(place.here, sum(entry.size_bytes for _, entry, _ in wanted))
    view = _view(run, place, wanted, cache)
    if view.skipped:
        stayed.note(place, view.skipped)
    if remote:
        say(f"{place.name}: {_fetched_text(fetched, len(remote))}")
    placed, seconds = len(wanted) - len(view.skipped), time.monotonic() - begun
    size_bytes = place.size_bytes or 0
    skipped = [target for _, target in view.skipped]
    staging.tell(say, "placed", placed, size_bytes, seconds=seconds, skipped=skipped)


def _can_fuse(place: Place, store: Store | None, say: Say) -> bool:
    why = fuse_mount.obstacle(store)
    if place.contained:
        why = "a container does not see such a mount"
    if why:
        say(f"{place.name}: not mounted with FUSE, since {why}; its files are fetched instead")
    return not why


def _is_writable(place: Place) -> bool:
    """A mount of a dataset is read-only (spec 15.3); all else the script may change as it likes."""
    return place.kind == "reference" or place.mode == "download"


def _fetched(cache: ContentCache, wanted: Sequence[Wanted], place: Place, say: Say) -> int:
    """Fetch what is missing; returns how many files that were."""
    items = [(store, entry) for store, entry, _ in wanted]
    if not cache.missing(items):
        return 0

    def waits() -> None:
        say(f"{place.name}: waiting for another run that fetches the same")

    with cache.turn(f"{place.datastore} {place.source} {place.id}", waits):
        missing = cache.missing(items)
        if missing:
            files = "1 file" if len(missing) == 1 else f"{len(missing)} files"
            size_bytes = sum(entry.size_bytes for _, entry in missing)
            say(f"{place.name}: fetching {files}, {room.in_bytes(size_bytes)}, from {place.of}")
        cache.ensure(missing)
    return len(missing)


def _fetched_text(fetched: int, files: int) -> str:
    text = f"{fetched} of {files} file{'s' * (files != 1)} fetched"
    cached = files - fetched
    if not cached:
        return text
    if not fetched:
        return f"{text}, {'it was' if files == 1 else 'all were'} in the cache"
    return f"{text}, {'the other was' if cached == 1 else 'the others were'} in the cache"


def _view(run: RunDirectory, place: Place, wanted: Sequence[Wanted], cache: ContentCache) -> View:
    view = View(run, place)
    if not place.file_name:
        os.makedirs(place.here, exist_ok=True)
    try:
        for store, entry, relative in wanted:
            here = store.local_path(entry.path) if isinstance(store, LocalStore) else None
            source = here or cache.path(store, entry)
            try:
                _put(view, place, source, relative, is_local=here is not None)
            except FileNotFoundError:
                if here is not None:
                    raise
                cache.ensure([(store, entry)])  # somebody has pruned the cache in this moment
                _put(view, place, source, relative, is_local=False)
    finally:
        view.save()  # also for what is removed when this run is cancelled
    return view


def _put(view: View, place: Place, source: str, relative: str, *, is_local: bool) -> None:
    if _is_writable(place):
        view.copy(source, relative)
    else:
        view.link(source, relative, symbolic=is_local)


def _check_names(place: Place, wanted: Sequence[Wanted]) -> None:
    """Raise StagingError for names that folders cannot have, or that would lie outside."""
    try:
        relatives = set(views.checked(relative for _, _, relative in wanted))
    except ValueError as error:
        raise staging.StagingError(
            f"{place.called}: the storage has a file of the name {str(error)!r}, which no folder "
            "can have; rename it there, or give a path that does not contain it"
        ) from error
    both = relatives & views.folders(relatives)
    if both:
        name = min(both)
        raise staging.StagingError(
            f"{place.called}: the storage has a file {name!r} and files below it, and no folder "
            "can have both; rename one there, or give a path that does not contain them"
        )
