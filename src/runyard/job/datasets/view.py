"""A folder of links that shows the files of a dataset: ``FileDataset.mount``."""

import os
import shutil
import tempfile

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from runyard.job.datasets.file import FileDataset


class View:
    """The files of a dataset below ``mount_point``, from `start` to `stop`, or in a ``with``."""

    def __init__(self, dataset: "FileDataset", mount_point: "Optional[str]") -> None:
        self._dataset = dataset
        self._given = mount_point is not None
        self._made = False
        self._started = False
        self.mount_point = (
            os.path.abspath(os.path.expanduser(mount_point))
            if mount_point
            else (os.path.join(tempfile.gettempdir(), "runyard-mount-" + os.urandom(8).hex()))
        )

    def start(self) -> None:
        """Make the links. Raises UserErrorException when the folder has files in it."""
        if self._started:
            return
        if os.path.isdir(self.mount_point) and os.listdir(self.mount_point):
            raise UserErrorException(
                "mount_point={!r} has files in it; give an empty folder, or none".format(
                    self.mount_point
                )
            )
        files = self._dataset._files()
        places = self._dataset._localized(files)
        self._made = not os.path.isdir(self.mount_point)
        os.makedirs(self.mount_point, exist_ok=True)
        self._started = True
        for file, place in zip(files, places):
            link = os.path.join(self.mount_point, *file["path"].split("/"))
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(place, link)

    def stop(self) -> None:
        """Remove the links; the files stay."""
        if not self._started:
            return
        self._started = False
        for name in os.listdir(self.mount_point):
            path = os.path.join(self.mount_point, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
        if self._made:
            os.rmdir(self.mount_point)

    def __enter__(self) -> "View":
        self.start()
        return self

    def __exit__(self, *_: "Any") -> None:
        self.stop()
