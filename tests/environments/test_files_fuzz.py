"""Conda and requirements files: what is written comes back, and any other text is an error that
says what is wrong with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runyard.environments import requirement_lines
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import UserErrorException

TEXT = st.text(min_size=1, max_size=12).filter(str.strip)
PACKAGES = st.lists(TEXT, max_size=4)
DICTS = st.fixed_dictionaries(
    {
        "channels": PACKAGES,
        "dependencies": st.tuples(PACKAGES, PACKAGES).map(
            lambda both: [*both[0], {"pip": list(both[1])}]
        ),
    },
    optional={
        "name": TEXT,
        "prefix": TEXT,
        "variables": st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.booleans())),
    },
)


@given(DICTS)
@example({"channels": [], "dependencies": ["python=3.10", {"pip": ["a #b", "- c", "no", "1e3"]}]})
@example({"channels": [], "dependencies": ["\x85a", "\ufeff", "\ud800", {"pip": []}]})
def test_a_specification_is_read_as_it_was_written(content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = CondaDependencies(_underlying_structure=content)
        path = made.save(Path(folder, "conda.yml"))
        read = CondaDependencies(path)
        assert read.as_dict() == content
        assert [*read.pip_packages, *read.pip_options] == [*made.pip_packages, *made.pip_options]


YAML = st.lists(
    st.sampled_from(
        [
            *("name", "channels", "dependencies", "prefix", "variables", "pip", "python=3.8"),
            *(": ", ":\n", "\n", "\n  ", "- ", "\n- ", "\n  - ", "? ", "{", "}", "[", "]", ", "),
            *("&a ", "*a", "<<", "!!set ", "!!omap ", "!!python/name:os.system ", "!!binary "),
            *("!!timestamp ", "2001-99-99", "0o9", "1_0", "=", "~", "null", "|\n", ">", "'", '"'),
            *(
                "%YAML 9.9\n---\n",
                "---\n",
                "...\n",
                "#",
                "\t",
                "\x00",
                "\ufeff",
                "é",
                "!!int ",
                ".",
            ),
        ]
    ),
    max_size=14,
).map("".join)


@given(st.one_of(YAML.map(str.encode), st.binary(max_size=60)))
@example(b"dependencies: [2001-99-99]")
@example(b"dependencies: [{pip: [a], pip: [b, c]}]")
@example(b"? {a: b}\n: c")
@example(b"&a [*a]")
@example(b"dependencies: &a [{pip: *a}]")
@example(b"[" * 5_000)
@example(b"dependencies: !!int x")
@example(b"channels: !!set {a}")
@example(b"!!map [a]")
@example(b"<<: {channels: [a]}")
@example(b"<<: {channels: [a]}\ndependencies: []")
@example(b"channels:\n<<: {dependencies: [a]}")
@example(b"dependencies:\n- <<: {pip: [a]}")
@example(b"dependencies:\n- {}")
@example(b"\xff")
@example(b"- !!python/object/apply:os.system [x]")
def test_any_other_file_is_an_error_that_names_it(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "conda.yml")
        path.write_bytes(content)
        try:
            read = CondaDependencies(path)
        except UserErrorException as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert all(isinstance(item, (str, dict)) for item in read.as_dict()["dependencies"])
            assert all(isinstance(item, str) for item in read.pip_lines)


WORDS = st.sampled_from(
    [
        *("numpy", "a-b", "A.B", "==1.0", ">=1,<2", "~=1", "===x", " ", "[extra]", "; ", "\\\n"),
        *("python_version<'3'", "os_name", "@ ", "-e ", "-r ", "-c ", "--hash=sha256:0", "#", "é"),
        *("https://", "git+https://", "host/x.whl", "u:p@", "[::", "]", "file:", "//", "~nobody/"),
        *("./", "../", "x.whl", "/tmp", "\x00", "--", "--pre", "--index-url ", "=", "-i", "${A}"),
        *("a" * 300, "%00", "%zz", "\u2028", "'", '"', "--find-links ", "*", "!=", "(", ")"),
    ]
)
LINE = st.lists(WORDS, min_size=1, max_size=6).map("".join)


@given(st.lists(LINE, min_size=1, max_size=3))
@example(["https://[::/x.whl"])
@example(["-e \x00"])
@example(["-r " + "a" * 300])
@example(["./~nobody/x", "~nobody/x", "-f ~nobody/x"])
@example(["a @ file:%00"])
@example(["--index-url https://u:p@[::/"])
def test_requirement_lines_are_read_or_named(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("\n".join(lines))
        for given_lines in (lines, ["-r requirements.txt"]):
            try:
                found = requirement_lines.read(given_lines, {}, Path(folder))
            except UserErrorException as error:
                assert "cannot be used" in str(error)  # noqa: PT017
            else:
                assert all(isinstance(text, str) and text for text in found.requirements)


@pytest.mark.parametrize("content", [b"numpy\n\xff\xfe\n", "numpy\n".encode("utf-16")])
def test_a_requirements_file_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.txt").write_bytes(content)
    with pytest.raises(UserErrorException, match=r"r\.txt.*is not UTF-8 text"):
        requirement_lines.read(["-r r.txt"], {}, tmp_path)
    with pytest.raises(UserErrorException, match=r"r\.txt.*is not UTF-8 text"):
        CondaDependencies().read_pip_requirements(tmp_path / "r.txt")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("dependencies: [a]\nname: x\ndependencies: [b, c]\n", "line 3: the key 'dependencies'"),
        ("dependencies:\n- pip: [a]\n  pip: [b, c]\n", "line 3: the key 'pip'"),
    ],
)
def test_a_key_twice_is_refused(tmp_path: Path, content: str, line: str) -> None:
    """YAML takes the last: packages of the first list would be missing without a word."""
    (tmp_path / "conda.yml").write_text(content)
    with pytest.raises(UserErrorException, match=f"{line} is there a second time"):
        CondaDependencies(tmp_path / "conda.yml")
