"""How large a source folder may be, its totals, and what is said when it is too large.

SDK v1 stopped at 300 MB (spec 9.3) with nothing but the number; the cure was to patch a private
constant (asks 6). Here the refusal names what is large and the ways out.
"""

import heapq
import os
import sys
from collections import Counter
from collections.abc import Iterator

from runyard.errors import SnapshotException, UserErrorException
from runyard.history.source_folder import Folder, living
from runyard.history.stat_cache import Summary

MEGABYTE = 1024 * 1024
DEFAULT_LIMIT_BYTES = 300 * MEGABYTE
LIMIT_VARIABLE = "RUNYARD_SNAPSHOT_LIMIT_MB"
MAX_SKIPPED = 1000
MAX_LARGEST = 10


def limit_in_force(limit_bytes: int | None) -> int | None:
    """The limit in bytes, None for none. The default gives way to ``RUNYARD_SNAPSHOT_LIMIT_MB``.

    Else to the constant that code written for SDK v1 changed, where that has been imported.

    Raises `UserErrorException` when that variable is neither a positive number nor ``none``.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if limit_bytes != DEFAULT_LIMIT_BYTES:
        return limit_bytes
    if not text:
        return _changed_limit()
    if text.lower() == "none":
        return None
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = 0.0
    if not 0 < megabytes < float("inf"):
        raise UserErrorException(
            f"{LIMIT_VARIABLE}={text!r} is not a size. Give megabytes, such as 500, or 'none'."
        )
    return int(megabytes * MEGABYTE)


def _changed_limit() -> int:
    """The only way that SDK v1 had to raise the limit, a private constant, works as well."""
    module = sys.modules.get("azureml._restclient.snapshots_client")
    return int(getattr(module, "SNAPSHOT_MAX_SIZE_BYTES", DEFAULT_LIMIT_BYTES))


def summarise(folders: list[Folder]) -> Summary:
    """The totals of a walked tree whose folders are filled."""
    sizes: Counter[str] = Counter()
    for folder in folders:
        sizes[_top(folder.prefix)] += sum(key[2] for key in folder.keys)
    total = sum(sizes.values())
    del sizes[""]
    files = sum(len(folder.names) for folder in folders)
    ordered = sorted(folders, key=lambda folder: folder.prefix)
    return Summary(
        files=files,
        size_bytes=total,
        largest=[(os.fsencode(p), n) for n, p in heapq.nlargest(MAX_LARGEST, _sizes(folders))],
        folders=[(os.fsencode(p), n) for p, n in sizes.most_common(MAX_LARGEST)],
        skipped=[os.fsencode(p) for folder in ordered for p in folder.skipped][:MAX_SKIPPED],
        warnings=[os.fsencode(text) for text in _warnings(ordered, files)],
    )


def _top(prefix: str) -> str:
    return prefix.split("/", 1)[0] + "/" if prefix else ""


def _sizes(folders: list[Folder]) -> Iterator[tuple[int, str]]:
    for folder in folders:
        for name, key in zip(folder.names, folder.keys, strict=True):
            yield key[2], folder.prefix + name


def _warnings(folders: list[Folder], files: int) -> Iterator[str]:
    for folder in folders:
        yield from folder.warnings
    yield from _link_warnings(folders)
    if not files and any(folder.skipped for folder in folders):
        yield "the snapshot has no files: the ignore rules leave everything out"


def _link_warnings(folders: list[Folder]) -> Iterator[str]:
    links = [(f.prefix + name, link) for f in living(folders) for name, link in f.links]
    if not links:
        return
    present = {f.prefix + name for f in living(folders) for name in f.names}
    present.update(f.prefix[:-1] for f in living(folders))
    present.update(path for path, _ in links)
    for path, link in links:
        if link.inner is None:
            yield f"symlink leads nowhere: {path} -> {link.text}"
        elif link.inner not in present and link.inner != ".":
            yield f"symlink leads to what is left out: {path} -> {link.text}"


def check_limit(source: str, summary: Summary, limit_bytes: int | None) -> None:
    """Raise `SnapshotException`, naming what is large, when the tree is over the limit."""
    if limit_bytes is None or summary.size_bytes <= limit_bytes:
        return
    lines = [
        f"The source folder {source} has {_megabytes(summary.size_bytes)} in {summary.files} "
        f"files; the limit is {_megabytes(limit_bytes)}.",
        "Largest files:",
        *_table(summary.largest),
    ]
    if summary.folders:
        lines += ["Largest folders:", *_table(summary.folders)]
    lines += [
        "To go on, do one of these:",
        "  - name what the script does not need in .amlignore (same syntax as .gitignore), "
        "and hand data over as an input instead;",
        f"  - raise the limit: export {LIMIT_VARIABLE}={_wanted_mb(summary.size_bytes)}"
        " (or 'none'), or pass limit_bytes.",
    ]
    raise SnapshotException("\n".join(lines))


def _table(rows: list[tuple[bytes, int]]) -> list[str]:
    return [f"  {_megabytes(size):>10}  {os.fsdecode(path)}" for path, size in rows]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:.1f} MB"


def _wanted_mb(size_bytes: int) -> int:
    """A limit with some room above what is there."""
    return -(-size_bytes * 5 // (4 * MEGABYTE))
