"""What file and tabular datasets share (spec 15.3): their record, and selecting a part."""

import os

from runyard import _names
from runyard.errors import UserErrorException
from runyard.job.datasets import arguments, definition, service_client
from runyard.job.datasets.partitions import PartitionFormat
from runyard.record import datasets as registry
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union

    Self = TypeVar("Self", bound="AbstractDataset")


class AbstractDataset:
    """Base of ``FileDataset`` and ``TabularDataset``; immutable but for its tags and description.

    Made by ``Dataset.File`` and ``Dataset.Tabular``, or taken from a workspace. Nothing is read
    before it is asked for.
    """

    def __init__(
        self,
        content: "Dict[str, Any]",
        directory: "Optional[WorkspaceDirectory]",
        record: "Optional[Dict[str, Any]]" = None,
        staged: "Optional[Dict[str, Any]]" = None,
    ) -> None:
        self._definition = content
        self._directory = directory
        self._record = record
        self._staged = staged
        """What the runner has brought here: see `runyard.job.datasets.opened`."""

    @staticmethod
    def _of(
        directory: "Optional[WorkspaceDirectory]",
        content: "Dict[str, Any]",
        *,
        id: "Optional[str]" = None,
        name: "Optional[str]" = None,
        version: "Optional[int]" = None,
        staged: "Optional[Dict[str, Any]]" = None,
    ) -> "Any":
        """The object of the right class."""
        from runyard.job.datasets.file import FileDataset
        from runyard.job.datasets.tabular import TabularDataset

        kind = TabularDataset if content["type"] == definition.TABULAR else FileDataset
        head = {"id": id, "name": name, "version": version}
        record = head if id else None
        return kind(definition.checked(content), directory, record, staged)

    @staticmethod
    def _registered(directory: WorkspaceDirectory, record: "Dict[str, Any]") -> "Any":
        """The object of a record of the registry."""
        made = AbstractDataset._of(directory, record["definition"])
        made._record = record
        return made

    @property
    def id(self) -> str:
        """Its id; one that is not registered has that of its definition."""
        if self._record is not None:
            return str(self._record["id"])
        return definition.id_of(self._definition)

    @property
    def name(self) -> "Optional[str]":
        """The name it is registered under, or None."""
        return self._of_record("name")  # type: ignore[no-any-return]

    @property
    def version(self) -> "Optional[int]":
        """Its registered version, or None."""
        return self._of_record("version")  # type: ignore[no-any-return]

    @property
    def description(self) -> "Optional[str]":
        """What it was registered with, or None."""
        return self._of_record("description")  # type: ignore[no-any-return]

    @property
    def tags(self) -> "Dict[str, str]":
        """Its tags, a copy."""
        return dict(self._of_record("tags") or {})

    @property
    def data_changed_time(self) -> "Any":
        """When its newest file changed, a datetime in UTC; None where its storage does not say."""
        import datetime

        found = self._asked("changed", definition=self._definition)
        if found is None:
            return None
        return datetime.datetime.fromtimestamp(found, datetime.timezone.utc)

    @property
    def partition_keys(self) -> "List[str]":
        """The columns of its partition format."""
        parsed = self._partition()
        return list(parsed.columns) if parsed else []

    def _partition(self) -> "Optional[PartitionFormat]":
        text = self._definition.get("partition_format")
        return PartitionFormat(text) if text else None

    def _of_record(self, key: str) -> "Any":
        if self._record is None:
            return None
        return self._record[key] if key in self._record else self._full_record().get(key)

    def _full_record(self) -> "Dict[str, Any]":
        """The record; an input of a run comes with its head alone."""
        record = self._record or {}
        if "tags" not in record and self._directory and record.get("name"):
            self._record = registry.find(self._directory, record["name"], record["version"])
        return self._record or {}

    # registration -----------------------------------------------------------------------------

    def register(  # noqa: PLR0917
        self: "Self",
        workspace: "Any",
        name: str,
        description: "Optional[str]" = None,
        tags: "Optional[Dict[str, str]]" = None,
        create_new_version: bool = False,
    ) -> "Self":
        """Keep the definition in a workspace under a name; no data is copied.

        ``tags``: text by name. Returns the registered dataset. Raises UserErrorException for an
        invalid name, one that is taken unless ``create_new_version``, or data on a datastore of
        another workspace.
        """
        directory = arguments.workspace_of(workspace)
        self._check_home(directory)
        record = registry.add(
            directory,
            name,
            self._definition,
            description=description,
            tags=arguments.checked_tags(tags),
            create_new_version=bool(create_new_version),
        )
        return self._registered(directory, record)  # type: ignore[no-any-return]

    def _check_home(self, directory: WorkspaceDirectory) -> None:
        own = self._directory
        used = [source["datastore"] for source in self._sources() if "datastore" in source]
        if (
            used
            and own is not None
            and os.path.realpath(own.path) != os.path.realpath(directory.path)
        ):
            raise UserErrorException(
                "the dataset has data on the datastore {!r} of the workspace {!r}, and is to be "
                "registered in {!r}; make it of a datastore of that one".format(
                    used[0], own.path, directory.path
                )
            )

    def _sources(self) -> "List[Dict[str, Any]]":
        return list(self._definition["sources"])

    def update(
        self: "Self",
        description: "Optional[str]" = None,
        tags: "Optional[Dict[str, str]]" = None,
    ) -> "Self":
        """Change the description, the tags or both of the registered version; returns self.

        Raises UserErrorException for a dataset that is not registered.
        """
        changed: "Dict[str, Any]" = {}
        if description is not None:
            changed["description"] = description
        if tags is not None:
            changed["tags"] = arguments.checked_tags(tags)
        return self._edit(lambda _: changed)

    def add_tags(self: "Self", tags: "Optional[Dict[str, str]]" = None) -> "Self":
        """Add tags to the registered version, or change them; returns self."""
        new = arguments.checked_tags(tags) or {}
        return self._edit(lambda record: {"tags": dict(record["tags"], **new)})

    def remove_tags(self: "Self", tags: "Optional[List[str]]" = None) -> "Self":
        """Remove tags of the registered version by their names; returns self."""
        gone = {str(tag) for tag in tags or ()}
        return self._edit(
            lambda record: {"tags": {k: v for k, v in record["tags"].items() if k not in gone}}
        )

    def _edit(self: "Self", change: "Callable[[Dict[str, Any]], Dict[str, Any]]") -> "Self":
        directory, record = self._home()
        self._record = registry.edit(directory, record, change)
        return self

    def unregister_all_versions(self) -> None:
        """Forget its name and all versions; the data stays."""
        directory, record = self._home()
        registry.unregister(directory, record["name"])
        self._record = None

    def _home(self) -> "Tuple[WorkspaceDirectory, Dict[str, Any]]":
        if self._directory is None or self._record is None or not self._record.get("name"):
            raise UserErrorException(
                "the dataset is not registered; register it first: "
                "dataset = dataset.register(workspace, 'name')"
            )
        return self._directory, self._full_record()

    # finding ----------------------------------------------------------------------------------

    @staticmethod
    def get_by_name(
        workspace: "Any", name: str, version: "Union[int, str]" = "latest", **kwargs: "Any"
    ) -> "Any":
        """A registered dataset. Raises UserErrorException when there is none."""
        from runyard.job.datasets import of_run

        found = of_run.by_name(name, version)
        if found is not None:
            return found
        directory = arguments.workspace_of(workspace)
        return AbstractDataset._registered(directory, registry.find(directory, name, version))

    @staticmethod
    def get_by_id(workspace: "Any", id: str, **kwargs: "Any") -> "Any":
        """A registered dataset, or an input of the run this is called in, by its id."""
        from runyard.job.datasets import of_run

        found = of_run.by_id(id)
        if found is not None:
            return found
        directory = arguments.workspace_of(workspace)
        return AbstractDataset._registered(directory, registry.find_id(directory, id))

    @staticmethod
    def get_all(workspace: "Any") -> "Dict[str, Any]":
        """The latest version of every registered dataset, by name."""
        directory = arguments.workspace_of(workspace)
        return {
            record["name"]: AbstractDataset._registered(directory, record)
            for record in registry.listed(directory)
        }

    # inputs of runs ---------------------------------------------------------------------------

    def as_named_input(self, name: str) -> "Any":
        """The dataset as an input of a run, under a name; see DatasetConsumptionConfig."""
        return _names.load("runyard.data.consumption:DatasetConsumptionConfig")(name, self)

    # parts ------------------------------------------------------------------------------------

    def skip(self: "Self", count: int) -> "Self":
        """Without its first files or rows."""
        return self._stepped("skip", count=arguments.checked_count(count))

    def take(self: "Self", count: int) -> "Self":
        """Its first files or rows alone."""
        return self._stepped("take", count=arguments.checked_count(count))

    def take_sample(self: "Self", probability: float, seed: "Optional[int]" = None) -> "Self":
        """Each file or row with a probability (0 to 1); the same ones for the same seed."""
        share = arguments.checked_share("probability", probability)
        return self._stepped("sample", probability=share, seed=arguments.checked_seed(seed))

    def random_split(
        self: "Self", percentage: float, seed: "Optional[int]" = None
    ) -> "Tuple[Self, Self]":
        """Two datasets: about that share (0 to 1) of the files or rows, and all others."""
        options = {
            "percentage": arguments.checked_share("percentage", percentage),
            "seed": arguments.checked_seed(seed),
        }
        return self._stepped("split", part=0, **options), self._stepped("split", part=1, **options)

    def _stepped(self: "Self", step: str, **options: "Any") -> "Self":
        return self._with(definition.with_step(self._definition, step, **options))

    def _with(self: "Self", content: "Dict[str, Any]") -> "Self":
        return type(self)(content, self._directory, None, self._staged)

    def get_partition_key_values(
        self, partition_keys: "Optional[List[str]]" = None
    ) -> "List[Dict[str, Any]]":
        """The values that its partition columns have together, each combination once.

        ``partition_keys``: of some of them only. Raises UserErrorException for a name that is none.
        """
        parsed = self._partition()
        known = parsed.columns if parsed else []
        wanted = list(known if partition_keys is None else partition_keys)
        strange = [key for key in wanted if key not in known]
        if strange or parsed is None:
            raise UserErrorException(
                "partition_keys={!r}: the dataset has the partition keys {}; they are the columns "
                "of its partition_format".format(wanted, ", ".join(known) or "none")
            )
        seen: "Dict[Tuple[str, ...], Dict[str, Any]]" = {}
        for file in self._files():
            key = tuple(file["values"][name] for name in wanted)
            seen.setdefault(key, parsed.typed(dict(zip(wanted, key))))
        return [seen[key] for key in sorted(seen)]

    # files ------------------------------------------------------------------------------------

    def _files(self) -> "List[Dict[str, Any]]":
        """Its files: ``path`` (below the input), ``size_bytes``, ``values``, and where it lies.

        ``local`` is its path on this machine, None while it is only in its store.
        """
        from runyard.job.datasets import staged

        if self._staged is not None:
            return staged.files(self._staged)
        return self._asked("files", definition=self._definition)  # type: ignore[no-any-return]

    def _asked(self, name: str, **options: "Any") -> "Any":
        """What the stores answer, see `service_client`."""
        return service_client.call(name, self._directory, **options)

    def _localized(self, files: "List[Dict[str, Any]]") -> "List[str]":
        """The paths of files on this machine, brought here where need be."""
        missing = [file for file in files if not file.get("local")]
        if missing:
            places = self._asked("fetch", files=missing)
            for file, place in zip(missing, places):
                file["local"] = place
        return [file["local"] for file in files]

    def __repr__(self) -> str:
        head = [
            "{}={!r}".format(key, value)
            for key, value in (("name", self.name), ("version", self.version), ("id", self.id))
            if value is not None
        ]
        where = [source.get("url") or _place(source) for source in self._sources()]
        return "{}({}, source=[{}])".format(
            type(self).__name__, ", ".join(head), ", ".join(map(repr, where))
        )


def _place(source: "Dict[str, Any]") -> "Tuple[str, str]":
    return source["datastore"], source.get("path") or source.get("query") or ""
