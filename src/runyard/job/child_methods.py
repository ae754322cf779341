"""Parents and children of a run (spec 12.8)."""

import os

from runyard.errors import RunEnvironmentException, UserErrorException
from runyard.job import interactive
from runyard.job.base import RunBase
from runyard.record import jsonl, notes
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

    Filter = Union[None, str, Dict[str, str]]

_MAX_CHILDREN = 100
_CHILD_NUMBER = "azureml.batch_child_number"


class ChildMethods(RunBase):
    """A child lies in the experiment of its parent and is its own runner."""

    @property
    def parent(self) -> "Any":
        """The run this one is a child of, or None."""
        parent_id = self._run_json().get("parent")
        if not parent_id:
            return None
        return self._same_kind(_beside(self.directory, parent_id))

    def child_run(
        self,
        name: "Optional[str]" = None,
        run_id: "Optional[str]" = None,
        outputs: "Optional[str]" = None,
    ) -> "Any":
        """Start a child; it is Running and this process is its runner.

        ``name`` is its display name, ``outputs`` a folder whose new files it gets at its end.
        Raises UserErrorException when ``run_id`` is taken.
        """

        def make(child_id: str) -> RunDirectory:
            return self._start_child(child_id, name, outputs)

        return self._same_kind(make(run_id) if run_id else self._first_free(make))

    def _start_child(
        self, child_id: str, name: "Optional[str]", outputs: "Optional[str]"
    ) -> RunDirectory:
        mine = self.directory
        return interactive.start(
            mine.workspace,
            mine.experiment,
            run_id=child_id,
            parent=mine,
            display_name=name,
            outputs=outputs,
        )[0]

    def create_children(
        self,
        count: "Optional[int]" = None,
        tag_key: "Optional[str]" = None,
        tag_values: "Optional[Sequence[str]]" = None,
    ) -> "List[Any]":
        """Create children that are NotStarted until they are started or logged to.

        Either ``count`` of them, numbered in the tag ``azureml.batch_child_number``, or one for
        each of ``tag_values`` with the tag ``tag_key``; at most 100. Raises UserErrorException
        for anything else.
        """
        if (count is None) == (tag_key is None and tag_values is None):
            raise UserErrorException(
                "create_children takes either count, or tag_key and tag_values together"
            )
        if count is not None:
            tag_key, tag_values = _CHILD_NUMBER, [str(number) for number in range(count)]
        if tag_key is None or tag_values is None:
            raise UserErrorException("create_children needs both tag_key and tag_values")
        if not 0 < len(tag_values) <= _MAX_CHILDREN:
            raise UserErrorException(
                "create_children makes 1 to {} children at once, not {}".format(
                    _MAX_CHILDREN, len(tag_values)
                )
            )
        return [self._create_child({tag_key: value}) for value in tag_values]

    def _create_child(self, tags: "Dict[str, Any]") -> "Any":
        mine = self.directory

        def make(child_id: str) -> RunDirectory:
            return interactive.create(
                mine.workspace, mine.experiment, run_id=child_id, parent=mine, tags=tags
            )

        return self._same_kind(self._first_free(make))

    def _first_free(self, make: "Callable[[str], RunDirectory]") -> RunDirectory:
        """Make a run under the first free id ``<this id>_<number>``."""
        number = len(self._child_ids())
        while True:
            child_id = "{}_{}".format(self.id, number)
            if not os.path.exists(_beside(self.directory, child_id).path):
                try:
                    return make(child_id)
                except UserErrorException:  # another process was faster
                    if not os.path.exists(_beside(self.directory, child_id).path):
                        raise
            number += 1

    def get_children(
        self,
        recursive: bool = False,
        tags: "Filter" = None,
        properties: "Filter" = None,
        type: "Optional[str]" = None,
        status: "Optional[str]" = None,
        _rehydrate_runs: bool = True,
    ) -> "Iterator[Any]":
        """Children, newest first; with ``recursive``, theirs too.

        ``tags`` and ``properties``: a key that must be there, or a dict that must match.
        """
        found = self._descendants() if recursive else self._children()
        found.sort(key=lambda run: float(run._run_json().get("created", 0)), reverse=True)
        for run in found:
            if matches(run, type, tags, properties, status):
                yield run

    def submit_child(
        self, config: "Any", tags: "Optional[Dict[str, str]]" = None, **kwargs: "Any"
    ) -> "Any":
        """Submit a configuration as a child of this run.

        Raises RunEnvironmentException where runyard itself is not installed.
        """
        return self._client("Run.submit_child").submit_child(config, tags=tags, **kwargs)

    def _client(self, asked: str) -> "Any":
        """This run as the client's ``Run``, for what needs more than the standard library.

        ``asked``: the method that was called, for the error.
        """
        from runyard import _names

        try:
            workspace = _names.load("runyard.history.workspace:Workspace", asked)
        except _names.MissingClientError as error:
            raise RunEnvironmentException(str(error), error)
        return workspace.at(self.directory.workspace).get_run(self.id)

    def _descendants(self) -> "List[Any]":
        children = self._children()
        return children + [run for child in children for run in child._descendants()]

    def _children(self) -> "List[Any]":
        return [self._same_kind(_beside(self.directory, name)) for name in self._child_ids()]

    def _child_ids(self) -> "List[str]":
        found = notes.Notes({})
        for note in notes.merged(self.directory.notes):
            found.apply(note)
        there = [name for name in found.children if _is_run(_beside(self.directory, name))]
        return list(dict.fromkeys(there))


def _beside(run: RunDirectory, other_id: str) -> RunDirectory:
    return run.workspace.run(run.experiment, other_id)


def _is_run(run: RunDirectory) -> bool:
    try:
        return bool(jsonl.read_json(run.run_json)["id"] == run.id)
    except (OSError, ValueError, KeyError):
        return False


def matches(
    run: "Any",
    type: "Optional[str]",
    tags: "Filter",
    properties: "Filter",
    status: "Optional[str]",
) -> bool:
    """Whether a run is of that type and status and has those tags and properties."""
    if type not in (None, run._run_json().get("type")):
        return False
    if tags is not None and not _has(tags, run.get_tags()):
        return False
    if properties is not None and not _has(properties, run.get_properties()):
        return False
    return status is None or bool(status == run.get_status())


def _has(wanted: "Union[str, Dict[str, str]]", found: "Dict[str, str]") -> bool:
    if isinstance(wanted, str):
        return wanted in found
    return all(found.get(key) == str(value) for key, value in wanted.items())
