import pytest

from runyard.runner import logtail

PLAIN = """before
Traceback (most recent call last):
  File "/w/train.py", line 3, in <module>
    main()
  File "/w/lib/model.py", line 14, in fit
    raise ValueError("bad rate: -1")
ValueError: bad rate: -1
"""

CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in f
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in g
    h()
    ~^^
my.pkg.CustomError: two
lines
"""

SYNTAX = """  File "/w/train.py", line 2
    def f(:
          ^
SyntaxError: invalid syntax
"""


def test_last_traceback_has_type_message_and_innermost_location() -> None:
    found = logtail.last_traceback(PLAIN)
    assert found is not None
    assert (found["type"], found["message"]) == ("ValueError", "bad rate: -1")
    assert found["location"] == {"file": "/w/lib/model.py", "line": 14, "function": "fit"}
    assert found["traceback"].startswith("Traceback (most recent call last):")


def test_of_chained_exceptions_the_last_counts_and_messages_may_span_lines() -> None:
    found = logtail.last_traceback(CHAINED)
    assert found is not None
    assert (found["type"], found["message"]) == ("my.pkg.CustomError", "two\nlines")


@pytest.mark.parametrize(
    "after", ["", "[W1 ProcessGroup.cpp:1] destroy it\n", "more\n[rank0]: x\n"]
)
def test_what_torch_puts_before_every_line_is_left_out(after: str) -> None:
    """torch.distributed prints '[rank1]: ' before each line of a traceback."""
    ranked = "".join(f"[rank12]: {line}".rstrip() + "\n" for line in CHAINED.splitlines())
    found = logtail.last_traceback(f"{PLAIN}step 1\n{ranked}{after}")
    assert found is not None
    assert (found["type"], found["message"]) == ("my.pkg.CustomError", "two\nlines")
    assert found["location"] == {"file": "b.py", "line": 2, "function": "g"}
    assert "[rank" not in found["traceback"]
    # The last one counts.
    found = logtail.last_traceback(ranked + PLAIN)
    assert found is not None
    assert found["type"] == "ValueError"


def test_a_syntax_error_needs_no_head_line() -> None:
    found = logtail.last_traceback(SYNTAX)
    assert found is not None
    assert found["type"] == "SyntaxError"
    assert found["location"] == {"file": "/w/train.py", "line": 2, "function": ""}


def test_no_traceback_no_error() -> None:
    assert logtail.last_traceback("epoch 1\nloss: 0.3\n") is None
    assert logtail.last_traceback("") is None


def test_last_lines_are_few_and_short() -> None:
    lines = logtail.last_lines("\n".join(["x" * 9000] * 100))
    assert len(lines) == 30
    assert {len(line) for line in lines} == {500}


def test_the_place_is_in_the_users_own_code_where_there_is_some() -> None:
    text = """Traceback (most recent call last):
  File "/w/train.py", line 3, in <module>
    fit()
  File "/env/lib/numpy/core.py", line 900, in check
    raise ValueError("bad")
ValueError: bad
"""
    found = logtail.last_traceback(text, "/w")
    assert found is not None
    assert found["location"] == {"file": "/w/train.py", "line": 3, "function": "<module>"}
    elsewhere = logtail.last_traceback(text, "/other")
    assert elsewhere is not None
    assert elsewhere["location"]["line"] == 900


def test_an_indented_traceback_is_read_too() -> None:
    found = logtail.last_traceback("".join(f"    {line}\n" for line in PLAIN.splitlines()))
    assert found is not None
    assert found["type"] == "ValueError"


def test_of_a_progress_bar_the_last_state_counts() -> None:
    assert logtail.last_lines("start\n 10%\r 20%\r 30%\r\ndone\n") == ["start", " 30%", "done"]
