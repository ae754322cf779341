"""The run a script was started for (spec 12.3): its runner is another process."""

import warnings

from runyard.job.run import Run
from runyard.job.status_methods import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Union

    from runyard.record.layout import RunDirectory

_known: "Dict[str, SubmittedRun]" = {}


class SubmittedRun(Run):
    """Law: the script cannot end its run. ``complete``, ``fail`` and ``cancel`` do not."""

    def start(self) -> None:
        """The runner has started it."""

    def complete(self, _set_status: bool = True) -> None:
        """Nothing is left to write; the run ends when the script does."""
        self.flush()

    def fail(
        self,
        error_details: "Union[None, str, BaseException]" = None,
        error_code: "Optional[str]" = None,
        _set_status: bool = True,
    ) -> None:
        """Tell why the script is about to fail; the run ends when the script does."""
        self._write_note().write("error", None, failure(error_details, error_code))

    def cancel(self) -> None:
        """Only warns: a script ends its run by ending."""
        warnings.warn(
            "a script cannot cancel its own run; let it end, or cancel it from outside with "
            "`runyard cancel {}`".format(self.id),
            stacklevel=2,
        )

    def __exit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        self.complete()


def submitted_run(directory: "RunDirectory") -> SubmittedRun:
    """The one object of a run in this process."""
    if directory.id not in _known:
        _known[directory.id] = SubmittedRun(directory)
    return _known[directory.id]
