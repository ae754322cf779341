"""The statuses of runs as constants, which code of SDK v1 compares with (spec 12.2)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


class RunStatus:
    """What ``run.get_status()`` gives, as text; some of it only in SDK v1."""

    NOT_STARTED = "NotStarted"
    UNAPPROVED = "Unapproved"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    STARTING = "Starting"
    PREPARING = "Preparing"
    QUEUED = "Queued"
    PROVISIONING = "Provisioning"
    RUNNING = "Running"
    NOT_RESPONDING = "NotResponding"
    FINALIZING = "Finalizing"
    CANCEL_REQUESTED = "CancelRequested"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"


RUNNING_STATES: "List[str]" = [
    RunStatus.NOT_STARTED,
    RunStatus.QUEUED,
    RunStatus.PREPARING,
    RunStatus.PROVISIONING,
    RunStatus.STARTING,
    RunStatus.RUNNING,
    RunStatus.UNAPPROVED,
    RunStatus.NOT_RESPONDING,
    RunStatus.PAUSING,
    RunStatus.PAUSED,
]
"""Those that a wait goes on in."""
