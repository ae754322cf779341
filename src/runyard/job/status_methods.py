"""Status, start and end of a run, and its details (spec 12.5, 12.6)."""

import json
import os
import time

from runyard.errors import (
    ActivityFailedException,
    ExperimentExecutionException,
    UserErrorException,
)
from runyard.job import context, details, interactive
from runyard.job.dataset_methods import DatasetMethods
from runyard.job.file_methods import FileMethods, log_names
from runyard.job.values import of_type
from runyard.record import events
from runyard.record.states import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Union

    from runyard.record.layout import RunDirectory

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


class StatusMethods(DatasetMethods, FileMethods):
    """Only the runner ends a run: where this process is not that, ending is a request."""

    @property
    def status(self) -> str:
        """Where the run stands now, as in SDK v1 (``Running``, ``Completed``, …)."""
        return self.get_status()

    def get_status(self) -> str:
        """Where the run stands now."""
        return self._state().status.value

    def get_detailed_status(self) -> "Dict[str, Any]":
        """``{'status': …, 'details': …}``: the status and what its last event says."""
        state = self._state()
        return {"status": state.status.value, "details": state.detail}

    def get_details(self) -> "Dict[str, Any]":
        """Everything about the run as a dict; the keys are those of spec 12.6.

        ``error`` is there only when the run failed, ``endTimeUtc`` only when it ended. ``logFiles``
        maps names to paths.
        """
        paths = {name: self._file_path(name) for name in log_names(self)}
        found = details.details(self.id, self._run_json(), self._state(), self._notes(), paths)
        found.update(details.distribution(self.directory, self._run_json()))
        found["inputDatasets"] = self._input_details()
        found["outputDatasets"] = self._output_details()
        return found

    def get_details_with_logs(self) -> "Dict[str, Any]":
        """`get_details` with the contents of the logs in the place of their paths."""
        found = self.get_details()
        found["logFiles"] = details.with_contents(found["logFiles"])
        return found

    def start(self) -> None:
        """Set a run Running that is NotStarted; this process becomes its runner."""
        if self._state().status is Status.NOT_STARTED:
            interactive.begin(self.directory)

    def _about_to_write(self) -> None:
        """A child made by `create_children` starts when it is first written to."""
        if self._run_json().get("spec") is None:
            self.start()

    def complete(self, _set_status: bool = True) -> None:
        """End the run as Completed, or ask its runner to; nothing for a run that has ended."""
        if _set_status:
            interactive.end(self.directory, "complete")
            self._let_go_of_files()

    def fail(
        self,
        error_details: "Union[None, str, BaseException]" = None,
        error_code: "Optional[str]" = None,
        _set_status: bool = True,
    ) -> None:
        """End the run as Failed, or ask its runner to; nothing for a run that has ended.

        ``error_details``: a text or an exception, else TypeError. ``error_code`` is ``UserError``
        unless given.
        """
        error = failure(error_details, error_code)
        if _set_status:
            interactive.end(self.directory, "fail", error)
            self._let_go_of_files()
        else:
            self._write_note().write("error", None, error)

    def cancel(self) -> None:
        """End the run as Canceled, or ask its runner to; nothing for a run that has ended."""
        interactive.end(self.directory, "cancel")
        self._let_go_of_files()

    def flush(self, timeout_seconds: float = 300) -> None:
        """Nothing waits to be written: every call has written when it returns."""

    def clean(self) -> None:
        """Remove the working directory of a run that has ended, all but ./outputs and ./logs.

        Raises UserErrorException while the run has not ended.
        """
        import shutil

        if not self._state().status.ended:
            raise UserErrorException(
                "run {} has not ended; cancel it before its files are removed".format(self.id)
            )
        work = self.directory.work
        for name in os.listdir(work) if os.path.isdir(work) else []:
            path = os.path.join(work, name)
            if name in ("outputs", "logs"):
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        events.touch(self.directory)

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
    ) -> "Dict[str, Any]":
        """Wait for the end of the run and return its details.

        Raises ActivityFailedException for a failed run unless ``raise_on_error`` is False; a
        cancelled run is no error. ``show_output`` prints the script's log at the end.
        ExperimentExecutionException is raised for a run that only this script can end.
        """
        pause_s = _FIRST_PAUSE_S
        while not self._state().status.ended:
            refuse_to_wait_for_itself(self.directory)
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        found = self.get_details()
        if show_output:
            logs = [name for name in found["logFiles"] if name.startswith("user_logs/")]
            for name in logs:
                details.print_log(found["logFiles"][name])
        if raise_on_error and found["status"] == Status.FAILED.value:
            error = found["error"]
            raise ActivityFailedException(error, message=json.dumps(error, indent=4))
        return found

    def _repr_html_(self) -> str:
        import html

        state = self._state()
        cells: "List[List[str]]" = [
            ["Experiment", self.directory.experiment],
            ["Id", self.id],
            ["Type", str(self._run_json().get("type"))],
            ["Status", state.status.value],
            ["Reason", details.summary(state) or ""],
        ]
        head = "".join("<th>{}</th>".format(cell[0]) for cell in cells)
        body = "".join("<td>{}</td>".format(html.escape(cell[1])) for cell in cells)
        return "<table><tr>{}</tr><tr>{}</tr></table>".format(head, body)


def refuse_to_wait_for_itself(run: "RunDirectory") -> None:
    """Raise ExperimentExecutionException for a run that goes on as long as this process waits."""
    if interactive.is_owned(run):
        raise ExperimentExecutionException(
            "run {} was started by this process and ends when it calls complete(), fail() or "
            "cancel(); a run cannot wait for itself".format(run.id)
        )
    current = context.current()
    if current is not None and os.path.realpath(current.path) == os.path.realpath(run.path):
        raise ExperimentExecutionException(
            "run {} is the run of this script and ends when the script does; a run cannot wait "
            "for itself. Leave wait_for_completion() to the code that submits it".format(run.id)
        )


def failure(
    error_details: "Union[None, str, BaseException]", code: "Optional[str]"
) -> "Dict[str, Any]":
    """What ``fail`` was told, as the error of a run. Raises TypeError (spec 12.5)."""
    if isinstance(error_details, BaseException):
        return interactive.exception_error(error_details, code)
    if error_details is not None and not isinstance(error_details, str):
        raise TypeError(
            "error_details must be a text or an exception, not {}".format(of_type(error_details))
        )
    return {"message": error_details or "failed by Run.fail()", "code": code or "UserError"}
