"""Tabular datasets: steps, laziness, other formats, writing."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from runyard.data.datapath import DataPath
from runyard.data.datastore import Datastore
from runyard.errors import DatasetTimestampMissingError, UserErrorException
from runyard.job.datasets import service_client
from runyard.job.datasets.api import Dataset
from runyard.job.datasets.reading import delimited, packages
from runyard.job.datasets.types import DatasetExecutionError, DataType

Tabular = Dataset.Tabular


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    return tmp_path / "tables"


@pytest.fixture
def store(workspace: Any, folder: Path) -> Any:
    return Datastore.register(workspace, "tables", folder)


@pytest.fixture
def numbers(folder: Path, store: Any) -> Any:
    """1,000 rows in ten files: n, its square, and whether it is even."""
    for part in range(10):
        lines = [
            f"{n},{n * n},{'yes' if n % 2 == 0 else ''}"
            for n in range(part * 100, part * 100 + 100)
        ]
        (folder / f"{part}.csv").write_text("\n".join(["n,square,even", *lines, ""]))
    return Tabular.from_delimited_files((store, "*.csv"))


def ns(dataset: Any) -> list[int]:
    return list(dataset.to_pandas_dataframe()["n"])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, by their names."""
    names: list[str] = []
    real = delimited.read

    def counted(path: str, *args: Any) -> Any:
        names.append(Path(path).name)
        return real(path, *args)

    monkeypatch.setattr(delimited, "read", counted)
    return names


def test_all_rows_in_the_order_of_the_files(numbers: Any) -> None:
    frame = numbers.to_pandas_dataframe()
    assert list(frame["n"]) == list(range(1000))
    assert list(frame.index) == list(range(1000))
    assert list(frame.columns) == ["n", "square", "even"]


def test_skip_and_take(numbers: Any) -> None:
    assert ns(numbers.take(3)) == [0, 1, 2]
    assert ns(numbers.skip(98).take(4)) == [98, 99, 100, 101]
    assert ns(numbers.take(150).skip(100)) == list(range(100, 150))
    assert ns(numbers.skip(2000)) == []
    assert list(numbers.take(0).to_pandas_dataframe().columns) == ["n", "square", "even"]


def test_take_opens_no_more_files_than_it_needs(numbers: Any, opened: list[str]) -> None:
    assert len(numbers.take(5).to_pandas_dataframe()) == 5
    assert opened == ["0.csv"]
    opened.clear()
    numbers.skip(150).take(100).to_pandas_dataframe()
    assert opened == ["0.csv", "1.csv", "2.csv"]
    opened.clear()
    numbers.filter(numbers["n"] >= 100).take(10).to_pandas_dataframe()
    assert opened == ["0.csv", "1.csv"]


def test_take_of_a_thousand_files_opens_one(folder: Path, store: Any, opened: list[str]) -> None:
    for number in range(1000):
        (folder / f"{number:04}.csv").write_text(f"n\n{number}\n{number}\n")
    made = Tabular.from_delimited_files((store, "*.csv"), validate=False)
    assert ns(made.take(2)) == [0, 0]
    assert opened == ["0000.csv"]


def test_the_parts_of_a_split_are_disjoint_and_whole(numbers: Any) -> None:
    first, second = (ns(part) for part in numbers.random_split(0.8, seed=7))
    assert sorted(first + second) == list(range(1000))
    assert first == sorted(first)
    assert 740 < len(first) < 860
    assert ns(numbers.random_split(0.8, seed=7)[1]) == second
    some, others = numbers.random_split(0.5)
    assert sorted(ns(some) + ns(others)) == list(range(1000))
    inner = some.random_split(0.5, seed=7)
    assert sorted(ns(inner[0]) + ns(inner[1])) == ns(some)


def test_a_split_does_not_depend_on_the_columns_that_are_read(numbers: Any) -> None:
    first, _ = numbers.keep_columns(["square"]).random_split(0.3, seed=1)
    again, _ = numbers.random_split(0.3, seed=1)
    roots = [round(square**0.5) for square in first.to_pandas_dataframe()["square"]]
    assert len(roots) == len(ns(again))
    assert ns(numbers.take_sample(0.1, seed=2)) == ns(numbers.take_sample(0.1, seed=2))
    assert 60 < len(ns(numbers.take_sample(0.1, seed=2))) < 140


def test_columns_are_kept_and_dropped(numbers: Any) -> None:
    assert list(numbers.keep_columns(["even", "n"]).take(1).to_pandas_dataframe().columns) == [
        "even",
        "n",
    ]
    assert list(numbers.keep_columns("n").to_pandas_dataframe().columns) == ["n"]
    assert list(numbers.drop_columns(["n", "x"]).to_pandas_dataframe().columns) == [
        "square",
        "even",
    ]
    assert list(numbers.keep_columns(["n", "even", "n"]).take(1).to_pandas_dataframe()) == [
        "n",
        "even",
    ]
    left = numbers.keep_columns(["n", "square"]).drop_columns("n")
    assert list(left.to_pandas_dataframe().columns) == ["square"]
    with pytest.raises(DatasetExecutionError, match="keep_columns names 'x', and there is no such"):
        numbers.keep_columns(["n", "x"]).to_pandas_dataframe()
    with pytest.raises(DatasetExecutionError, match="keep_columns names 'x'"):
        numbers.keep_columns(["x"], validate=True)
    with pytest.raises(UserErrorException, match=r"columns is \[\]; give the name of a column"):
        numbers.keep_columns([])


FILTERS: list[tuple[Callable[[Any], Any], Callable[[int], bool]]] = [
    (lambda d: d["n"] > 990, lambda n: n > 990),
    (lambda d: (d["n"] >= 10) & (d["n"] < 20), lambda n: 10 <= n < 20),
    (lambda d: (d["n"] == 3) | (d["square"] == 25), lambda n: n in (3, 5)),
    (lambda d: ~(d["n"] != 7), lambda n: n == 7),
    (lambda d: d["even"].is_null(), lambda n: n % 2 == 1),
    (lambda d: d["even"] == "yes", lambda n: n % 2 == 0),
    (lambda d: d["even"] != "yes", lambda n: False),
    (lambda d: d["even"].starts_with("y") & d["even"].ends_with("s"), lambda n: n % 2 == 0),
    (lambda d: d["even"].to_upper().contains("YE"), lambda n: n % 2 == 0),
    (lambda d: d["even"].length() == 3, lambda n: n % 2 == 0),
    (lambda d: d["even"].to_lower().trim() == "yes", lambda n: n % 2 == 0),
    (lambda d: d["n"] * 2 + 1 > d["square"], lambda n: 2 * n + 1 > n * n),
    (lambda d: 100 - d["n"] > d["n"] / 2, lambda n: 100 - n > n / 2),
    (lambda d: d["n"] % 100 == 0, lambda n: n % 100 == 0),
]


@pytest.mark.parametrize(("rule", "expected"), FILTERS)
def test_rows_are_filtered(
    numbers: Any, rule: Callable[[Any], Any], expected: Callable[[int], bool]
) -> None:
    assert ns(numbers.filter(rule(numbers))) == [n for n in range(1000) if expected(n)]


def test_no_rows_have_the_types_of_rows(numbers: Any) -> None:
    some, none = numbers.to_pandas_dataframe(), numbers.filter(numbers["n"] < 0)
    assert list(none.to_pandas_dataframe().dtypes) == list(some.dtypes)


def test_a_filter_may_use_columns_that_are_not_kept(numbers: Any) -> None:
    found = numbers.filter(numbers["square"] == 49).keep_columns("n")
    assert found.to_pandas_dataframe().values.tolist() == [[7]]
    assert ns(numbers.filter(numbers["square"] == 49).drop_columns("square")) == [7]


def test_filters_that_cannot_be(numbers: Any) -> None:
    with pytest.raises(
        DatasetExecutionError, match="filter names 'x', and there is only 'n', 'squ"
    ):
        numbers.filter(numbers["x"] > 1).to_pandas_dataframe()
    with pytest.raises(UserErrorException, match=r"the filter dataset\['even'\] > 3 cannot be use"):
        numbers.filter(numbers["even"] > 3).to_pandas_dataframe()
    with pytest.raises(UserErrorException, match="a filter compares with text, numbers, True, Fal"):
        numbers.filter(numbers["n"] == [1])


def test_filters_compare_with_scalars_of_numpy(numbers: Any) -> None:
    import numpy as np

    assert ns(numbers.filter(numbers["n"] == np.int64(5))) == [5]


def test_a_filter_of_the_paths_opens_only_their_files(
    folder: Path, store: Any, opened: list[str]
) -> None:
    for year in range(2010, 2020):
        (folder / f"{year}.csv").write_text(f"n\n{year}\n")
    made = Tabular.from_delimited_files((store, "*.csv"), partition_format="{year:yyyy}.csv")
    opened.clear()
    late = made.filter(made["year"] >= datetime.datetime(2018, 1, 1))
    assert ns(late.filter(late["n"] > 0)) == [2018, 2019]
    assert opened == ["2018.csv", "2019.csv"]
    opened.clear()
    assert ns(made.take(5).filter(made["year"] > datetime.date(2013, 1, 1))) == [2014]
    assert opened == [f"{year}.csv" for year in range(2010, 2015)]


# time ---------------------------------------------------------------------------------------------


@pytest.fixture
def days(folder: Path, store: Any) -> Any:
    first = datetime.datetime(2020, 1, 1)
    for month in (1, 2, 3):
        hours = [datetime.datetime(2020, month, day, 12) for day in range(1, 29)]
        lines = [f"{time.isoformat()},{(time - first).days}" for time in hours]
        (folder / f"2020-{month:02}.csv").write_text("\n".join(["time,n", *lines, ""]))
    made = Tabular.from_delimited_files((store, "*.csv"), partition_format="{month:yyyy-MM}.csv")
    return made.with_timestamp_columns("time", "month")


def test_rows_between_times(days: Any, opened: list[str]) -> None:
    end = datetime.datetime(2020, 1, 3, 12)
    assert days.timestamp_columns == ("time", "month")
    assert ns(days.time_before(end)) == [0, 1, 2]
    assert ns(days.time_before(end, include_boundary=False)) == [0, 1]
    start = datetime.datetime(2020, 3, 27, 12)
    assert ns(days.time_after(start)) == [86, 87]
    assert ns(days.time_after(start, include_boundary=False)) == [87]
    assert ns(days.time_between(end, datetime.datetime(2020, 1, 4, 13))) == [2, 3]
    with_zone = end.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    assert ns(days.time_before(with_zone)) == [0, 1]
    opened.clear()
    days.time_before(end, validate=False).to_pandas_dataframe()
    assert opened == ["2020-01.csv"]


def test_recent_rows(folder: Path, store: Any) -> None:
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    lines = [f"{(now - datetime.timedelta(hours=n)).isoformat()},{n}" for n in range(1, 50)]
    (folder / "a.csv").write_text("\n".join(["time,n", *lines, ""]))
    made = Tabular.from_delimited_files((store, "a.csv")).with_timestamp_columns("time")
    assert ns(made.time_recent(datetime.timedelta(hours=3, minutes=30))) == [1, 2, 3]
    with pytest.raises(UserErrorException, match="time_delta is 3 of type int; give a timedelta"):
        made.time_recent(3)


def test_what_times_cannot_be(days: Any, numbers: Any) -> None:
    with pytest.raises(DatasetTimestampMissingError, match=r"name it first: dataset\.with_"):
        numbers.time_before(datetime.datetime(2020, 1, 1))
    with pytest.raises(UserErrorException, match="end_time is '2020'; give a datetime"):
        days.time_before("2020")
    with pytest.raises(UserErrorException, match="'n' is no column of datetimes; make it one"):
        numbers.with_timestamp_columns("n", validate=True)
    with pytest.raises(UserErrorException, match="no column 'x' for the times; there is 'n', 'sq"):
        numbers.with_timestamp_columns("x", validate=True)
    with pytest.raises(UserErrorException, match="partition_timestamp='x' needs a timestamp"):
        numbers.with_timestamp_columns(partition_timestamp="x")
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        numbers.with_timestamp_columns("n", other=1)
    assert days.drop_columns("time").timestamp_columns == (None, "month")
    assert days.keep_columns(["n", "time"]).timestamp_columns == ("time", None)
    older = numbers.with_timestamp_columns(fine_grain_timestamp="a", coarse_grain_timestamp="b")
    assert older.timestamp_columns == ("a", "b")
    assert older.with_timestamp_columns().timestamp_columns == (None, None)


# parquet ------------------------------------------------------------------------------------------


def test_of_parquet_only_the_wanted_columns_are_read(
    folder: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    wide = {f"c{n}": np.random.default_rng(n).random(20_000) for n in range(50)}
    parquet.write_table(pa.table(wide), folder / "wide.parquet")
    made = Tabular.from_parquet_files((store, "*.parquet"))
    read = 0
    real = parquet.ParquetFile
    files: list[Any] = []

    def counted(path: str) -> Any:
        files.append(open(path, "rb"))  # noqa: SIM115
        return real(Reader(files[-1]))

    class Reader:
        """A file that counts what is read of it."""

        def __init__(self, raw: Any) -> None:
            self._raw = raw
            self.closed = False

        def read(self, size: int = -1) -> bytes:
            nonlocal read
            found: bytes = self._raw.read(size)
            read += len(found)
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(self._raw, name)

    monkeypatch.setattr(parquet, "ParquetFile", counted)
    frame = made.keep_columns(["c3", "c7"]).to_pandas_dataframe()
    files.pop().close()
    size = (folder / "wide.parquet").stat().st_size
    assert list(frame.columns) == ["c3", "c7"]
    assert list(frame["c7"]) == list(wide["c7"])
    assert 0 < read < size * 0.06, (read, size)


def test_of_parquet_types_are_kept(folder: Path, store: Any) -> None:
    day, zone = datetime.date(2020, 1, 31), datetime.timezone.utc
    utc = pa.timestamp("us", "UTC")
    content = pa.table(
        {
            "i": pa.array([1, None], pa.int32()),
            "s": ["a", None],
            "d": pa.array([day, None], pa.date32()),
            "t": pa.array([datetime.datetime(2020, 1, 1, tzinfo=zone)] * 2, utc),
            "old": pa.array([datetime.datetime(1, 1, 1)] * 2, pa.timestamp("us")),
            "l": [[1, 2], []],
        }
    )  # fmt: skip
    parquet.write_table(content, folder / "a.parquet", row_group_size=1)
    made = Tabular.from_parquet_files((store, "a.parquet"))
    frame = made.to_pandas_dataframe()
    assert str(frame["d"].dtype) == str(frame["t"].dtype) == "datetime64[ns]"
    assert frame["d"][0] == pd.Timestamp("2020-01-31")
    assert frame["t"][0] == pd.Timestamp("2020-01-01")
    assert frame["old"][0] == datetime.datetime(1, 1, 1)
    assert [list(each) for each in frame["l"]] == [[1, 2], []]
    assert frame["i"][0] == 1.0
    assert len(made.take(1).to_pandas_dataframe()) == 1
    text = Tabular.from_parquet_files(
        (store, "a.parquet"), set_column_types={"i": DataType.to_string()}
    )
    assert text.to_pandas_dataframe()["i"][0] == "1.0"


def test_what_lies_beside_parquet_files_is_passed_over(folder: Path, store: Any) -> None:
    parquet.write_table(pa.table({"n": [1]}), folder / "part-0.parquet")
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_metadata"):
        (folder / name).write_text("x")
    assert ns(Tabular.from_parquet_files((store, None))) == [1]


def test_what_is_no_parquet_is_said(folder: Path, store: Any) -> None:
    (folder / "a.parquet").write_text("n\n1\n")
    with pytest.raises(
        DatasetExecutionError, match=r"/a\.parquet cannot be read as parquet: .*choo"
    ):
        Tabular.from_parquet_files((store, "*.parquet"), validate=False).to_pandas_dataframe()


def test_without_pyarrow_parquet_says_what_to_install(
    folder: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet.write_table(pa.table({"a": [1]}), folder / "a.parquet")
    monkeypatch.setattr(packages, "pyarrow", lambda: None)
    made = Tabular.from_parquet_files((store, "*.parquet"), validate=False)
    with pytest.raises(UserErrorException, match="parquet files are read and written with pyarrow"):
        made.to_pandas_dataframe()


# JSON lines ---------------------------------------------------------------------------------------


def test_json_lines(folder: Path, store: Any) -> None:
    lines = [{"n": 1, "s": "a"}, {"n": 2, "x": [1]}, {"s": "ä", "n": 3}]
    (folder / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    made = Tabular.from_json_lines_files((store, "*.jsonl"), include_path=True)
    frame = made.to_pandas_dataframe()
    assert list(frame.columns) == ["Path", "n", "s", "x"]
    assert list(frame["n"]) == [1, 2, 3]
    assert str(frame["n"].dtype) == "int64"
    assert list(frame["s"].isnull()) == [False, True, False]
    assert frame["x"][1] == [1]
    assert ns(made.take(2)) == [1, 2]
    assert list(made.keep_columns("s").to_pandas_dataframe().columns) == ["s"]


def test_lines_that_are_no_objects_are_errors_or_left_out(folder: Path, store: Any) -> None:
    (folder / "a.jsonl").write_text('{"n": 1}\nnonsense\n[2]\n{"n": 3}\n')
    path = (store, "*.jsonl")
    with pytest.raises(DatasetExecutionError, match=r"/a\.jsonl, line 2 is not a JSON object: Exp"):
        Tabular.from_json_lines_files(path, validate=False).to_pandas_dataframe()
    assert ns(Tabular.from_json_lines_files(path, invalid_lines="drop")) == [1, 3]
    (folder / "b.json").write_text('[{"n": 1}]\n')
    with pytest.raises(
        DatasetExecutionError, match="line 1 is not a JSON object: it is an array; a"
    ):
        Tabular.from_json_lines_files((store, "b.json"))
    with pytest.raises(UserErrorException, match="invalid_lines='skip' is not known; give 'error'"):
        Tabular.from_json_lines_files(path, invalid_lines="skip")


# writing ------------------------------------------------------------------------------------------


def test_a_frame_is_registered(store: Any, workspace: Any, capsys: Any) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "s": ["a", None, "c"], "t": pd.to_datetime(["2020-01-31"] * 3)},
        index=[7, 8, 9],
    )
    register = Tabular.register_pandas_dataframe
    made = register(frame, (store, "frames"), "frame", "text", {"a": "b"}, row_group_size=1)
    assert "Uploading dataframe to 'frames/" in capsys.readouterr().out
    assert (made.name, made.version, made.description, made.tags) == (
        "frame",
        1,
        "text",
        {"a": "b"},
    )
    again = Dataset.get_by_name(workspace, "frame").to_pandas_dataframe()
    expected = frame.reset_index(drop=True)
    expected["t"] = expected["t"].astype("datetime64[ns]")
    pd.testing.assert_frame_equal(again, expected)
    silent = register(frame, store, "frame", show_progress=False)
    assert (silent.version, capsys.readouterr().out) == (2, "")
    fixed = register(
        frame, DataPath(store, "here"), "other", show_progress=False, make_target_path_unique=False
    )
    assert fixed._definition["sources"] == [{"datastore": "tables", "path": "here"}]
    with pytest.raises(UserErrorException, match="dataframe is 3 of type int; give a DataFrame"):
        register(3, store, "x")
    with pytest.raises(UserErrorException, match=r"cannot be written as parquet: .*give every"):
        register(pd.DataFrame({"a": [1, "x", {}]}), store, "x", show_progress=False)
    with pytest.raises(UserErrorException, match=r"cannot be written as parquet: .* of its own"):
        register(pd.DataFrame([[1, 2]], columns=["1", 1]), store, "x", show_progress=False)


def test_rows_become_files(numbers: Any, workspace: Any, tmp_path: Path) -> None:
    part = numbers.take(3)
    csv = part.to_csv_files(separator=";")
    assert csv.to_path() == ["/part-00000.csv"]
    [path] = csv.download(str(tmp_path / "csv"))
    assert Path(path).read_text() == "n;square;even\n0;0;yes\n1;1;\n2;4;yes\n"
    [path] = part.to_parquet_files().download(str(tmp_path / "parquet"))
    assert parquet.read_table(path).to_pydict() == {
        "n": [0, 1, 2],
        "square": [0, 1, 4],
        "even": ["yes", None, "yes"],
    }


def test_rows_are_partitioned(folder: Path, store: Any, workspace: Any, opened: list[str]) -> None:
    text = "land,day,n\nNZ,2020-01-01,1\nUS,2020-01-01,2\nNZ,2020-01-02,3\nA/B,2020-01-01,4\n"
    (folder / "a.csv").write_text(text)
    made = Tabular.from_delimited_files((store, "a.csv"))
    target = (store, "parts")
    parts = made.partition_by(["land", "day"], target, name="parts", show_progress=False)
    assert (parts.partition_keys, parts.name, parts.version) == (["land", "day"], "parts", 1)
    values = parts.get_partition_key_values(["land"])
    assert values == [{"land": "A%2FB"}, {"land": "NZ"}, {"land": "US"}]
    frame = parts.to_pandas_dataframe().sort_values("n")
    assert list(frame["n"]) == [1, 2, 3, 4]
    assert str(frame["day"].dtype) == "datetime64[ns]"
    assert sorted(ns(parts.filter(parts["land"] == "NZ"))) == [1, 3]
    files = made.partition_by(["land"], target, partition_as_file_dataset=True, show_progress=False)
    assert files.to_path() == ["/A%2FB/data.parquet", "/NZ/data.parquet", "/US/data.parquet"]
    with pytest.raises(UserErrorException, match="partition_keys names 'x', and the dataset has"):
        made.partition_by(["x"], target)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a", None, "b"], "partition key 'k' has no value in 1 rows, and so no folder for them"),
        (["a", "", ""], "partition key 'k' has no value in 2 rows"),
        (
            pd.to_datetime([1.1, 1.2, 3], unit="s"),
            "partition key 'k' has times with parts of seconds, which names of folders do not",
        ),
    ],
    ids=["missing", "empty", "parts of seconds"],
)
def test_no_row_is_lost_to_a_folder_without_a_name(store: Any, keys: Any, message: str) -> None:
    frame = pd.DataFrame({"k": keys, "n": [1, 2, 3]})
    made = Tabular.register_pandas_dataframe(frame, store, "rows", show_progress=False)
    with pytest.raises(UserErrorException, match=message):
        made.partition_by(["k"], (store, "parts"), show_progress=False)
    with pytest.raises(UserErrorException, match="names all columns of the dataset, and the files"):
        made.partition_by(["k", "n"], (store, "parts"), show_progress=False)


def test_values_that_are_no_names_stay_below_the_folder(store: Any, folder: Path) -> None:
    frame = pd.DataFrame({"k": ["..", ".", "a/b", "50%", "é ü", "{x}*?"], "n": range(6)})
    made = Tabular.register_pandas_dataframe(frame, store, "rows", show_progress=False)
    parts = made.partition_by(["k"], (store, "parts"), show_progress=False)
    found = parts.to_pandas_dataframe().sort_values("n")
    assert list(found["n"]) == list(range(6))
    assert list(found["k"]) == ["%2E%2E", "%2E", "a%2Fb", "50%25", "é ü", "{x}*?"]
    assert len(list((folder / "parts").glob("*/*/data.parquet"))) == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.to_spark_dataframe(), "to_spark_dataframe is not here: runyard has no Spark"),
        (lambda d: d.get_profile(), "get_profile is not here: profiles belong to the cloud serv"),
        (lambda d: d.get_profile_runs(), "get_profile_runs is not here"),
        (lambda d: d.submit_profile_run(None, None), "submit_profile_run is not here"),
        (lambda d: d.download("Path"), "download of a tabular dataset is not here"),
        (lambda d: d.mount("Path"), "mount of a tabular dataset is not here"),
        (lambda d: d.to_pandas_dataframe(on_error="x"), "on_error='x' is not known; give one of"),
    ],
)
def test_what_is_not_here_is_said(numbers: Any, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(message)):
        call(numbers)


def test_validation_reads_one_row_and_no_more(
    folder: Path, store: Any, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (folder / f"{number:02}.csv").write_text("n\n1\n")
    asked = []
    real = service_client.call

    def counted(name: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(service_client, "call", counted)
    Tabular.from_delimited_files((store, "*.csv"))
    assert (opened, asked) == (["00.csv"], ["check"])
    opened.clear()
    Tabular.from_delimited_files((store, "*.csv"), validate=False)
    assert (opened, asked) == ([], ["check"])


def test_numbers_among_words_for_nothing_are_numbers_when_one_says_so(
    folder: Path, store: Any
) -> None:
    (folder / "prices.csv").write_text("price\n1.5\nNA\nnull\nn/a\n")
    made: Any = Dataset.Tabular.from_delimited_files
    plain = made((store, "prices.csv")).to_pandas_dataframe()["price"]
    assert list(plain) == ["1.5", "NA", "null", "n/a"]
    types = {"price": DataType.to_float()}
    numbers = made((store, "prices.csv"), set_column_types=types).to_pandas_dataframe()["price"]
    assert numbers.dtype == "float64"
    assert (numbers[0], int(numbers.isna().sum())) == (1.5, 3)


@pytest.mark.parametrize(
    ("register", "method", "library"),
    [
        (Tabular.register_dask_dataframe, "compute", "dask"),
        (Tabular.register_spark_dataframe, "toPandas", "Spark"),
    ],
)
def test_a_frame_of_another_library_becomes_one_of_pandas(
    store: Any, register: Any, method: str, library: str
) -> None:
    rows = pd.DataFrame({"n": [1, 2]})
    other = type("Frame", (), {method: lambda self: rows})()
    made = register(other, store, f"of {library}", show_progress=False)
    assert ns(made) == [1, 2]
    with pytest.raises(UserErrorException) as caught:
        register([1], store, "x")
    assert caught.value.message == (f"dataframe is [1] of type list; give a DataFrame of {library}")
