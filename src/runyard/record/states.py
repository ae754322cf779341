"""Statuses a run passes through, and the typed reason of every end.

Status names are those of SDK v1 (spec 12.5). Reasons are ours: one enum with total maps to the
status, the exit code of ``runyard submit --follow``, whether a retry can help, and a hint.
"""

import enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple


class Status(str, enum.Enum):
    """Where a run stands. The value is the text of SDK v1."""

    NOT_STARTED = "NotStarted"
    """Recorded; its runner has not begun."""
    QUEUED = "Queued"
    """The target has it and waits for a place."""
    PREPARING = "Preparing"
    """The environment is being built or inputs are being staged."""
    PROVISIONING = "Provisioning"
    """The target is getting nodes."""
    STARTING = "Starting"
    """The script's processes are being started."""
    RUNNING = "Running"
    """The script is running."""
    CANCEL_REQUESTED = "CancelRequested"
    """Somebody asked for the end; the runner has not carried it out yet."""
    FINALIZING = "Finalizing"
    """The script has ended; what it left is being collected."""
    NOT_RESPONDING = "NotResponding"
    """Its runner cannot be reached and it is not known whether it is gone."""
    PAUSED = "Paused"
    """Stopped with the intent to go on."""
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def ended(self) -> bool:
        """True for the three that never change again."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELED)

    def __str__(self) -> str:
        return self.value


class Reason(enum.Enum):
    """Why a run ended; exactly one for every end."""

    COMPLETED = "completed"
    SCRIPT_EXIT_CODE = "script_exit_code"
    SCRIPT_EXCEPTION = "script_exception"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    RUNNER_LOST = "runner_lost"
    ENVIRONMENT_FAILED = "environment_failed"
    DATA_FAILED = "data_failed"
    LAUNCH_FAILED = "launch_failed"

    @property
    def status(self) -> Status:
        """The status a run ends with for this reason."""
        return _ENDS[self][0]

    @property
    def exit_code(self) -> "Optional[int]":
        """What ``runyard submit --follow`` exits with; None: the code of the script itself."""
        return _ENDS[self][1]

    @property
    def retry(self) -> bool:
        """Whether the same run, started again, may well succeed."""
        return _ENDS[self][2]

    @property
    def hint(self) -> str:
        """What the user can do about it; '' when nothing needs doing."""
        return _ENDS[self][3]


_ENDS: "Dict[Reason, Tuple[Status, Optional[int], bool, str]]" = {
    Reason.COMPLETED: (Status.COMPLETED, 0, False, ""),
    Reason.SCRIPT_EXIT_CODE: (
        Status.FAILED,
        None,
        False,
        "The script ended itself with this exit code; the end of its log says why.",
    ),
    Reason.SCRIPT_EXCEPTION: (
        Status.FAILED,
        1,
        False,
        "The script raised an exception or reported its failure; the end of the log says more.",
    ),
    Reason.SIGNAL: (
        Status.FAILED,
        None,
        False,
        "A signal ended the script. SIGSEGV, SIGABRT and SIGBUS come from native code in it "
        "(SIGBUS often from a full /dev/shm); SIGKILL and SIGTERM were sent by somebody.",
    ),
    Reason.OUT_OF_MEMORY: (
        Status.FAILED,
        137,
        False,
        "The run used more memory than there is. Use smaller batches or fewer workers, or a "
        "target with more memory.",
    ),
    Reason.TIME_LIMIT: (
        Status.FAILED,
        124,
        False,
        "The run was ended at its time limit. Raise max_run_duration_seconds, or save "
        "checkpoints and resume.",
    ),
    Reason.CANCELLED: (Status.CANCELED, 130, False, ""),
    Reason.PREEMPTED: (
        Status.FAILED,
        75,
        True,
        "The target took the resources back. Submit the run again.",
    ),
    Reason.NODE_LOST: (
        Status.FAILED,
        71,
        True,
        "A node of the run disappeared. Submit the run again.",
    ),
    Reason.RUNNER_LOST: (
        Status.FAILED,
        70,
        True,
        "The process that supervised the run is gone (killed, or the machine restarted). "
        "Files written so far are kept. Submit the run again.",
    ),
    Reason.ENVIRONMENT_FAILED: (
        Status.FAILED,
        78,
        False,
        "The environment could not be built; system_logs/environment.txt has the whole log.",
    ),
    Reason.DATA_FAILED: (
        Status.FAILED,
        66,
        False,
        "An input or output could not be staged; system_logs/data.txt has the whole log.",
    ),
    Reason.LAUNCH_FAILED: (
        Status.FAILED,
        126,
        False,
        "The script could not be started; system_logs/runner.txt has the whole log.",
    ),
}
