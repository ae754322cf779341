"""``Run.log`` and its family, and reading metrics back (spec 12.4)."""

import json
import os
import time
import warnings

from runyard.errors import UserErrorException
from runyard.job import values
from runyard.job.base import RunBase
from runyard.record import files, regular
from runyard.record.metrics import ARTIFACTS, IMAGE, LIST, ROW, TABLE, URI, read_metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable, Dict, Iterable, Mapping, Optional, Union

_PLAIN = values.PLAIN


class MetricMethods(RunBase):
    """Logging metrics. What was logged is in the run directory when the call returns."""

    def log(
        self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None
    ) -> None:
        """Log one value; values of one name become a list in the order they were logged.

        ``value``: float, int, str, bool, None or a scalar of an array library; other types are
        stored as their ``repr``, with a warning. Raises UserErrorException for lists, ranges and
        generators (use `log_list`), for ints over 64 bytes and for an empty name.
        """
        if not name:
            values.refuse_name(name)
        if type(value) not in _PLAIN:
            value = values.scalar(name, value)
        if step is not None:
            step = values.step_number(name, step)
        writer = self._metric_writer or self._write_metric()
        writer.scalar(name, value, step, description)

    def log_list(self, name: str, value: "Iterable[Any]", description: str = "") -> None:
        """Log several values at once; an empty list logs nothing.

        Raises UserErrorException for what is not iterable and for elements that are no scalars.
        """
        if not name:
            values.refuse_name(name)
        found = values.elements(name, value)
        if found:
            self._write_metric().other(LIST, name, found, description)

    def log_row(self, name: str, description: "Optional[str]" = None, **kwargs: "Any") -> None:
        """Log one row, a scalar for each column. Raises UserErrorException for lists."""
        if not name:
            values.refuse_name(name)
        self._write_metric().other(ROW, name, values.row(name, kwargs), description)

    def log_table(self, name: str, value: "Mapping[str, Any]", description: str = "") -> None:
        """Log columns of equal length. Raises UserErrorException when they are not."""
        if not name:
            values.refuse_name(name)
        self._write_metric().other(TABLE, name, values.table(name, value), description)

    def log_image(
        self,
        name: str,
        path: "Optional[str]" = None,
        plot: "Any" = None,
        description: str = "",
    ) -> None:
        """Log an image file, or a plot with a ``savefig`` method such as matplotlib's.

        Exactly one of the two, else UserErrorException, as for a file that is no image. A plot is
        stored as ``<name>_<unix time>.png``, a file under the path given.
        """
        if not name:
            values.refuse_name(name)
        if (path is None) == (plot is None):
            raise UserErrorException(
                "metric {!r}: log_image takes exactly one of path and plot".format(name)
            )
        stored = self._plot(name, plot) if path is None else self._image_file(name, path)
        self._write_metric().other(IMAGE, name, stored, description)

    def log_confusion_matrix(
        self, name: str, value: "Union[str, Dict[str, Any]]", description: str = ""
    ) -> None:
        """Log ``{schema_type, schema_version, data: {class_labels, matrix}}``, dict or JSON text.

        Raises UserErrorException for text that is not JSON; the content is not checked.
        """
        self._log_json("confusion_matrix", name, value, description)

    def log_accuracy_table(
        self, name: str, value: "Union[str, Dict[str, Any]]", description: str = ""
    ) -> None:
        """Log probability and percentile tables, as `log_confusion_matrix` does."""
        self._log_json("accuracy_table", name, value, description)

    def log_residuals(
        self, name: str, value: "Union[str, Dict[str, Any]]", description: str = ""
    ) -> None:
        """Log ``data: {bin_edges, bin_counts}``, as `log_confusion_matrix` does."""
        self._log_json("residuals", name, value, description)

    def log_predictions(
        self, name: str, value: "Union[str, Dict[str, Any]]", description: str = ""
    ) -> None:
        """Log ``data: {bin_averages, bin_errors, …}``, as `log_confusion_matrix` does."""
        self._log_json("predictions", name, value, description)

    def get_metrics(
        self,
        name: "Optional[str]" = None,
        recursive: bool = False,
        run_type: "Optional[str]" = None,
        populate: bool = False,
        rank: "Optional[int]" = None,
    ) -> "Dict[str, Any]":
        """The metrics as name → value, in the shapes of spec 12.4.

        ``name``: only that one. ``recursive``: {run id: metrics} of this run and all below it,
        only of type ``run_type`` when that is given. ``populate``: artifacts as their content
        (JSON decoded, images as bytes) and not as ``aml://`` URIs. ``rank`` (not in SDK v1): only
        what that process of a distributed run has logged; without it values of one name from
        several processes are one list in the order of their time.
        """
        if recursive:
            family = [self] + list(self._descendants())
            wanted = [run for run in family if run_type in (None, run._run_json().get("type"))]
            return {run.id: run.get_metrics(name, populate=populate, rank=rank) for run in wanted}
        problems: "list[str]" = []
        found = read_metrics(self.directory, name, problems, rank)
        for problem in problems:
            warnings.warn("left out: " + problem, stacklevel=2)
        if populate:
            return {key: self._populated(value) for key, value in found.items()}
        return found

    def _descendants(self) -> "Iterable[Any]":
        raise NotImplementedError

    def _log_json(self, kind: str, name: str, value: "Any", description: str) -> None:
        if not name:
            values.refuse_name(name)
        assert kind in ARTIFACTS
        if isinstance(value, str):
            try:
                json.loads(value)
            except ValueError as error:
                raise UserErrorException("{} {!r} is not JSON: {}".format(kind, name, error), error)
            text = value
        else:
            try:
                text = json.dumps(value, default=_plain_array)
            except TypeError as error:
                raise UserErrorException(
                    "{} {!r} cannot be written as JSON: {}".format(kind, name, error), error
                )
        import io

        stored = self._store_free(name, lambda: io.BytesIO(text.encode("utf-8")))
        self._write_metric().other(kind, name, stored, description)

    def _plot(self, name: str, plot: "Any") -> str:
        if not hasattr(plot, "savefig"):
            raise UserErrorException(
                "metric {!r}: plot needs a savefig method and a {} has none; "
                "pass matplotlib.pyplot or a figure".format(name, type(plot).__name__)
            )
        import io

        image = io.BytesIO()
        plot.savefig(image, format="png")
        content = image.getvalue()
        wanted = "{}_{}.png".format(name, int(time.time()))
        return self._store_free(wanted, lambda: io.BytesIO(content))

    def _image_file(self, name: str, path: str) -> str:
        from runyard.job import images

        path = os.fspath(path)
        if not os.path.isfile(path):
            raise UserErrorException(
                "metric {!r}: {!r} {}".format(
                    name, path, "is a folder" if os.path.isdir(path) else "does not exist"
                )
            )
        if images.kind_of(path) is None:
            raise UserErrorException(
                "metric {!r}: {!r} is not an image file ({} are known)".format(
                    name, path, ", ".join(images.KINDS)
                )
            )
        relative = os.path.normpath(path)
        inside = not os.path.isabs(path) and not relative.startswith("..")
        wanted = relative if inside else os.path.basename(path)
        known = files.path_of(self.directory, wanted)
        if os.path.exists(known) and os.path.samefile(known, path):
            return wanted  # ./outputs and ./logs are the run's own already
        return self._store_free(wanted, lambda: open(path, "rb"))

    def _store_free(self, wanted: str, opened: "Callable[[], BinaryIO]") -> str:
        """Store under the wanted name or the first free one like it; any text will do."""
        name = "/".join(_safe(part) for part in wanted.split("/") if part) or "_"
        stem, suffix = os.path.splitext(name)
        count = 1
        while True:
            if not os.path.lexists(files.path_of(self.directory, name)):
                try:
                    with opened() as stream:
                        return files.store(self.directory, name, stream)
                except UserErrorException:
                    # Another process of the run may have taken the name in the meantime.
                    if not os.path.lexists(files.path_of(self.directory, name)):
                        raise
            count += 1
            name = "{}_{}{}".format(stem, count, suffix)

    def _populated(self, value: "Any") -> "Any":
        prefix = URI.format(self.id, "")
        if isinstance(value, list):
            return [self._populated(item) for item in value]
        if not isinstance(value, str) or not value.startswith(prefix):
            return value
        path = files.source_of(self.directory, value[len(prefix) :])
        with regular.open_to_read(path, regular.LIMIT_BYTES) as stream:
            content = stream.read()
        try:
            return json.loads(content.decode("utf-8"))
        except ValueError:
            return content


def _safe(part: str) -> str:
    """A part of a metric's name as a part of a file name: at most 100 characters, none odd."""
    clean = "".join(c if c.isprintable() and c != "\\" else "_" for c in part)[:100]
    return clean if clean.strip(".") else "_"


def _plain_array(value: "Any") -> "Any":
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError("a {} is not JSON".format(type(value).__name__))
