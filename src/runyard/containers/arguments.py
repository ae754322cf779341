"""The arguments a user adds to ``docker run``: what they settle, and what a run cannot have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from runyard.errors import UserErrorException

_SAME = {
    "--network": ("--network", "--net", "--publish", "-p", "--publish-all", "-P", "--link", "--ip"),
    "--user": ("--user", "-u"),
    "--userns": ("--userns", "--uidmap", "--gidmap"),
    "--shm-size": ("--shm-size", "--ipc"),
    "--workdir": ("--workdir", "-w"),
    "--log-driver": ("--log-driver",),
    "--pull": ("--pull",),
    "--gpus": ("--gpus", "--runtime"),
    "--device": ("--gpus", "--runtime"),
}
_DROPPED = {
    "--rm": "runyard removes the container itself, when it has read how it ended",
    "--detach": "runyard waits for the container",
    "--interactive": "the script has no terminal",
    "--tty": "the script has no terminal",
    "--restart": "a run is started once",
}
_REFUSED = {
    "--name": "runyard finds the container by a name of its own",
    "--entrypoint": "the command of a container is the script of the run",
    "--cidfile": "runyard finds the container by a name of its own",
}
_LETTERS = {"d": "--detach", "i": "--interactive", "t": "--tty"}


class Checked(NamedTuple):
    """The arguments that are handed on, and a sentence for each that is not."""

    arguments: list[str]
    notices: list[str]


def check(given: Sequence[str]) -> Checked:
    """Sort out arguments that a run does without.

    Raises UserErrorException for ``--name``, ``--cidfile`` and ``--entrypoint``.
    """
    kept, notices = [], []
    pending = iter(given)
    for argument in pending:
        name, _, value = argument.partition("=")
        if name in _REFUSED:
            raise UserErrorException(
                f"docker.arguments: {argument!r} cannot be given: {_REFUSED[name]}. Remove it"
            )
        dropped = _dropped(name)
        if not dropped:
            kept.append(argument)
            continue
        notices += [f"docker.arguments: {argument!r} is left out: {why}" for why in dropped]
        if name == "--restart" and not value:
            next(pending, None)
    return Checked(kept, notices)


def gives(given: Sequence[str], option: str) -> bool:
    """Whether the arguments settle what the option of ours would."""
    return any(name in _SAME[option] for name in _names(given))


def _names(given: Sequence[str]) -> Iterator[str]:
    for argument in given:
        if argument.startswith("--"):
            yield argument.partition("=")[0]
        elif argument.startswith("-"):
            yield argument[:2]


def _dropped(name: str) -> list[str]:
    """Why an option is left out, once for each letter of one such as ``-it``."""
    if name in _DROPPED:
        return [_DROPPED[name]]
    letters = name[1:]
    if name.startswith("-") and letters and set(letters) <= set(_LETTERS):
        return list(dict.fromkeys(_DROPPED[_LETTERS[letter]] for letter in letters))
    return []
