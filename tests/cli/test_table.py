from __future__ import annotations

import pytest

from runyard.cli import formats
from runyard.cli.table import Column, cut, layout, text_width, wrapped

COLUMNS = (
    Column("run"),
    Column("size", right=True, drop=2),
    Column("name", shrink=True, least=6, drop=1),
)
ROWS = [["first_run", "5", "short"], ["second", "1234", "a rather long name"]]


def test_columns_are_aligned() -> None:
    assert layout(COLUMNS, ROWS, None) == [
        "RUN        SIZE  NAME",
        "first_run     5  short",
        "second     1234  a rather long name",
    ]


@pytest.mark.parametrize("width", range(23, 50))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(text_width(line) <= width for line in layout(COLUMNS, ROWS, width))


def test_long_text_gives_way_first_then_columns_go() -> None:
    assert layout(COLUMNS, ROWS, 26)[2] == "second     1234  a rather…"
    assert layout(COLUMNS, ROWS, 20) == ["RUN        SIZE", "first_run     5", "second     1234"]
    assert layout(COLUMNS, ROWS, 10) == ["RUN", "first_run", "second"]
    assert layout(COLUMNS, ROWS, 4) == ["RUN", "first_run", "second"]


def test_colours_do_not_move_columns() -> None:
    columns = (Column("status", colours={"Failed": "red"}), Column("x"))
    assert layout(columns, [["Failed", "1"]], 80)[1] == "\x1b[31mFailed\x1b[0m  1"
    assert layout(columns, [["Failed", "1"]], None)[1] == "Failed  1"


def test_wide_characters_take_two_columns() -> None:
    assert text_width("日本") == 4
    assert text_width("e\u0301") == 1
    assert cut("日本語", 5) == "日本…"
    assert cut("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "now"), (12.9, "12 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (9e4, "1 d ago")],
)
def test_ages(seconds: float, text: str) -> None:
    assert formats.age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (12.34, "12.3 s"),
        (245, "4 min 05 s"),
        (11220, "3 h 07 min"),
        (187200, "2 d 04 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(2592000.0, "2592000"), (0.1234567, "0.123457"), (1e20, "1e+20"), (float("inf"), "inf")],
)
def test_numbers(value: float, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (999_960, "1.0 MB"), (3e12, "3.0 TB")],
)
def test_sizes(n_bytes: float, text: str) -> None:
    assert formats.size(n_bytes) == text


def test_long_lines_are_broken_where_they_can_be() -> None:
    path = "/home/someone/projects/digits/.runyard/runs/digits/run"
    parts = wrapped(path, 24)
    assert "".join(parts) == path
    assert all(len(part) <= 24 for part in parts)
    assert all(part.endswith("/") for part in parts[:-1])
    assert wrapped("x" * 50, 20) == ["x" * 20, "x" * 20, "x" * 10]
    assert wrapped(path, None) == [path]
    assert wrapped("", 30) == [""]


def test_a_very_long_cell_widens_no_other_line() -> None:
    columns = (Column("name", most=10), Column("x"))
    rows = [["n" * 40, "1"], ["short", "2"]]
    assert layout(columns, rows, None)[1:] == ["n" * 40 + "  1", "short       2"]
    assert layout(columns, rows, 80)[1] == "n" * 9 + "…  1"


def test_titles_of_the_user_are_left_as_they_are() -> None:
    assert layout([Column("aUc", verbatim=True)], [["1"]], None)[0] == "aUc"
