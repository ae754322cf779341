"""``script_params`` become exactly these arguments of the process, whatever is in them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.config.arguments import as_text, from_script_params
from runyard.errors import UserErrorException

ODD = (
    *(
        "$NO_SUCH_NAME",
        "${}",
        "`id`",
        "$(id)",
        "a b",
        "a'b",
        'a"b',
        "\\",
        "\n",
        "*",
        "~",
        "-",
        "--",
    ),
    *(
        ";",
        "&",
        "|",
        "%s",
        "!",
        "#",
        "{}",
        "\t",
        "\x7f",
        "\ufeff",
        "a=b",
        "",
        " ",
        "é",
        "\udcff",
        "$",
    ),
)
TEXT = st.one_of(st.sampled_from(ODD), st.text(max_size=10))
SCALAR = st.one_of(TEXT, st.integers(), st.floats(), st.booleans(), st.none())
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=3), st.tuples(SCALAR, SCALAR))
PARAMS = st.dictionaries(TEXT, VALUE, max_size=5)


def expected(params: dict[str, Any]) -> list[str]:
    """Key, value, key, value …; '' and None are dropped (spec 2.3)."""
    flat: list[Any] = []
    for key, value in params.items():
        flat += [key, *(value if isinstance(value, (list, tuple)) else [value])]
    return [str(item) for item in flat if item is not None and item != ""]


@given(PARAMS)
@example({"--flag": "", "--lr": 0.1, "": [None, ""], "--names": ("a", 1)})
@example({"--a": "\0"})
def test_what_the_process_gets_is_what_was_given(params: dict[str, Any]) -> None:
    wanted = expected(params)
    if any("\0" in text for text in wanted):
        with pytest.raises(UserErrorException, match="a NUL character cannot be passed"):
            as_text(from_script_params(params))
        return
    found = as_text(from_script_params(params))
    assert [*found] == wanted
    printed = subprocess.run(["printf", "--", "%s\\0", *found], capture_output=True, check=True)
    assert printed.stdout == b"".join(os.fsencode(text) + b"\0" for text in wanted or [""])


def test_a_script_has_them_in_its_argv(tmp_path: Path) -> None:
    """Through run.json, the runner and what starts the script, in one run."""
    texts = [*filter(None, ODD), *map(chr, range(1, 256)), "".join(map(chr, range(1, 256)))]
    script = "import json, sys; json.dump(sys.argv[1:], open('outputs/argv.json', 'w'))"
    (tmp_path / "code").mkdir()
    (tmp_path / "code/train.py").write_text(script)
    here = Environment("this-python")
    here.python.user_managed_dependencies = True
    workspace = Workspace.create("demo", path=tmp_path)
    config = ScriptRunConfig(str(tmp_path / "code"), "train.py", texts, environment=here)
    run = Experiment(workspace, "e").submit(config)
    run.wait_for_completion()
    assert json.loads(Path(run.directory.outputs, "argv.json").read_text()) == texts
