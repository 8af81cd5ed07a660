"""What each driver is given to bound connecting and waiting, and that the address's own settings win."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from apscheduler.jobstores._sql.connection.sockets import connect_timeouts

POSTGRESQL = make_url("postgresql://h/d")
MYSQL = make_url("mysql://h/d")
LIBPQ = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
BY_DRIVER = {
    "psycopg": LIBPQ,
    "psycopg2": LIBPQ,
    "pg8000": {"timeout": 180, "tcp_keepalive": True},
    "pymysql": {"connect_timeout": 10, "read_timeout": 180, "write_timeout": 180},
    "mysqldb": {"connect_timeout": 10, "read_timeout": 180, "write_timeout": 180},
    "mysqlconnector": {"connection_timeout": 10},
    "pysqlite": {},
    "one that is not known": {},
}


@pytest.mark.parametrize("driver", BY_DRIVER)
def test_each_driver_is_bounded_in_its_own_words(driver) -> None:
    assert connect_timeouts(POSTGRESQL, driver, 10.0, 15.0) == BY_DRIVER[driver]


@pytest.mark.parametrize("driver", ["pymysql", "mysqldb", "pg8000"])
def test_a_read_is_not_bounded_below_what_the_call_watch_waits(driver) -> None:
    short = connect_timeouts(MYSQL, driver, 0.1, 1.0)
    assert {value for name, value in short.items() if "connect" not in name} <= {120, True}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pymysql"])
def test_a_connect_is_given_two_seconds_at_least(driver) -> None:
    assert connect_timeouts(MYSQL, driver, 0.1, 1.0)["connect_timeout"] == 2


def test_what_the_address_says_wins() -> None:
    url = POSTGRESQL.update_query_dict({"connect_timeout": "3", "keepalives": "0"})
    kept = connect_timeouts(url, "psycopg", 10.0, 15.0)
    assert kept == {key: value for key, value in LIBPQ.items() if key not in url.query}
