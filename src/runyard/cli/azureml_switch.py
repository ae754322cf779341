"""``runyard azureml``: the file that puts our ``azureml`` on the path of an environment.

A line of a ``.pth`` file is read at every start of its interpreter. Without ``--over`` it is a
folder, which comes last on the path; with it a statement that puts the folder first.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from typing import NamedTuple

from runyard import _tree
from runyard.cli import azureml_choice, output
from runyard.errors import UserErrorException

FILE_NAME = "runyard-azureml.pth"
_OVER = "import sys; sys.path.insert(0, {!r})"


class Switch(NamedTuple):
    """The file, and how it is set: 'off', 'on' or 'over'."""

    path: str
    position: str


def enable(over: bool) -> None:
    """Write the file. Raises UserErrorException where another azureml is installed."""
    _refuse_other_environment()
    choice = azureml_choice.choose()
    others = choice.others or ([choice.place] if choice.winner == "other" else [])
    if others and not over:
        raise UserErrorException(
            f"another azureml is installed in {sys.prefix}: {', '.join(others)}. Nothing was "
            "changed. runyard azureml enable --over lets runyard's win there; runyard exec -- "
            "COMMAND does so for one program"
        )
    path = _writable_folder()
    text = _OVER.format(_tree.ENABLED_PATH) if over else _tree.ENABLED_PATH
    for switch in _present():
        os.remove(switch.path)
    with open(os.path.join(path, FILE_NAME), "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    output.text(f"enabled: {os.path.join(path, FILE_NAME)}")
    output.text(azureml_choice.describe())


def disable() -> None:
    """Remove the file; nothing to do where there is none."""
    present = _present()
    for switch in present:
        os.remove(switch.path)
        output.text(f"disabled: {switch.path} was removed")
    if not present:
        output.text(f"it is not enabled in {sys.prefix}")
    output.text(azureml_choice.describe())


def show(as_json: bool) -> None:
    """Print how the file is set, and which azureml is found."""
    present = _present()
    choice = azureml_choice.choose()
    if as_json:
        position = present[0].position if present else "off"
        output.to_json(
            {"enabled": position, "files": [item.path for item in present], **choice._asdict()}
        )
        return
    for item in present:
        how = " --over" if item.position == "over" else ""
        output.text(f"enabled{how}: {item.path}")
    if not present:
        output.text(f"it is not enabled in {sys.prefix}")
    output.text(choice.text())


def _present() -> list[Switch]:
    paths = [os.path.join(folder, FILE_NAME) for folder in _folders()]
    return [Switch(path, _position(path)) for path in paths if os.path.isfile(path)]


def _position(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return "over" if stream.read().startswith("import ") else "on"


def _folders() -> list[str]:
    """Folders whose ``.pth`` files this interpreter reads, the environment's own first."""
    folders = [sysconfig.get_path("purelib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    read = {os.path.realpath(folder) for folder in sys.path}
    own = [folder for folder in dict.fromkeys(folders) if os.path.realpath(folder) in read]
    return own or [folders[0]]


def _writable_folder() -> str:
    for folder in _folders():
        if os.path.isdir(folder) and os.access(folder, os.W_OK):
            return folder
    raise UserErrorException(
        f"{_folders()[0]} cannot be written; enable it in a virtual environment of your own, or "
        "use: runyard exec -- COMMAND"
    )


def _refuse_other_environment() -> None:
    active = os.environ.get("VIRTUAL_ENV")
    if active and os.path.realpath(active) != os.path.realpath(sys.prefix):
        raise UserErrorException(
            f"the active environment is {active}, and this runyard is installed in {sys.prefix}. "
            "Install it there first, in a checkout of runyard: "
            f"{os.path.join(active, 'bin', 'python')} -m pip install .; or use: runyard exec -- "
            "COMMAND"
        )
