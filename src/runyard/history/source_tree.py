"""The walk over a source folder: what goes into its snapshot, without reading any content.

Nothing is written, to the source or elsewhere. Folders whose state and rules are those of the
stat cache are not listed again; only their files' states are looked at.
"""

import contextlib
import os
import stat

from runyard.history.blobs import FileKey, file_key
from runyard.history.ignore import GITIGNORE, VENV_MARKS, Rules, starting_rules
from runyard.history.source_folder import Folder, Visit, detail_lists
from runyard.history.stat_cache import (
    HAS_IGNORE_FILE,
    LINKS,
    RACY_FILES,
    RACY_FOLDER,
    VENV,
    FolderRecord,
    StatCache,
    pack_keys,
    split,
)
from runyard.history.symlinks import LinkKind, Root, read_link

WORKSPACE_FOLDER = ".runyard"


class SourceTree:
    """The walked tree: ``folders`` in no certain order, ``unreadable`` paths that could not be
    looked into, and whether everything is as the cache has it."""

    def __init__(self, source: str, workspace: str, cache: StatCache) -> None:
        """``source`` and ``workspace`` are real absolute paths."""
        self.source = source
        self.folders: list[Folder] = []
        self.unreadable: list[str] = []
        self._workspace = workspace
        self._cache = cache
        self._walk()

    @property
    def unchanged(self) -> bool:
        """Whether the snapshot taken last is still the snapshot of this tree."""
        return not self.unreadable and all(folder.unchanged for folder in self.folders)

    def fill(self) -> None:
        """Complete unchanged folders from the cache."""
        for folder in self.folders:
            folder.fill(self._cache)

    def _walk(self) -> None:
        path = self.source.rstrip("/") + "/"
        pending = [Visit("", path, starting_rules(self.source), Root(self.source, ""))]
        while pending:
            visit = pending.pop()
            try:
                folder = self._look(visit)
            except PermissionError:
                self.unreadable.append(visit.prefix or "./")
            except (FileNotFoundError, NotADirectoryError):
                continue  # vanished since its parent was listed
            else:
                self.folders.append(folder)
                pending.extend(folder.children)

    def _look(self, visit: Visit) -> Folder:
        key: FileKey = file_key(os.stat(visit.path))
        record = self._cache.record(visit.prefix)
        if record and record.key == key and not record.flags & (RACY_FOLDER | LINKS):
            known = self._recheck(visit, record)
            if known is not None:
                return known
        return self._list(visit, key)

    def _recheck(self, visit: Visit, record: FolderRecord) -> Folder | None:
        """The folder as listed last time, with new states; None: it must be listed again."""
        rules = visit.rules
        if record.flags & HAS_IGNORE_FILE:
            rules = rules.inside(visit.prefix, visit.path)
        if rules.digest != record.rules:
            return None
        names, path = split(record.names), visit.path
        try:
            keys: list[FileKey] = list(map(file_key, map(os.lstat, [path + n for n in names])))
        except OSError:
            return None
        folder = Folder(visit, record.key, rules.digest, record.flags & ~RACY_FILES, names)
        folder.children = [_child(visit, name, rules) for name in split(record.children)]
        folder.unchanged = not record.flags & RACY_FILES and pack_keys(keys) == record.keys
        if not folder.unchanged:
            folder.keys, folder.blobs = keys, self._known_blobs(visit.prefix, names, keys)
            folder.skipped, folder.warnings = detail_lists(self._cache, visit.prefix)
        return folder

    def _known_blobs(self, prefix: str, names: list[str], keys: list[FileKey]) -> list[str | None]:
        record = self._cache.record(prefix)
        if record is None:
            return [None] * len(names)
        old = zip(self._cache.keys(prefix), self._cache.blobs(prefix), strict=True)
        known = {
            (name, key): blob
            for name, (key, blob) in zip(split(record.names), old, strict=True)
            if not self._cache.racy(key)
        }
        return [known.get(pair) for pair in zip(names, keys, strict=True)]

    def _list(self, visit: Visit, key: FileKey) -> Folder:
        with os.scandir(visit.path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        found = {entry.name for entry in entries}
        if self._is_venv(visit, found):
            skipped = [visit.prefix]
            return Folder(visit, key, visit.rules.digest, VENV, skipped=skipped)
        has_rules = GITIGNORE in found
        rules = visit.rules.inside(visit.prefix, visit.path) if has_rules else visit.rules
        folder = Folder(visit, key, rules.digest, HAS_IGNORE_FILE if has_rules else 0)
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # vanished since the listing
                self._sort_in(folder, entry, rules)
        folder.blobs = self._known_blobs(visit.prefix, folder.names, folder.keys)
        folder.unchanged = self._is_as_before(folder)
        return folder

    def _is_as_before(self, folder: Folder) -> bool:
        """Whether listing it again showed the same as last time, and nothing racy."""
        record = self._cache.record(folder.prefix)
        if record is None or record.flags != folder.flags or None in folder.blobs:
            return False
        same = record == folder.record(record.flags)
        return same and (folder.skipped, folder.warnings) == detail_lists(
            self._cache, folder.prefix
        )

    def _is_venv(self, visit: Visit, found: set[str]) -> bool:
        if not visit.prefix or VENV_MARKS.isdisjoint(found):
            return False
        return visit.rules.verdict(visit.prefix[:-1], True) is not False

    def _sort_in(self, folder: Folder, entry: "os.DirEntry[str]", rules: Rules) -> None:
        name = entry.name
        if entry.is_symlink():
            self._sort_link_in(folder, name, rules)
        elif entry.is_dir(follow_symlinks=False):
            if self._left_out(folder, name, True, rules):
                folder.skipped.append(f"{folder.prefix}{name}/")
            else:
                folder.children.append(_child(folder.visit, name, rules))
        elif self._left_out(folder, name, False, rules):
            folder.skipped.append(folder.prefix + name)
        else:
            self._take_file(folder, name, file_key(entry.stat(follow_symlinks=False)))

    def _take_file(self, folder: Folder, name: str, key: FileKey) -> None:
        if stat.S_ISREG(key[0]):
            folder.names.append(name)
            folder.keys.append(key)
        else:
            path = folder.prefix + name
            folder.skipped.append(path)
            folder.warnings.append(f"{_special_name(key[0])} left out: {path}")

    def _left_out(self, folder: Folder, name: str, is_dir: bool, rules: Rules) -> bool:
        own = name == WORKSPACE_FOLDER or folder.visit.path + name == self._workspace
        return (own and is_dir) or bool(rules.verdict(folder.prefix + name, is_dir))

    def _sort_link_in(self, folder: Folder, name: str, rules: Rules) -> None:
        path = folder.prefix + name
        folder.flags |= LINKS
        try:
            link = read_link(folder.visit.path + name, folder.visit.root)
        except PermissionError:
            if not self._left_out(folder, name, False, rules):
                self.unreadable.append(path)
            return
        is_dir = link.kind is LinkKind.FOLDER
        if self._left_out(folder, name, is_dir, rules) or link.place == self._workspace:
            folder.skipped.append(path + "/" * is_dir)
        elif link.kind in (LinkKind.KEEP, LinkKind.DANGLING):
            folder.links.append((name, link))
        elif is_dir:
            self._follow(folder, name, link.place, rules)
        else:
            folder.places[name] = link.place
            self._take_file(folder, name, file_key(os.stat(link.place)))

    def _follow(self, folder: Folder, name: str, place: str, rules: Rules) -> None:
        path = f"{folder.prefix}{name}/"
        trail = (*folder.visit.trail, folder.visit.path.rstrip("/"))
        if any(Root(place, "").holds(passed) for passed in trail):
            folder.skipped.append(path)
            folder.warnings.append(f"symlink left out, it leads back to where it lies: {path}")
            return
        folder.warnings.append(f"symlink to a folder outside, its content is copied in: {path}")
        visit = Visit(path, place.rstrip("/") + "/", rules, Root(place, path), trail)
        folder.children.append(visit)


def _child(visit: Visit, name: str, rules: Rules) -> Visit:
    prefix, path = f"{visit.prefix}{name}/", f"{visit.path}{name}/"
    return Visit(prefix, path, rules, visit.root, visit.trail)


def _special_name(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "fifo"
    return "socket" if stat.S_ISSOCK(mode) else "device"
