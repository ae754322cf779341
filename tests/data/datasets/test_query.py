"""Tabular datasets of SQL queries, on a real SQLite."""

from __future__ import annotations

import builtins
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runyard.data.datasets import query
from runyard.data.datastore import Datastore
from runyard.errors import UserErrorException
from runyard.job.datasets.api import Dataset
from runyard.job.datasets.types import DataType

from_sql_query = Dataset.Tabular.from_sql_query


@pytest.fixture
def sales(workspace: Any, tmp_path: Path) -> Any:
    with sqlite3.connect(tmp_path / "sales.db") as database:
        database.execute("create table sales (n integer, price real, name text, day text)")
        rows = [(n, n / 4, None if n % 3 else f"N{n}", f"2020-01-{n + 1:02}") for n in range(20)]
        database.executemany("insert into sales values (?, ?, ?, ?)", rows)
    database.close()
    return Datastore.register(workspace, "sales", f"sqlite:///{tmp_path}/sales.db")


def test_the_rows_of_a_query(sales: Any) -> None:
    made = from_sql_query((sales, "select * from sales where n < 5 order by n"))
    frame = made.to_pandas_dataframe()
    assert list(frame.columns) == ["n", "price", "name", "day"]
    assert [str(frame[name].dtype) for name in ("n", "price")] == ["int64", "float64"]
    assert list(frame["price"]) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert list(frame["name"].isnull()) == [False, True, True, False, True]
    assert list(made.filter(made["n"] > 2).keep_columns("n").to_pandas_dataframe()["n"]) == [3, 4]
    assert len(made.take(2).to_pandas_dataframe()) == 2


def test_types_are_set_and_names_are_distinct(sales: Any) -> None:
    types = {"day": DataType.to_datetime(), "n_1": DataType.to_string()}
    made = from_sql_query((sales, "select n, n, day from sales limit 2"), set_column_types=types)
    frame = made.to_pandas_dataframe()
    assert list(frame["day"]) == [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")]
    assert [list(frame["n"]), list(frame["n_1"])] == [[0, 1], ["0", "1"]]


def test_datetimes_of_the_database_are_datetimes(sales: Any) -> None:
    import datetime

    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert query._plain_value(datetime.datetime(2020, 1, 1, 12, tzinfo=zone)) == (
        "2020-01-01 10:00:00"
    )
    assert query._plain_value(datetime.date(2020, 1, 1)) == "2020-01-01"


def test_a_registered_query_is_read_again(sales: Any, workspace: Any) -> None:
    from_sql_query((sales, "select count(*) as c from sales")).register(workspace, "count")
    found = Dataset.get_by_name(workspace, "count")
    assert found.to_pandas_dataframe()["c"][0] == 20
    assert "geheim" not in repr(found)


def test_what_a_query_cannot_be(sales: Any, store: Any) -> None:
    with pytest.raises(UserErrorException, match=r"no such table: absent; try the query in the d"):
        from_sql_query((sales, "select * from absent"))
    with pytest.raises(UserErrorException, match=r"query is ' '; give \(datastore, 'select"):
        from_sql_query((sales, " "))
    with pytest.raises(UserErrorException, match=r"datastore 'photos' is no database; register"):
        from_sql_query((store, "select 1"))
    with pytest.raises(UserErrorException, match="query_timeout is 0; give a number of seconds"):
        from_sql_query((sales, "select 1"), query_timeout=0)


def test_a_query_that_takes_too_long_is_ended(sales: Any) -> None:
    endless = "with recursive c(n) as (select 1 union all select n+1 from c) select max(n) from c"
    with pytest.raises(UserErrorException, match=r"no answer within 0\.3 s; give a larger query_t"):
        from_sql_query((sales, endless), query_timeout=0.3)  # type: ignore[arg-type]


def test_without_sqlalchemy_it_says_what_to_install(
    sales: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sqlalchemy":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserErrorException, match=r"SQLAlchemy.*pip install 'runyard\[sql\]'"):
        from_sql_query((sales, "select 1"))


def test_a_password_is_not_in_the_error(workspace: Any) -> None:
    server = "postgresql://me@127.0.0.1:9/shop"
    shop = Datastore.register(workspace, "shop", server, password="geh eim")
    with pytest.raises(UserErrorException) as caught:
        from_sql_query((shop, "select 1"))
    assert "geh" not in str(caught.value)
    assert "datastore 'shop'" in str(caught.value)
