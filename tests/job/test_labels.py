import pytest

from runyard.errors import UserErrorException
from runyard.job.run import Run


def test_names(interactive_run: Run) -> None:
    assert (interactive_run.name, interactive_run.display_name) == ("mine", "mine")
    interactive_run.display_name = "other"
    interactive_run.description = "why"
    again = Run(interactive_run.directory)
    assert (again.display_name, again.description) == ("other", "why")
    assert interactive_run.child_run().display_name == f"{interactive_run.id}_0"


def test_tags_are_text_and_merge(interactive_run: Run) -> None:
    interactive_run.tag("quality", 0.5)
    interactive_run.tag("best")
    interactive_run.set_tags({"quality": True, "ü\n": None})
    assert interactive_run.tags == {"a": "1", "quality": "True", "best": "", "ü\n": ""}
    interactive_run.remove_tags(["best", "never there", "a"])
    interactive_run.remove_tags("quality")
    assert Run(interactive_run.directory).get_tags() == {"ü\n": ""}


def test_properties_are_set_once(interactive_run: Run) -> None:
    interactive_run.add_properties({"author": "me", "n": 3})
    interactive_run.add_properties({"n": "3", "more": None})
    assert interactive_run.properties == {"author": "me", "n": "3", "more": "None"}
    with pytest.raises(UserErrorException, match="'n' is already '3' and cannot be changed to '4'"):
        interactive_run.add_properties({"new": 1, "n": 4})
    assert "new" not in interactive_run.get_properties()
