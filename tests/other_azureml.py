"""Distributions that have an ``azureml`` of their own, as the real azureml-core has one."""

from pathlib import Path

_SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
FILES = {
    "azureml/__init__.py": _SHARED,
    "azureml/core/__init__.py": "OWNER = 'theirs'\n",
    "azureml/train/__init__.py": _SHARED,
    "azureml/train/special/__init__.py": "OWNER = 'theirs'\n",
    "azureml/dataprep/__init__.py": "OWNER = 'theirs'\n",
}
"""What is in it: ``core`` is ours as well, ``dataprep`` and ``train.special`` are only theirs."""

UNRELATED = {"azureml/__init__.py": "OWNER = 'unrelated'\n"}
"""As the package named ``azureml`` on the index: one that knows of no other."""

SCRIPT = """
import sys
import azureml.core
from azureml.core import Run
assert not hasattr(azureml.core, "OWNER"), azureml.core.__file__
run = Run.get_context()
run.log("python", sys.version_info[1])
"""
"""A training script for whom ours has to win."""

BESIDE = """
import azureml.dataprep, azureml.train.special
from azureml.train.estimator import Estimator
assert azureml.dataprep.OWNER == azureml.train.special.OWNER == "theirs"
run.log("beside", True)
"""
"""More of the script: what only the other has is found too."""


def install(folder: Path, name: str = "azureml-core", files: "dict[str, str]" = FILES) -> None:
    """Lay a distribution into a folder of packages, as pip would."""
    info = f"{name.replace('-', '_')}-1.18.0.dist-info"
    record = "".join(f"{path},,\n" for path in files)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.18.0\n"
    more = {f"{info}/METADATA": metadata, f"{info}/RECORD": record}
    for path, text in {**files, **more}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
