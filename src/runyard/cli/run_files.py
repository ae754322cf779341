"""The files of a run: listed, chosen by name, copied out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from runyard.cli import formats, output, table
from runyard.cli.nearest import did_you_mean
from runyard.cli.table import Column
from runyard.errors import UserErrorException
from runyard.record import files
from runyard.record.layout import RunDirectory


def show(run: RunDirectory, as_json: bool) -> None:
    """Print names and sizes."""
    sizes = [(name, _size(files.path_of(run, name))) for name in files.names(run)]
    if as_json:
        output.to_json([{"name": name, "size_bytes": size} for name, size in sizes])
        return
    columns = (Column("size", right=True), Column("name"))
    table.show(columns, [[formats.size(size or 0), name] for name, size in sizes])


def _size(path: str) -> int | None:
    """Bytes; None for a link that leads nowhere."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def choose(run: RunDirectory, names: Sequence[str], prefix: str | None) -> list[str]:
    """The files that are meant. Raises UserErrorException for a name that fits none."""
    known = files.names(run)
    if not names:
        chosen = [name for name in known if name.startswith(prefix or "")]
        if not chosen:
            raise UserErrorException(
                f"run {run.id} has no file whose name begins with {prefix!r}; "
                f"see: runyard files {run.id}"
            )
        return chosen
    if prefix is not None:
        names = [prefix.rstrip("/") + "/" + name for name in names]
    found = dict.fromkeys(file for name in names for file in _fitting(run, name, known))
    return list(found)


def _fitting(run: RunDirectory, name: str, known: list[str]) -> list[str]:
    if name in known:
        return [name]
    below = [file for file in known if file.startswith(name.rstrip("/") + "/")]
    if below:
        return below
    hint = did_you_mean(name, known)
    raise UserErrorException(
        f"run {run.id} has no file {name!r}; {hint}To see all: runyard files {run.id}"
    )


def _copyable(run: RunDirectory, names: Sequence[str]) -> list[str]:
    """Without links that lead nowhere and pipes, which are named on stderr."""
    found = []
    for name in names:
        if os.path.isfile(files.path_of(run, name)):
            found.append(name)
        else:
            output.warning(f"left out, it is no file that can be copied: {name}")
    return found


def download(
    run: RunDirectory, names: Sequence[str], folder: str, *, overwrite: bool, as_json: bool
) -> None:
    """Copy files below ``folder``. Raises UserErrorException before copying when one is there."""
    import shutil

    targets = {name: os.path.join(folder, name) for name in _copyable(run, names)}
    there = [path for path in targets.values() if os.path.lexists(path)]
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise UserErrorException(
            f"{there[0]!r}{more} is there already; give another folder with -o, or --overwrite"
        )
    for name, path in targets.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(files.path_of(run, name), path)
    if as_json:
        output.to_json([{"name": n, "path": os.path.abspath(p)} for n, p in targets.items()])
        return
    for path in targets.values():
        output.text(path)
