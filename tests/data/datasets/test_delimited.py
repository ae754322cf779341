"""Delimited text: what a value is, and that pandas alone and pyarrow give the same."""

from __future__ import annotations

import csv
import datetime
import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runyard.data.datastore import Datastore
from runyard.errors import UserErrorException
from runyard.job.datasets.api import Dataset
from runyard.job.datasets.reading import delimited, delimited_pyarrow, packages
from runyard.job.datasets.types import DatasetExecutionError, DataType, PromoteHeadersBehavior

Read = Callable[..., Any]


@pytest.fixture(params=["pyarrow", "pandas"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two reads; that the first really does is seen from its being called."""
    if request.param == "pandas":
        monkeypatch.setattr(packages, "pyarrow", lambda: None)
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    return tmp_path / "tables"


@pytest.fixture
def dataset(folder: Path, workspace: Any) -> Read:
    """A dataset of files given by their text: a.csv, b.csv, …"""
    store = Datastore.register(workspace, "tables", folder)

    def make(*texts: str | bytes, steps: Callable[[Any], Any] | None = None, **options: Any) -> Any:
        for letter, text in zip("abcdefg", texts, strict=False):
            content = text if isinstance(text, bytes) else text.encode()
            (folder / f"{letter}.csv").write_bytes(content)
        made = Dataset.Tabular.from_delimited_files((store, "*.csv"), **options)
        return made if steps is None else steps(made)

    return make


@pytest.fixture
def read(dataset: Read, engine: str) -> Read:
    def call(*texts: str | bytes, **options: Any) -> Any:
        return dataset(*texts, **options).to_pandas_dataframe()

    return call


def rows(frame: Any) -> list[Any]:
    """Lists of plain values; None for what is missing."""
    objects = frame.astype(object).where(frame.notnull(), None)
    return [list(row) for row in objects.itertuples(index=False)]


def kinds(frame: Any) -> dict[str, str]:
    """'str' of pandas 3 and 'object' of text before it are one."""
    named = {name: str(frame[name].dtype) for name in frame.columns}
    return {name: "text" if kind in ("str", "object") else kind for name, kind in named.items()}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-2", "003"], "int64", [1, -2, 3]),
        (["1", "", "3"], "float64", [1.0, None, 3.0]),
        (["1", "2.5"], "float64", [1.0, 2.5]),
        (["1e3", "-.5"], "float64", [1000.0, -0.5]),
        (["1.5", "nan", "inf", "-inf"], "float64", [1.5, None, float("inf"), -float("inf")]),
        (["9223372036854775807"], "int64", [9223372036854775807]),
        (["9223372036854775808", "1"], "float64", [9.223372036854775808e18, 1.0]),
        (["true", "False"], "bool", [True, False]),
        (["TRUE", "", "FALSE"], "text", [True, None, False]),
        (["true", "1"], "text", ["true", "1"]),
        (["1", "x"], "text", ["1", "x"]),
        (["01", "x"], "text", ["01", "x"]),
        (["NA", "null", "None"], "text", ["NA", "null", "None"]),
        (["NA", "1"], "text", ["NA", "1"]),
        (["", "", ""], "text", [None, None, None]),
        (["a", "", "b"], "text", ["a", None, "b"]),
        ([" a", "b "], "text", [" a", "b "]),
        (['"a,b"', '"say ""x"""'], "text", ["a,b", 'say "x"']),
        (['""', "x"], "text", [None, "x"]),
        (["ä", "漢"], "text", ["ä", "漢"]),
        (["12:30", "13:00"], "text", ["12:30", "13:00"]),
        (["0x0F", "0x10"], "text", ["0x0F", "0x10"]),
        (["tRuE", "FALSE"], "bool", [True, False]),
        (["Infinity", "-INF", "-nan"], "float64", [float("inf"), -float("inf"), None]),
        (["9223372036854775808", "", "007"], "float64", [9.223372036854775808e18, None, 7.0]),
        (["1/2/2019", "2/2/2019"], "text", ["1/2/2019", "2/2/2019"]),
        (["2019-01-31", "x"], "text", ["2019-01-31", "x"]),
        (["2019-02-30", "2019-01-01"], "text", ["2019-02-30", "2019-01-01"]),
    ],
)
def test_the_type_of_a_column(read: Read, values: list[str], kind: str, expected: Any) -> None:
    frame = read("n,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values)))
    assert kinds(frame) == {"n": "int64", "v": kind}
    assert [row[1] for row in rows(frame)] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2019-01-31", "", "2020-02-29"], ["2019-01-31", None, "2020-02-29"]),
        (["2019-01-31 10:20:30", "2019-02-01"], ["2019-01-31 10:20:30", "2019-02-01"]),
        (
            ["2019-01-31 10", "2262-04-11", "1677-09-22"],
            ["2019-01-31 10:00", "2262-04-11", "1677-09-22"],
        ),
        (["2019-01-31T10:20", "2019-02-01T00:00"], ["2019-01-31 10:20", "2019-02-01"]),
        (["2019-01-31T10:20:30.123456789"], ["2019-01-31 10:20:30.123456789"]),
        (["2019-01-31T10:20:30Z"], ["2019-01-31 10:20:30"]),
        (["2019-01-31 10:20+02:00", ""], ["2019-01-31 08:20", None]),
    ],
)
def test_datetimes_are_of_iso_8601(read: Read, values: list[str], expected: list[Any]) -> None:
    frame = read("n,v\n" + "".join(f"1,{value}\n" for value in values))
    assert str(frame["v"].dtype) == "datetime64[ns]"
    assert [None if pd.isnull(v) else v for v in frame["v"]] == [
        None if text is None else pd.Timestamp(text) for text in expected
    ]


def test_datetimes_beyond_nanoseconds(dataset: Read, engine: str) -> None:
    made = dataset("v\n2019-01-31\n0001-01-01\n9999-12-31\n")
    found = made.to_pandas_dataframe()["v"]
    assert str(found.dtype) == "datetime64[ns]"
    assert list(found.isnull()) == [False, True, True]
    with pytest.raises(DatasetExecutionError, match="'0001-01-01' in column 'v' is out of the ra"):
        made.to_pandas_dataframe(out_of_range_datetime="fail")
    objects = made.to_pandas_dataframe(out_of_range_datetime="object")["v"]
    assert objects[1] == datetime.datetime(1, 1, 1)
    assert objects[2] == datetime.datetime(9999, 12, 31)
    with pytest.raises(UserErrorException, match="out_of_range_datetime='x' is not known; give"):
        made.to_pandas_dataframe(out_of_range_datetime="x")


def test_a_column_that_differs_over_files_is_what_holds_all(read: Read) -> None:
    frame = read("a,b,c,d\n01,1,,2019-01-01\n", "a,b,c,d\n1.50,2.5,,\n", "a,b,c,d\nx,,true,\n")
    assert kinds(frame) == {"a": "text", "b": "float64", "c": "text", "d": "datetime64[ns]"}
    assert rows(frame)[0][:3] == ["01", 1.0, None]
    assert rows(frame)[1][:3] == ["1.50", 2.5, None]
    assert rows(frame)[2] == ["x", None, True, None]
    assert list(frame.index) == [0, 1, 2]


def test_a_file_without_rows_has_no_say(read: Read) -> None:
    frame = read("a,b\n", "a,b\n1,2019-01-01\n", "a,b\n")
    assert kinds(frame) == {"a": "int64", "b": "datetime64[ns]"}


@pytest.mark.parametrize("seed", range(4))
def test_both_engines_read_the_same(
    dataset: Read, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(40):
        kinds_of = [draw.choice(list(VALUES)) for _ in range(draw.randint(1, 3))]
        texts = []
        for _ in range(draw.choice([1, 1, 2])):
            lines = [",".join(f"c{n}" for n in range(len(kinds_of)))]
            for _ in range(draw.randint(0, 4)):
                lines.append(",".join(draw.choice(_pool(draw, kind)) for kind in kinds_of))
            texts.append("\n".join(lines) + "\n")
        made = dataset(*texts, validate=False, empty_as_string=draw.random() < 0.3)
        with_pyarrow = made.to_pandas_dataframe()
        with monkeypatch.context() as without:
            without.setattr(packages, "pyarrow", lambda: None)
            alone = made.to_pandas_dataframe()
        assert kinds(with_pyarrow) == kinds(alone), texts
        assert str(rows(with_pyarrow)) == str(rows(alone)), texts
        for path in Path(made._directory.path).parent.parent.glob("tables/*.csv"):
            path.unlink()


VALUES = {
    "int": ["1", "-5", "007", "12345678901", "9223372036854775808", " 4", "4 "],
    "float": ["1.5", "-0.25", "1e5", ".5", "5.", "nan", "inf", "-Infinity", "1e400"],
    "bool": ["true", "false", "tRue", "FALSE"],
    "date": ["2019-01-01", "2020-02-29", "2019-02-30", "0001-01-01", "9999-12-31", "2262-04-11"],
    "time": ["2019-01-01 10:00:00", "2019-01-01T10:00:00.5", "2019-01-01T25:00", "2019-01-01 10"],
    "zone": ["2019-01-01T10:00:00Z", "2019-01-01T10:00:00+02:00", "2019-01-01 10:00-05"],
    "text": ["a", "NA", "null", '""', '"a,b"', " a", "0x1F", "1_000", "12:30", "1/2/2019", "--"],
    "empty": ["", "", '""'],
}
"""What a field may be, by what most of its column are."""


def _pool(draw: random.Random, kind: str) -> list[str]:
    if draw.random() < 0.75:
        return VALUES[kind]
    return VALUES[draw.choice(["empty", kind, draw.choice(list(VALUES))])]


@pytest.mark.parametrize(
    ("first", "second"), [("true", "1"), ("2019-01-01", "7"), ("2019-01-01", "x"), ("1", "true")]
)
def test_types_that_do_not_go_together_are_text(read: Read, first: str, second: str) -> None:
    assert rows(read(f"v,w\n{first},1\n", f"v,w\n{second},2\n")) == [[first, 1], [second, 2]]


def test_files_may_have_other_columns_or_another_order(read: Read) -> None:
    frame = read("a,b\n1,x\n", "b,a,c\ny,2,true\n", "a\n3\n")
    assert rows(frame) == [[1, "x", None], [2, "y", True], [3, None, None]]
    assert kinds(frame) == {"a": "int64", "b": "text", "c": "text"}


def test_headers(read: Read) -> None:
    files = "1,2\n3,4\n", "5,6\n"
    assert rows(read(*files, header=False)) == [[1, 2], [3, 4], [5, 6]]
    assert list(read(*files, header=False).columns) == ["Column1", "Column2"]
    first = read(*files, header=PromoteHeadersBehavior.ONLY_FIRST_FILE_HAS_HEADERS)
    assert (list(first.columns), rows(first)) == (["1", "2"], [[3, 4], [5, 6]])
    every = read(*files, header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS)
    assert (list(every.columns), rows(every)) == (["1", "2", "5", "6"], [[3, 4, None, None]])
    with pytest.raises(UserErrorException, match="header='yes' is not known; give True, False or"):
        read(*files, header="yes")


def test_names_of_columns_are_distinct(read: Read) -> None:
    frame = read('a,a,,"b ""x"""\n1,2,3,4\n')
    assert (list(frame.columns), rows(frame)) == (["a", "a_1", "Column3", 'b "x"'], [[1, 2, 3, 4]])


def test_a_byte_order_mark_and_line_ends_of_windows(read: Read) -> None:
    assert rows(read(b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y\r\n")) == [[1, "x"], [2, "y"]]
    assert rows(read(b"\xef\xbb\xbf1,x\n", header=False)) == [[1, "x"]]


def test_blank_lines_do_not_count(read: Read) -> None:
    assert rows(read("a,b\n\n1,2\n\n\n3,4\n\n")) == [[1, 2], [3, 4]]


def test_a_file_of_a_header_alone_has_no_rows(read: Read) -> None:
    assert rows(read("a,b\n", "a,b\n1,2\n")) == [[1, 2]]
    frame = read("a,b\n", "a,b\n")
    assert (list(frame.columns), len(frame)) == (["a", "b"], 0)


def test_a_short_line_has_missing_values_at_its_end(read: Read) -> None:
    assert rows(read("a,b,c\n1,2,3\n4,5\n")) == [[1, 2, 3.0], [4, 5, None]]


@pytest.mark.parametrize("text", ["a,b\n1,2\n1,2,3\n", "a,b\n1,2,3\n4,5,6\n"])
def test_a_long_line_is_an_error(dataset: Read, engine: str, text: str) -> None:
    made = dataset(text, validate=False)
    with pytest.raises(
        DatasetExecutionError, match=r"/a\.csv has 2 columns by its first line, and"
    ):
        made.to_pandas_dataframe()
    with pytest.raises(DatasetExecutionError, match=r"/a\.csv has 1 column by its first line, and"):
        dataset("a\n1,2\n", validate=False).to_pandas_dataframe()


def test_a_separator_at_the_end_of_lines_does_no_harm(read: Read) -> None:
    assert rows(read("a,b\n1,2,\n3,4\n")) == [[1, 2], [3, 4]]


def test_line_breaks_in_quotes(read: Read) -> None:
    text = 'a,b\n1,"x\ny"\n2,z\n'
    assert rows(read(text)) == rows(read(text, support_multi_line=True)) == [[1, "x\ny"], [2, "z"]]


def test_line_breaks_in_quotes_in_a_large_file(read: Read) -> None:
    text = "a,b\n" + "".join(f'{n},"{"x" * 90}\ny"\n' for n in range(150_000))
    frame = read(text)
    assert len(frame) == 150_000
    assert list(frame["a"]) == list(range(150_000))


def test_separators(read: Read) -> None:
    assert rows(read("a\tb\n1\tx y\n", separator="\t")) == [[1, "x y"]]
    assert rows(read("a;b\n1,5;x\n", separator=";")) == [["1,5", "x"]]
    assert rows(read("a||b\n1||x\n", separator="||", header=False)) == [["a", "b"], ["1", "x"]]
    assert rows(read("a,b\n1\n", separator="\n", header=False)) == [["a,b"], ["1"]]
    with pytest.raises(UserErrorException, match=r"separator is '' *; give text such as"):
        read("a\n1\n", separator="")


def test_encodings(read: Read) -> None:
    assert rows(read("a,b\nä,1\n".encode("latin1"), encoding="iso88591")) == [["ä", 1]]
    assert rows(read("a,b\nä,1\n".encode("utf-16"), encoding="utf16")) == [["ä", 1]]
    euro = 'ä b,€\n"x\nä",2019-01-02\n,\n'.encode("cp1252")
    frame = read(euro, encoding="windows1252", support_multi_line=True)
    assert list(frame.columns) == ["ä b", "€"]
    assert rows(frame) == [["x\nä", pd.Timestamp(2019, 1, 2)], [None, None]]
    with pytest.raises(
        DatasetExecutionError, match=r"/a\.csv is not text in cp1252: .*give its enc"
    ):
        read(b"a\nx\n\x81\n", encoding="windows1252")
    with pytest.raises(DatasetExecutionError, match=r"a\.csv is not text in utf8: .*give its enco"):
        read("a,b\nä,1\n".encode("latin1"))
    with pytest.raises(UserErrorException, match="encoding='klingon' is not known; give one such"):
        read("a\n1\n", encoding="klingon")


def test_empty_as_string(read: Read) -> None:
    frame = read("a,b,c\nx,1,\n,,\n", empty_as_string=True)
    assert rows(frame) == [["x", 1.0, ""], ["", None, ""]]


def test_without_inference_all_is_text(read: Read) -> None:
    frame = read("a,b,c\n01,2019-01-01,\n", infer_column_types=False)
    assert rows(frame) == [["01", "2019-01-01", None]]


def test_types_that_are_set(read: Read) -> None:
    types = {
        "zip": DataType.to_string(),
        "count": DataType.to_long(),
        "share": DataType.to_float(decimal_mark=","),
        "on": DataType.to_bool(["yes"], ["no"]),
        ("day", "hour"): DataType.to_datetime(["%d/%m/%Y", "%d.%m.%Y %H"]),
    }
    text = 'zip,count,share,on,day,hour\n01,5,"1.000,5",Yes,31/01/2019,01.02.2020 13\n'
    frame = read(text, set_column_types=types)
    day, hour = pd.Timestamp("2019-01-31"), pd.Timestamp("2020-02-01 13:00")
    assert rows(frame) == [["01", 5, 1000.5, True, day, hour]]
    assert kinds(frame) == {
        "zip": "text",
        "count": "int64",
        "share": "float64",
        "on": "bool",
        "day": "datetime64[ns]",
        "hour": "datetime64[ns]",
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (DataType.to_long(), "1.5"),
        (DataType.to_long(), "x"),
        (DataType.to_float(), "x"),
        (DataType.to_bool(), "maybe"),
        (DataType.to_datetime("%Y"), "x"),
        (DataType.to_datetime(), "31.1.2019"),
    ],
)
def test_what_is_not_of_the_type_is_missing_or_an_error(
    dataset: Read, engine: str, kind: DataType, value: str
) -> None:
    made = dataset(f"a,v\n1,{value}\n2,\n", set_column_types={"v": kind})
    with pytest.warns(
        UserWarning, match="column 'v' has no value that is a .*, and all are missing"
    ):
        assert list(made.to_pandas_dataframe()["v"].isnull()) == [True, True]
    with pytest.raises(DatasetExecutionError, match=f"a.csv: '{value}' in column 'v' is no "):
        made.to_pandas_dataframe(on_error="fail")


def test_what_types_cannot_be(dataset: Read) -> None:
    with pytest.raises(
        UserErrorException, match="set_column_types has 'int' for 'a'; give a DataT"
    ):
        dataset("a\n1\n", set_column_types={"a": "int"})
    with pytest.raises(UserErrorException, match=r"give a dict such as {'age': DataType.to_long"):
        dataset("a\n1\n", set_column_types=["a"])
    with pytest.raises(UserErrorException, match="mismatch_as='x' is not known; give 'error', 't"):
        DataType.to_bool(mismatch_as="x")
    assert DataType.to_bool() == DataType.to_bool() != DataType.to_long()
    frame = dataset(
        "a\nx\n", set_column_types={"a": DataType.to_bool(mismatch_as="false")}
    ).to_pandas_dataframe()
    assert rows(frame) == [[False]]


def test_packed_files(folder: Path, workspace: Any, engine: str) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n"))
    store = Datastore.register(workspace, "packed", folder)
    frame = Dataset.Tabular.from_delimited_files((store, "*.gz")).to_pandas_dataframe()
    assert rows(frame) == [[1, "x"]]


def test_an_empty_file_is_an_error_that_names_it(dataset: Read, engine: str) -> None:
    with pytest.raises(DatasetExecutionError, match=r"/b\.csv is empty, and its first line should"):
        dataset("a\n1\n", "").to_pandas_dataframe()


def test_what_is_read_can_be_written_to(read: Read) -> None:
    for count in (3, 900_000):
        frame = read("n,x,t,s\n" + "1,2.5,2019-01-01,a\n" * count)
        assert len(frame) == count
        for name in ("n", "x"):
            frame.loc[0, name] = 7
            assert frame[name].to_numpy(copy=True)[0] == 7
            assert frame[name]._values.flags.writeable


def test_the_path_is_a_column_when_it_is_asked_for(read: Read) -> None:
    frame = read("a\n1\n", "a\n2\n3\n", include_path=True)
    assert rows(frame) == [["/a.csv", 1], ["/b.csv", 2], ["/b.csv", 3]]
    assert list(frame.columns) == ["Path", "a"]


def test_columns_of_the_paths_come_first(folder: Path, workspace: Any, engine: str) -> None:
    for name, text in {"NZ-2019-01": "v\n1\n", "US-2020-12": "v\n2\n3\n"}.items():
        (folder / f"{name}.csv").write_text(text)
    made = Dataset.Tabular.from_delimited_files(
        (Datastore.register(workspace, "t", folder), "*.csv"),
        partition_format="{land}-{month:yyyy-MM}.csv",
        include_path=True,
    )
    frame = made.to_pandas_dataframe()
    assert list(frame.columns) == ["Path", "land", "month", "v"]
    assert [row[1:] for row in rows(frame)] == [
        ["NZ", pd.Timestamp("2019-01-01"), 1],
        ["US", pd.Timestamp("2020-12-01"), 2],
        ["US", pd.Timestamp("2020-12-01"), 3],
    ]
    assert rows(made.keep_columns(["land"]).to_pandas_dataframe()) == [["NZ"], ["US"], ["US"]]
    with pytest.raises(DatasetExecutionError, match="'v' is in the files and in their paths"):
        Dataset.Tabular.from_delimited_files(
            (Datastore.get(workspace, "t"), "*.csv"), partition_format="{v}-{w}.csv"
        )


def test_pyarrow_reads_where_it_can(dataset: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    real = delimited_pyarrow.read

    def counted(*args: Any) -> Any:
        found = real(*args)
        used.append(found is not None)
        return found

    monkeypatch.setattr(delimited_pyarrow, "read", counted)
    dataset("a,b\n1,x\n").to_pandas_dataframe()
    assert used == [True]
    dataset("a,b\n1,x,2\n", "a\n1\n", validate=False).take(1)
    assert used == [True]
    assert not delimited.is_utf8({"encoding": "latin1"})


def test_without_pandas_it_says_what_to_install(
    dataset: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    made, real = dataset("a\n1\n"), builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserErrorException, match=r"pip install 'runyard\[tabular\]'"):
        made.to_pandas_dataframe()
    monkeypatch.setenv("RUNYARD_RUN_DIRECTORY", "x")
    with pytest.raises(UserErrorException, match=r"add it to .*run: pip_packages=\['pandas'\]"):
        packages.pandas()


def test_long_fields(read: Read) -> None:
    long = "x" * 200_000
    assert rows(read(f'a,b\n1,"{long}\ny"\n2,z\n')) == [[1, f"{long}\ny"], [2, "z"]]
    assert csv.field_size_limit() == 131_072, "what other code relies on stays"


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "packed with gzip, and its name has to end in .gz"),
        ("a,b\n1,2\n".encode("utf-16"), "give its encoding, such as encoding='utf16'"),
        (b"PAR1\x15\xbc,\n", "it is a parquet file: Dataset.Tabular.from_parquet_files reads it"),
        (
            b"PK\x03\x04\x14,\n",
            r"a\.csv is an Excel workbook or a zip archive, .*pandas\.read_excel",
        ),
    ],
    ids=["gzip", "utf16", "parquet", "excel"],
)
def test_what_is_no_text_is_said(dataset: Read, content: bytes, remedy: str) -> None:
    with pytest.raises(DatasetExecutionError, match=remedy):
        dataset(content)


def test_markers_of_spark_beside_text_are_passed_over(folder: Path, workspace: Any) -> None:
    store = Datastore.register(workspace, "spark", folder)
    (folder / "_SUCCESS").touch()
    (folder / "part-0.csv").write_text("a\n1\n")
    (folder / "_more.csv").write_text("a\n2\n")
    assert rows(Dataset.Tabular.from_delimited_files((store, "")).to_pandas_dataframe()) == [
        [2],
        [1],
    ]


def test_a_quotation_mark_that_is_not_closed_is_said(dataset: Read, engine: str) -> None:
    with pytest.raises(
        DatasetExecutionError, match=r"mark .* that opens a field and is never closed"
    ):
        dataset('a,b\n"x,1\ny,2\n').to_pandas_dataframe()


def test_a_type_that_fits_no_value_is_a_warning(dataset: Read, engine: str) -> None:
    days = dataset("d,n\n13/02/2020,x\n,y\n", set_column_types={"d": DataType.to_datetime()})
    with pytest.warns(
        UserWarning, match="'d' has no value that is a datetime of 1677 .* give their format"
    ):
        assert days.to_pandas_dataframe()["d"].isnull().all()
    words = dataset("d,n\n13/02/2020,x\n,y\n", set_column_types={"n": DataType.to_long()})
    with pytest.warns(
        UserWarning, match="'n' has no value that is a long, .* another type with set_"
    ):
        words.to_pandas_dataframe()
