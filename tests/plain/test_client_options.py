"""The options of a store's client: texts of a configuration are read as what they mean, and what is none is named at once."""

from __future__ import annotations

import pickle

import pytest
from plain.services import redis_address, require_redis

from apscheduler.jobstores._pickled.connecting import connected
from apscheduler.jobstores.etcd import EtcdJobStore
from apscheduler.jobstores.mongodb import MongoDBJobStore
from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.jobstores.rethinkdb import RethinkDBJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.jobstores.zookeeper import ZooKeeperJobStore
from apscheduler.testing import ManualScheduler

STORES = {
    "redis": RedisJobStore,
    "mongodb": MongoDBJobStore,
    "zookeeper": ZooKeeperJobStore,
    "etcd": EtcdJobStore,
    "rethinkdb": RethinkDBJobStore,
}


def configured(alias, **options):
    """Return the store that a configuration makes."""
    spec = {"type": alias, **options}
    return ManualScheduler({"apscheduler.jobstores.default": spec})._jobstores["default"]


@pytest.fixture
def kept():
    """Return a function that has a store's client closed when the test is over."""
    stores = []

    def keep(store):
        stores.append(store)
        return store

    yield keep
    for store in stores:
        store.shutdown()


# -- the pickles' protocol ----------------------------------------------------------------------------------


def sql_store(**options):
    return SQLAlchemyJobStore("sqlite://", **options)


@pytest.fixture(params=[*STORES.values(), sql_store], ids=[*STORES, "sqlalchemy"])
def store_class(request):
    return request.param


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("4", 4),
        (" 2 ", 2),
        (3, 3),
        ("-1", pickle.HIGHEST_PROTOCOL),
        (-1, pickle.HIGHEST_PROTOCOL),
        (None, pickle.DEFAULT_PROTOCOL),
    ],
)
def test_a_pickle_protocol_is_read(store_class, given, used, kept):
    assert kept(store_class(pickle_protocol=given)).pickle_protocol == used


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("x", ValueError),
        ("", ValueError),
        ("2.5", ValueError),
        ("99", ValueError),
        (99, ValueError),
        (2.0, TypeError),
        (b"4", TypeError),
        ([4], TypeError),
    ],
)
def test_a_pickle_protocol_that_is_none_is_named_at_once(store_class, given, error):
    with pytest.raises(error, match=r"^pickle_protocol must be a pickle protocol, a whole number"):
        store_class(pickle_protocol=given)


# -- numbers ------------------------------------------------------------------------------------------------


def options_of(store):
    """Return what a client was given, as far as it tells."""
    if isinstance(store, RedisJobStore):
        return store.redis.connection_pool.connection_kwargs
    if isinstance(store, MongoDBJobStore):
        ((host, port),) = store.client._topology_settings.seeds
        return {"host": host, "port": port}
    if isinstance(store, RethinkDBJobStore):
        return store.connect_args
    if isinstance(store, EtcdJobStore):
        return vars(store.client)
    client = store.client
    return {
        "timeout": client._session_timeout / 1000,
        "read_only": client.read_only,
        "randomize_hosts": client.randomize_hosts,
        "use_ssl": client.use_ssl,
        "verify_certs": client.verify_certs,
        "check_hostname": client.check_hostname,
        "max_retries": client._conn_retry.max_tries,
        "retry_delay": client._conn_retry.delay,
        "retry_backoff": client._conn_retry.backoff,
    }


READ = [
    ("redis", "port", "6380", 6380),
    ("redis", "port", b"6380", 6380),
    ("redis", "port", 6380.0, 6380),
    ("redis", "db", "9", 9),
    ("redis", "socket_timeout", "5", 5),
    ("redis", "socket_timeout", "0.5", 0.5),
    ("redis", "socket_timeout", None, None),
    ("redis", "socket_connect_timeout", "2", 2),
    ("redis", "health_check_interval", "30", 30),
    ("redis", "protocol", "3", 3),
    ("redis", "decode_responses", "no", False),
    ("redis", "socket_keepalive", "off", False),
    ("mongodb", "port", "27018", 27018),
    ("mongodb", "port", None, 27017),
    ("zookeeper", "timeout", "5", 5),
    ("zookeeper", "timeout", 2.5, 2.5),
    ("zookeeper", "read_only", "false", False),
    ("zookeeper", "randomize_hosts", "false", False),
    ("zookeeper", "use_ssl", "no", False),
    ("zookeeper", "verify_certs", "0", False),
    ("zookeeper", "check_hostname", "true", True),
    ("etcd", "port", "2380", 2380),
    ("etcd", "timeout", "5", 5),
    ("etcd", "timeout", None, None),
    ("etcd", "timeout", (3, 10), (3, 10)),
    ("rethinkdb", "port", "28016", 28016),
    ("rethinkdb", "port", None, None),
    ("rethinkdb", "timeout", "5", 5),
]


@pytest.mark.parametrize(("alias", "option", "given", "used"), READ)
def test_an_option_is_read_as_what_it_means(alias, option, given, used, kept):
    found = options_of(kept(configured(alias, **{option: given})))
    assert found[option] == used


@pytest.mark.filterwarnings("ignore:Passing retry configuration:DeprecationWarning")
@pytest.mark.parametrize(
    ("option", "given", "used"),
    [("max_retries", "2", 2), ("retry_delay", "0.5", 0.5), ("retry_backoff", "3", 3)],
)
def test_the_retries_of_zookeeper_by_their_old_names_are_read_too(option, given, used, kept):
    assert options_of(kept(configured("zookeeper", **{option: given})))[option] == used


NUMBERS = [
    ("redis", ["port", "db", "socket_timeout", "socket_connect_timeout", "socket_read_size"]),
    ("redis", ["health_check_interval", "max_connections", "protocol"]),
    ("mongodb", ["port"]),
    ("zookeeper", ["timeout", "max_retries", "retry_delay", "retry_backoff", "retry_max_delay"]),
    ("etcd", ["port", "timeout"]),
    ("rethinkdb", ["port", "timeout"]),
]


@pytest.mark.parametrize("given", ["x", "6379x", "1,5", [1], {"a": 1}, object()])
@pytest.mark.parametrize(
    ("alias", "option"), [(alias, option) for alias, names in NUMBERS for option in names]
)
def test_what_is_no_number_is_named_at_once(alias, option, given):
    for make in (STORES[alias], lambda **options: configured(alias, **options)):
        with pytest.raises((ValueError, TypeError)) as raised:
            make(**{option: given})
        assert str(raised.value).startswith(f"{option} must be ")
        assert repr(given) in str(raised.value)


@pytest.mark.parametrize(
    ("alias", "option", "given"),
    [
        *((alias, "port", "") for alias in ("redis", "mongodb", "etcd")),
        *((alias, "port", None) for alias in ("redis", "etcd")),
        *(
            (alias, "port", given)
            for alias in ("redis", "mongodb", "etcd", "rethinkdb")
            for given in (-1, "-1", 70000, "70000")
        ),
        *(
            (alias, option, given)
            for alias, option in [
                ("redis", "socket_timeout"),
                ("zookeeper", "timeout"),
                ("etcd", "timeout"),
                ("rethinkdb", "timeout"),
            ]
            for given in (-1, "-1", float("nan"), "inf")
        ),
        ("zookeeper", "timeout", None),
        ("redis", "db", -1),
        ("redis", "db", "9.0"),
    ],
)
def test_a_number_that_cannot_be_meant_is_named_at_once(alias, option, given):
    with pytest.raises((ValueError, TypeError), match=f"^{option} must be .*, not "):
        STORES[alias](**{option: given})


@pytest.mark.parametrize(
    ("alias", "option"),
    [
        ("redis", "ssl"),
        ("redis", "retry_on_timeout"),
        ("redis", "decode_responses"),
        ("zookeeper", "use_ssl"),
        ("zookeeper", "close_connection_on_exit"),
        ("etcd", "close_connection_on_exit"),
    ],
)
def test_a_text_that_is_neither_true_nor_false_is_named_at_once(alias, option):
    with pytest.raises(ValueError, match=f"^{option}: 'maybe' is neither true nor false"):
        STORES[alias](**{option: "maybe"})


@pytest.mark.parametrize("alias", ["zookeeper", "etcd"])
@pytest.mark.parametrize(("given", "used"), [("false", False), ("yes", True), (True, True)])
def test_whether_to_close_the_connection_is_read(alias, given, used, kept):
    store = kept(configured(alias, close_connection_on_exit=given))
    assert store.close_connection_on_exit is used


def test_redis_without_a_port_is_asked_for_none():
    path = RedisJobStore(unix_socket_path="/nowhere", port=None)
    assert options_of(path)["path"] == "/nowhere"
    pool = path.redis.connection_pool
    assert RedisJobStore(connection_pool=pool, port="").redis.connection_pool is pool


def test_a_store_with_its_own_client_looks_at_no_options_of_another():
    RethinkDBJobStore(client=object(), port="x", hots="y")
    EtcdJobStore(client=object(), port="x", hots="y")
    ZooKeeperJobStore(client=object(), timeout="x", hots="y")


def test_a_configuration_of_texts_reaches_redis():
    require_redis()
    texts = {name: str(value) for name, value in redis_address().items()}
    numbers = dict.fromkeys(
        ("socket_timeout", "socket_connect_timeout", "health_check_interval"), "5"
    )
    spec = {"db": "9", "pickle_protocol": "4", "ssl": "false", **numbers, **texts}
    store = configured("redis", jobs_key="t_texts", run_times_key="t_texts_times", **spec)
    store.start(ManualScheduler(), "default")
    assert store.get_all_jobs() == []
    store.shutdown()


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "given", "said"),
    [
        ("redis", "hots", "does not take 'hots' (did you mean 'host'?); it takes db, jobs_key, "),
        ("redis", "socket_timout", "'socket_timout' (did you mean 'socket_timeout'?)"),
        ("redis", "job_key", "'job_key' (did you mean 'jobs_key'?)"),
        ("zookeeper", "hots", "does not take 'hots' (did you mean 'hosts'?); it takes path, "),
        ("zookeeper", "port", "does not take 'port'"),
        ("etcd", "hots", "does not take 'hots' (did you mean 'host'?); it takes path, "),
        ("rethinkdb", "hots", "does not take 'hots' (did you mean 'host'?); it takes database, "),
        ("rethinkdb", "hots", "password, timeout, ssl, url"),
        ("rethinkdb", "connection_type", "does not take 'connection_type'"),
        ("rethinkdb", "timout", "'timout' (did you mean 'timeout'?)"),
    ],
)
def test_an_option_that_nobody_knows_is_answered_with_the_closest(alias, given, said):
    cls = STORES[alias]
    with pytest.raises(TypeError) as raised:
        cls(**{given: "x"})
    assert type(raised.value) is TypeError
    assert str(raised.value).startswith(f"{cls.__name__} does not take ")
    assert said in str(raised.value)
    with pytest.raises(TypeError) as raised:
        configured(alias, **{given: "x"})
    assert str(raised.value).startswith(f"the job store {alias!r} does not take ")
    assert said in str(raised.value)


def test_an_option_that_mongodb_does_not_know_gets_the_words_of_its_client():
    from pymongo.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="hots"):
        MongoDBJobStore(hots="x")


def test_a_type_error_about_something_else_is_the_clients_own():
    def client(host):
        raise TypeError("host: a text is needed, not bytes")

    with pytest.raises(TypeError, match=r"^host: a text is needed, not bytes$"):
        connected(RedisJobStore, client, {"host": b"h"})


def test_what_a_subclass_takes_is_known_too():
    class Mine(RedisJobStore):
        def __init__(self, colour="red", **options):
            super().__init__(**options)

    with pytest.raises(TypeError, match=r"^Mine does not take 'colur' \(did you mean 'colour'\?\)"):
        Mine(colur="x")


def test_the_options_of_rethinkdb_are_those_of_its_driver():
    given = {"auth_key": "", "user": "u", "ssl": {}, "db": "d", "url": None, "json_encoder": None}
    assert RethinkDBJobStore(**given).connect_args == given


def test_another_error_of_a_client_stays_as_it_is():
    with pytest.raises(ValueError, match="must be a positive integer"):
        RedisJobStore(max_connections=-1)
    with pytest.raises(ValueError, match="Port could not be cast"):
        ZooKeeperJobStore(hosts="127.0.0.1:x")
