"""Parts of an Environment that runyard keeps and does not use: Spark, R, Databricks (spec 6)."""

from __future__ import annotations

from typing import Any, ClassVar

from runyard.environments.sections import Section


class SparkPackage(Section):
    """A package of Spark: ``group``, ``artifact``, ``version`` (all None)."""

    _names = ("group", "artifact", "version")

    def __init__(
        self, group: str | None = None, artifact: str | None = None, version: str | None = None
    ) -> None:
        self.group = group
        self.artifact = artifact
        self.version = version


class SparkSection(Section):
    """``repositories`` (list, []), ``packages`` (list of SparkPackage, []),
    ``precache_packages`` (True)."""

    _names = ("repositories", "packages", "precache_packages")
    _parts: ClassVar = {"packages": SparkPackage}

    def __init__(self) -> None:
        self.repositories: list[str] = []
        self.packages: list[SparkPackage] = []
        self.precache_packages = True


class RSection(Section):
    """An R installation: ``r_version``, ``user_managed`` (False), ``rscript_path``,
    ``snapshot_date``, and the packages ``cran_packages``, ``github_packages``,
    ``custom_url_packages``, ``bioconductor_packages`` (None)."""

    _names = (
        "r_version",
        "user_managed",
        "rscript_path",
        "snapshot_date",
        "cran_packages",
        "github_packages",
        "custom_url_packages",
        "bioconductor_packages",
    )

    def __init__(self) -> None:
        self.r_version: str | None = None
        self.user_managed = False
        self.rscript_path: str | None = None
        self.snapshot_date: str | None = None
        self.cran_packages: list[Any] | None = None
        self.github_packages: list[Any] | None = None
        self.custom_url_packages: list[Any] | None = None
        self.bioconductor_packages: list[Any] | None = None


class DatabricksSection(Section):
    """Libraries of a Databricks cluster: five lists, all empty."""

    _names = (
        "maven_libraries",
        "pypi_libraries",
        "rcran_libraries",
        "jar_libraries",
        "egg_libraries",
    )

    def __init__(self) -> None:
        self.maven_libraries: list[Any] = []
        self.pypi_libraries: list[Any] = []
        self.rcran_libraries: list[Any] = []
        self.jar_libraries: list[Any] = []
        self.egg_libraries: list[Any] = []
