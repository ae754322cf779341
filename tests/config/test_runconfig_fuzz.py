"""``.runconfig`` files: any configuration comes back, and any other text is an error."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from runyard.config.data_sections import DataReferenceConfiguration
from runyard.config.run_configuration import RunConfiguration
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import RunyardError

# What YAML reads as something else when it is not quoted, beside any text there is.
ODD = st.sampled_from(
    [
        *("", "no", "1e3", "0o7", "1_0", "~", "null", "- a", "a: b", "#", "=", "<<", "2001-01-01"),
        *(
            "a\n",
            "\n",
            "  a\nb",
            "a\r\nb",
            "\t",
            "é\x85\u2028",
            "\ufeff",
            "---",
            "|",
            "&a",
            "*a",
            "!b",
        ),
    ]
)
TEXT = st.one_of(ODD, st.text(max_size=12))
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False))
VALUES = st.one_of(TEXT, NUMBER, st.booleans())
NAMED = st.dictionaries(st.text(min_size=1, max_size=8), TEXT, max_size=3)


@st.composite
def configurations(draw: st.DrawFn) -> RunConfiguration:
    made = RunConfiguration(draw(TEXT), draw(st.lists(VALUES, max_size=4)))
    made.command = draw(st.one_of(TEXT, st.lists(TEXT, max_size=3)))
    made.target = draw(TEXT)
    made.max_run_duration_seconds = draw(st.one_of(st.none(), NUMBER))
    made.node_count = draw(st.integers(0, 9))
    made.environment_variables = draw(NAMED)
    made.history.directories_to_watch = draw(st.lists(TEXT, max_size=3))
    made.docker.arguments = draw(st.lists(TEXT, max_size=3))
    made.docker.shm_size = draw(st.one_of(st.none(), TEXT))
    made.data_references = {
        name: DataReferenceConfiguration(draw(TEXT), "mount", draw(TEXT))
        for name in draw(st.lists(TEXT, max_size=2))
    }
    environment = made.environment
    environment.name = draw(TEXT)
    environment.environment_variables = draw(NAMED)
    environment.docker.base_dockerfile = draw(st.one_of(st.none(), TEXT.map("FROM a\n".__add__)))
    packages = draw(st.lists(TEXT.filter(str.strip), max_size=3))
    environment.python.conda_dependencies = CondaDependencies(
        _underlying_structure={"channels": [], "dependencies": [{"pip": packages}]}
    )
    return made


@given(configurations(), st.booleans())
def test_a_configuration_is_read_as_it_was_written(made: RunConfiguration, apart: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made.save(folder, "x", separate_environment_yaml=apart)
        assert RunConfiguration.load(folder, "x").to_dict() == made.to_dict()


KEYS = (
    *("script", "arguments", "command", "target", "environment", "docker", "data", "outputData"),
    *("dataReferences", "environmentVariables", "nodeCount", "python", "condaDependencies"),
    *("condaDependenciesFile", "spark", "packages", "ArgumentVector", "amlcompute", "mpi", "r"),
)
ANY = st.recursive(
    st.one_of(st.none(), VALUES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), VALUES), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(
    st.one_of(st.dictionaries(st.sampled_from(KEYS), ANY, max_size=4), ANY, st.binary(max_size=40))
)
@example({"environment": "../../x\0"})
@example({"environment": {"python": {"condaDependenciesFile": 1}}})
@example({"dataReferences": {"a": 1}})
@example({1: 2})
@example(b"!!int x")
@example(b"&a [*a]")
@example(b"environment: &a {python: *a}")
def test_any_other_file_is_an_error_that_names_it(content: Any) -> None:
    import yaml

    text = content if isinstance(content, bytes) else yaml.safe_dump(content).encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.runconfig")
        file.write_bytes(text)
        try:
            RunConfiguration.load(file)
        except RunyardError as error:
            assert folder in str(error)  # noqa: PT017
