"""Reading a conda YAML file and checking its shape; every error names the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    import yaml

KEYS = ("name", "channels", "dependencies", "prefix", "variables")


def read(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the content of a conda specification, and the line (from 1) of every entry in it.

    Raises FileNotFoundError, and UserErrorException naming what is wrong with the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"CondaDependencies: there is no file {str(path)!r}")
    # Imported here: most environments are made without any file.
    import yaml

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8-sig"))
        node = loader.get_single_node()
        content = {} if node is None else loader.construct_document(node)
    except yaml_errors() as error:
        raise not_yaml(str(path), error) from error
    checked = _Checked(path)
    if node is not None and content is not None:
        checked.whole(content, node)
    for key in ("channels", "dependencies"):
        checked.content.setdefault(key, [])
    return checked.content, checked.lines


def dump(content: dict[str, Any]) -> str:
    """Return the YAML text of a conda specification."""
    import yaml

    return str(yaml.safe_dump(content, default_flow_style=False, sort_keys=False))


def yaml_errors() -> tuple[type[Exception], ...]:
    """What reading text that is not YAML raises.

    PyYAML means to raise YAMLError. Of values whose type is not theirs (``!!int x``, the date
    2001-99-99) it raises whatever comes, and its recursion ends with Python's.
    """
    import yaml

    return (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def not_yaml(path: str, error: Exception) -> UserErrorException:
    """The error for a file that yaml cannot read, or that is no text; with the line, if known."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return UserErrorException(f"{path!r} is not a YAML file: {error}", error)
    words = (getattr(error, name, None) for name in ("context", "problem"))
    reason = ": ".join(filter(None, words))
    return UserErrorException(
        f"{path!r} is not a YAML file, see line {mark.line + 1}: {reason}", error
    )


class _Checked:
    """``content``: keys and values as they should be; ``lines``: line by text of an entry."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.content: dict[str, Any] = {}
        self.lines: dict[str, int] = {}

    def whole(self, content: object, node: yaml.Node) -> None:
        """Take over the content of the file, whose nodes know their lines."""
        if not isinstance(content, dict):
            raise self._wrong(
                node,
                "the file is not a conda specification: it must hold the keys "
                f"{', '.join(KEYS)}, not a {type(content).__name__}",
            )
        self._refuse_twice(node)
        for key_node, value_node in node.value:
            key = key_node.value
            if key not in KEYS:
                raise self._unknown(key_node, key)
            self.content[key] = content[key]
            if key == "channels":
                self.content[key] = [
                    self._text(item, place, "channel", "conda-forge")
                    for item, place in self._items(content[key], value_node, key)
                ]
            elif key == "dependencies":
                self.content[key] = [
                    self._dependency(item, place)
                    for item, place in self._items(content[key], value_node, key)
                ]
            elif key == "variables" and not isinstance(content[key], (dict, type(None))):
                raise self._wrong(
                    value_node, f"'variables' must hold names and values, not {content[key]!r}"
                )

    def _dependency(self, item: object, node: yaml.Node) -> str | dict[str, Any]:
        if not isinstance(item, dict):
            return self._text(item, node, "dependency", "python=3.8", " or a 'pip:' list")
        if list(item) != ["pip"]:
            raise self._wrong(
                node,
                f"dependency {item!r} must be text such as 'python=3.8' or a 'pip:' list",
            )
        self._refuse_twice(node)
        lines = self._items(item["pip"], node.value[0][1], "pip")
        return {
            "pip": [self._text(line, place, "pip line", "numpy>=1.20") for line, place in lines]
        }

    def _refuse_twice(self, node: yaml.Node) -> None:
        """YAML takes the last of two keys, so packages would be missing without a word."""
        known = set()
        for place, _ in node.value:
            if place.value in known:
                raise self._wrong(
                    place, f"the key {place.value!r} is there a second time; keep one of them"
                )
            known.add(place.value)

    def _items(self, value: object, node: yaml.Node, key: str) -> list[tuple[object, yaml.Node]]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(node, f"{key!r} must be a list, not {value!r}")
        return list(zip(value, node.value, strict=True))

    def _text(self, item: object, node: yaml.Node, what: str, example: str, other: str = "") -> str:
        if not isinstance(item, str) or not item.strip():
            raise self._wrong(node, f"{what} {item!r} must be text such as {example!r}{other}")
        self.lines.setdefault(item, node.start_mark.line + 1)
        return item

    def _unknown(self, node: yaml.Node, key: object) -> UserErrorException:
        import difflib

        near = difflib.get_close_matches(str(key), KEYS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return self._wrong(
            node,
            f"key {key!r} is not allowed in a conda specification{hint} Allowed are "
            f"{', '.join(KEYS)}",
        )

    def _wrong(self, node: yaml.Node, text: str) -> UserErrorException:
        return UserErrorException(f"{str(self._path)!r}, line {node.start_mark.line + 1}: {text}")
