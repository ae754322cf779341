"""What is listed where SDK v1 lists datasets: nothing, and a sentence for who asks for one."""

from runyard import _stand_ins
from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, NoReturn

    _Base = Dict[str, Any]
else:
    _Base = dict

_NO_DEFAULT = object()


class NoDatasets(_Base):
    """An empty dict whose lookups say that datasets come later (spec 10).

    ``in``, ``len`` and loops find nothing, as in a workspace that has none. ``[name]`` and
    ``get(name)`` raise UserErrorException; ``get(name, default)`` gives the default.
    """

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, name: object) -> "NoReturn":
        raise UserErrorException(
            "{}: there is no dataset {!r}: {}".format(
                self._place, name, _stand_ins.SUBJECTS["datasets"]
            )
        )

    def get(self, name: "Any", default: "Any" = _NO_DEFAULT) -> "Any":
        """The default. Raises UserErrorException when none is given."""
        return self[name] if default is _NO_DEFAULT else default

    def __reduce__(self) -> "Any":
        """A copy is one of the same place."""
        return NoDatasets, (self._place,)
