"""``runyard download``."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence

import click

from runyard.cli import completing, facts, formats, output
from runyard.cli.nearest import did_you_mean
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.errors import UserErrorException
from runyard.record import files, regular
from runyard.record.layout import RunDirectory


@click.command("download", cls=Command)
@click.argument("run", type=RUN)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completing.run_files)
@click.option(
    "--output",
    "-o",
    "folder",
    metavar="DIR",
    shell_complete=completing.folders,
    help="Default: a folder named as the run.",
)
@click.option("--prefix", metavar="P", help="Files whose names begin so, such as outputs/.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(  # noqa: PLR0917
    run: str,
    names: tuple[str, ...],
    folder: str | None,
    prefix: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Copy files of a run to a folder.

    NAME is a file as `runyard files` lists it, or a folder of them; without NAME and --prefix it
    is all files. Their folders are kept: outputs/model.pkl becomes DIR/outputs/model.pkl.

    \b
    runyard download last
    runyard download last outputs/model.pkl -o here
    runyard download last --prefix logs/
    """
    found = facts.named(run).run
    chosen = _copyable(found, _choose(found, names, prefix))
    targets = {name: os.path.join(folder or found.id, name) for name in chosen}
    _refuse_to_replace([] if overwrite else list(targets.values()))
    failed = [name for name, path in targets.items() if not _copied(found, name, path)]
    copied = {name: path for name, path in targets.items() if name not in failed}
    if as_json:
        output.to_json([{"name": n, "path": os.path.abspath(p)} for n, p in copied.items()])
    else:
        for path in copied.values():
            output.text(path)
    if failed:
        raise UserErrorException(f"{formats.count(len(failed), 'file')} could not be copied")


def _copied(run: RunDirectory, name: str, path: str) -> bool:
    """Copy one file; False, with a warning, for one that cannot be read. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = files.path_of(run, name)
    try:
        os.close(regular.fd_to_read(source))
    except OSError as error:
        output.warning(f"left out, it cannot be read: {name}: {error.strerror}")
        return False
    try:
        shutil.copyfile(source, path)
    except shutil.SameFileError:
        raise
    except OSError:  # a disk is full: half a file is none
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return True


def _choose(run: RunDirectory, names: Sequence[str], prefix: str | None) -> list[str]:
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
        f"run {run.id} has no file {name!r}{hint} To see all: runyard files {run.id}"
    )


def _copyable(run: RunDirectory, names: Sequence[str]) -> list[str]:
    """Without links that lead nowhere and pipes, which are named on stderr."""
    found = []
    for name in names:
        try:
            if os.path.isfile(files.source_of(run, name)):
                found.append(name)
            else:
                output.warning(f"left out, it is no file that can be copied: {name}")
        except UserErrorException as error:
            output.warning(f"left out: {error.message}")
    return found


def _refuse_to_replace(paths: Sequence[str]) -> None:
    there = [path for path in paths if os.path.lexists(path)]
    if there:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise UserErrorException(
            f"{there[0]!r}{more} is there already; give another folder with -o, or --overwrite"
        )
