"""Names, tags and properties of a run (spec 12.8)."""

from runyard.job import details
from runyard.job.base import RunBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Mapping, Optional, Union


class LabelMethods(RunBase):
    """Tags can change; properties are set once; all values become text."""

    @property
    def name(self) -> str:
        """The display name; the id for a run without one."""
        return self.display_name

    @property
    def display_name(self) -> str:
        """A name for people, which may be set; the id for a run without one."""
        return self._notes().display_name or self.id

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._write_note().write("display_name", None, str(value))

    @property
    def description(self) -> "Optional[str]":
        """Free text, which may be set."""
        return self._notes().description

    @description.setter
    def description(self, value: "Optional[str]") -> None:
        self._write_note().write("description", None, None if value is None else str(value))

    @property
    def tags(self) -> "Dict[str, str]":
        """All tags."""
        return self.get_tags()

    def get_tags(self) -> "Dict[str, str]":
        """All tags, as a new dict."""
        return self._notes().tags

    def tag(self, key: str, value: "Any" = None) -> None:
        """Set one tag; the value becomes text, None becomes ''."""
        self._write_note().tag(key, value)

    def set_tags(self, tags: "Mapping[str, Any]") -> None:
        """Set these tags and leave others as they are."""
        for key, value in tags.items():
            self._write_note().tag(key, value)

    def remove_tags(self, tags: "Union[str, Iterable[str]]") -> None:
        """Remove tags by key; a key that is no tag is passed over."""
        for key in [tags] if isinstance(tags, str) else tags:
            self._write_note().write("untag", str(key), None)

    @property
    def properties(self) -> "Dict[str, str]":
        """All properties."""
        return self.get_properties()

    def get_properties(self) -> "Dict[str, str]":
        """All properties, with those of the snapshot and of git (spec 12.6), as a new dict."""
        return details.properties(self._run_json(), self._notes())

    def add_properties(self, properties: "Mapping[str, Any]") -> None:
        """Set properties. Raises UserErrorException for one that has another value already."""
        self._write_note().add_properties(self.get_properties(), dict(properties))
