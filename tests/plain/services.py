"""The servers of the stores for one process. What is missing skips; with REQUIRE_SERVICES=1 that is a failure."""

from __future__ import annotations

import functools
import os

import pytest

REDIS = os.environ.get("TICKWRIGHT_TEST_REDIS", "127.0.0.1:6379")


def miss(reason: str) -> None:
    """Skip, or fail where services are required."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@functools.cache
def _redis_trouble() -> str | None:
    from redis import ConnectionError as NoRedisError
    from redis import Redis

    try:
        Redis(**redis_address()).ping()
    except NoRedisError as exc:
        return f"redis does not answer at {REDIS}: {exc}"
    return None


def redis_address() -> dict:
    """Return arguments of a client."""
    host, _, port = REDIS.rpartition(":")
    return {"host": host, "port": int(port)}


def require_redis() -> None:
    """Skip where Redis is not there."""
    reason = _redis_trouble()
    if reason is not None:
        miss(reason)
