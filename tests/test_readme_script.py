import subprocess
from pathlib import Path

import pytest

from scripts.readme import (
    REPO,
    Block,
    Command,
    blocks,
    commands,
    is_for_the_reader,
    main,
    make_targets,
    script,
)

PAGE = """\
# Title

```console
$ runyard --version
runyard 1.2.3
```

1. In a list:

   ```python run
   if True:
       print("$ not a command")
   ```

````text
```console
$ nested, not a block
```
````

```console needs=sbatch,srun
$ sinfo
```
"""


def test_blocks_have_place_language_tags_and_unindented_lines() -> None:
    first, second, third, fourth = blocks("README.md", PAGE)
    assert (first.place, first.language, first.tags) == ("README.md:3", "console", ())
    assert first.lines == ("$ runyard --version", "runyard 1.2.3")
    assert (second.language, second.tags) == ("python", ("run",))
    assert second.lines == ("if True:", '    print("$ not a command")')
    assert third.language == "text"
    assert "$ nested, not a block" in third.lines
    assert fourth.needs == ["sbatch", "srun"]


def test_a_block_that_is_never_closed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a\.md:2: this block is never closed$"):
        list(blocks("a.md", "text\n```console\n$ true\n"))


def test_commands_leave_out_output_and_keep_continued_lines() -> None:
    text = """\
$ runyard submit train.py \\
>     --lr 0.1
run_1 Completed
$ cat > train.py <<'EOF'
print("$ inside")
EOF
$ runyard status nothing   # exit 2
no such run"""
    assert commands(tuple(text.splitlines())) == [
        Command("runyard submit train.py \\\n    --lr 0.1"),
        Command("cat > train.py <<'EOF'\nprint(\"$ inside\")\nEOF"),
        Command("runyard status nothing", 2),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make test", True),
        ("make test JOBS=0  # quick", True),
        ("git clone https://example.org/runyard && cd runyard && make setup", True),
        ("pip install runyard", True),
        ("python -m pip install --upgrade runyard", True),
        ("pip install torch", False),
        ("cd examples", False),
        ("make test && runyard list", False),
        ("runyard submit", False),
    ],
)
def test_what_is_only_for_the_reader(text: str, expected: bool) -> None:
    assert is_for_the_reader(text, {"setup", "test"}) is expected


def test_a_make_target_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="the Makefile has no target 'tset'"):
        is_for_the_reader("make tset", {"test"})
    assert {"setup", "test", "check", "help"} <= make_targets()


def run_block(text: str) -> "subprocess.CompletedProcess[str]":
    block = Block("a.md", 1, "console", (), tuple(text.splitlines()))
    return subprocess.run(["bash", "-c", script(block, {"test"})], capture_output=True, text=True)


def test_variables_live_through_a_block_and_commands_are_shown() -> None:
    done = run_block('$ name=$(echo it\\\'s)\n$ echo "[$name]"\nanything')
    assert done.returncode == 0, done.stderr
    assert "[it's]" in done.stdout
    assert "$ name=$(echo it\\'s)\n  [" in done.stdout
    assert " ms]" in done.stdout


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("$ false\n$ echo after", 1),
        ("$ false | true\n$ echo after", 1),
        ("$ echo $undefined_name\n$ echo after", 1),
        ("$ (exit 3)  # exit 3\n$ echo after", 0),
        ("$ (exit 4)  # exit 3\n$ echo after", 1),
        ("$ true  # exit 3\n$ echo after", 1),
    ],
)
def test_each_line_must_end_as_promised(text: str, code: int) -> None:
    done = run_block(text)
    assert (done.returncode, "\nafter" in done.stdout) == (code, code == 0)


def test_what_the_reader_does_is_not_run() -> None:
    done = run_block(
        "$ git clone https://example.org/x\n$ cd x\n$ make test\n$ pip install runyard"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[checked, not run]") == 4


def test_a_failing_page_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text("```console\n$ touch here\n```\n```python run\nopen('here').close()\n```\n")
    bad.write_text("```python run\nraise SystemExit(5)\n```\n```console\n$ echo never\n```\n")
    assert main([str(good), str(bad)]) == 1
    out = capfd.readouterr().out
    assert "FAILED bad.md:1: exit 5\n2 pages, 1 failed" in out
    assert "never" not in out
    assert not (REPO / "here").exists()
