"""Names of SDK v1 that cannot be used here: importable, and a sentence as soon as they are used.

Notebooks import in their first cell what they need in their last; the part between is to work.
Modules of which nothing is here say it when they are imported. Standard library only, Python 3.6
and later.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, NoReturn, Tuple, Type

SUBJECTS = {
    "automl": "AutoML is not part of runyard; it runs the training scripts you write",
    "azure": "it belongs to the cloud service of Azure, which runyard does without",
    "databricks": "Databricks is not part of runyard; it runs on machines of your own",
    "dataprep": "the data preparation engine is not part of runyard; pandas or pyarrow read files",
    "datasets": "it belongs to the first datasets of SDK v1, to Spark or to pipelines; runyard has "
    "Dataset.File, Dataset.Tabular and OutputFileDatasetConfig",
    "deployment": "deployment is not part of runyard; Model.download and runyard models give the "
    "files of a model to whatever serves it",
    "explanation": "model explanation is not part of runyard; the packages interpret-community "
    "and shap do it without Azure",
    "monitoring": "data drift monitors belong to the cloud service of Azure, which runyard does "
    "without",
    "opendatasets": "the open datasets of Azure are not part of runyard; download what a script "
    "needs and name its folder",
    "tensorboard": "the TensorBoard plug-in of Azure is not part of runyard; tensorboard --logdir "
    "reads the logs of a run where they lie",
    "hyperdrive": "parameter sweeps are a later part of runyard; until then a loop of "
    "experiment.submit runs one script with many values",
    "mlflow": "the MLflow plug-in of Azure is not part of runyard; the package mlflow works in a "
    "run with a tracking URI of your own",
    "pipelines": "pipelines are not part of runyard; submit their steps as runs, one after the "
    "other",
    "preview": "the preview packages azureml-contrib-* are not part of runyard",
}
"""Why a name is not here and what to do instead, by subject."""


class NotInRunyardError(ImportError):
    """A name of SDK v1 that runyard has not got; ``name`` is the module or the name."""


def sentence(name: str, subject: str) -> str:
    """One sentence about a name: what is not here, and what to do instead."""
    return "{} is not here: {}.".format(name, SUBJECTS[subject])


def refuse(module: str, subject: str) -> "NoReturn":
    """End the import of a module of which nothing is here."""
    raise NotInRunyardError(sentence(module, subject), name=module)


def stand_in(name: str, message: str, kind: "Type[ImportError]" = NotInRunyardError) -> "Any":
    """What is imported in place of ``name``: using it raises ``kind`` with the message."""
    return _StandIn(name, (), {"__doc__": message, "_error": (kind, message)})


class _StandIn(type):
    """A class that can be imported, named in annotations and in isinstance, and not used."""

    def __new__(mcs, name: str, bases: "Tuple[Any, ...]", content: "Dict[str, Any]") -> "Any":
        for base in bases:
            raise _error(base)
        return super().__new__(mcs, name, bases, content)

    def __call__(cls, *args: "Any", **kwargs: "Any") -> "Any":
        raise _error(cls)

    def __getattr__(cls, name: str) -> "Any":
        if name.startswith("_"):  # what documentation tools and copies look for
            raise AttributeError(name)
        raise _error(cls)

    def __repr__(cls) -> str:
        return "<{}: {}>".format(cls.__name__, cls.__doc__)


def _error(cls: "Any") -> ImportError:
    kind, message = type.__getattribute__(cls, "_error")
    return kind(message, name=cls.__name__)  # type: ignore[no-any-return]


def of(module: str, name: str, subject: str) -> "Any":
    """The stand-in for a name of a module."""
    return stand_in(name, sentence("{}.{}".format(module, name), subject))
