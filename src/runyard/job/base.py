"""What all parts of ``Run`` share: the run directory and this process's writers for it."""

from runyard.record import run_json
from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.metrics import MetricWriter
from runyard.record.notes import Notes, NoteWriter, read_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class RunBase:
    """A run directory, read on demand and written through one writer of each kind a process."""

    def __init__(self, directory: "Optional[RunDirectory]") -> None:
        self._directory = directory
        self._record: "Optional[Dict[str, Any]]" = None
        self._note_writer: "Optional[NoteWriter]" = None
        self._metric_writer: "Optional[MetricWriter]" = None

    def __getstate__(self) -> "Dict[str, Any]":
        # A copy, also one in another process, writes files of its own.
        return dict(self.__dict__, _note_writer=None, _metric_writer=None)

    @property
    def directory(self) -> RunDirectory:
        """The run directory."""
        assert self._directory is not None
        return self._directory

    @property
    def id(self) -> str:
        """The id of the run, also the name of its directory."""
        return self.directory.id

    def _same_kind(self, directory: RunDirectory) -> "Any":
        """A ``Run`` of another directory, of the class parents and children are shown as."""
        raise NotImplementedError

    def _about_to_write(self) -> None:
        """Called once before the first metric or note of this process."""

    def _run_json(self) -> "Dict[str, Any]":
        """run.json; written once, so read once."""
        if self._record is None:
            self._record = run_json.read(self.directory)
        return self._record

    def _state(self) -> State:
        return read_state(self.directory)

    def _notes(self) -> Notes:
        return read_notes(self.directory, self._run_json())

    def _write_note(self) -> NoteWriter:
        if self._note_writer is None:
            self._about_to_write()
            self._note_writer = NoteWriter(self.directory)
        return self._note_writer

    def _let_go_of_files(self) -> None:
        """Of a run that ends: whoever keeps a thousand of them may not open as many files.

        Not closed: another thread may be writing. They are when nobody has them any more.
        """
        self._note_writer = self._metric_writer = None

    def _write_metric(self) -> MetricWriter:
        if self._metric_writer is None:
            self._about_to_write()
            self._metric_writer = MetricWriter(self.directory)
        return self._metric_writer
