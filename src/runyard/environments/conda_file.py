"""Reading a conda YAML file and checking its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runyard.errors import UserErrorException

KEYS = ("name", "channels", "dependencies", "prefix", "variables")


def read(path: Path) -> dict[str, Any]:
    """Return the content of a conda specification.

    Raises FileNotFoundError, and UserErrorException naming what is wrong with the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"CondaDependencies: there is no file {str(path)!r}")
    # Imported here: most environments are made without any file.
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise UserErrorException(f"{str(path)!r} is not a YAML file: {error}", error) from error
    return _checked({} if content is None else content, path)


def dump(content: dict[str, Any]) -> str:
    """Return the YAML text of a conda specification."""
    import yaml

    return str(yaml.safe_dump(content, default_flow_style=False, sort_keys=False))


def line_number(path: Path, text: str) -> int | None:
    """Return the number of the first line holding the text, or None."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return next((n for n, line in enumerate(lines, start=1) if text in line), None)


def _checked(content: object, path: Path) -> dict[str, Any]:
    allowed = ", ".join(KEYS)
    if not isinstance(content, dict):
        raise UserErrorException(
            f"{str(path)!r} is not a conda specification: it must hold the keys {allowed}, "
            f"not a {type(content).__name__}"
        )
    for key in content:
        if key not in KEYS:
            raise UserErrorException(
                f"{str(path)!r}: key {key!r} is not allowed in a conda specification; "
                f"allowed are {allowed}"
            )
    for key in ("channels", "dependencies"):
        content[key] = _list(content.get(key), f"{str(path)!r}: {key!r}")
    content["dependencies"] = [_dependency(item, path) for item in content["dependencies"]]
    return content


def _dependency(item: object, path: Path) -> str | dict[str, Any]:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and list(item) == ["pip"]:
        lines = _list(item["pip"], f"{str(path)!r}: 'pip'")
        return {"pip": [str(line) for line in lines]}
    raise UserErrorException(
        f"{str(path)!r}: dependency {item!r} must be text such as 'python=3.8' or a 'pip:' list"
    )


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UserErrorException(f"{what} must be a list, not {value!r}")
    return value
