"""The claims that a store has handed out and not got back yet."""

from __future__ import annotations

from types import SimpleNamespace

from apscheduler.cluster.lease import Lease
from apscheduler.cluster.offset import Offset
from apscheduler.jobstores._sql.claiming.claims import OpenClaims, StoreClaim


def claim():
    job = SimpleNamespace(id="job", _grace=0)
    offset = Offset(lambda: 0)
    return StoreClaim(
        job, [1], None, generation=0, lease=Lease(1), epoch=1, offset=offset, offset_us=0
    )


def test_what_is_released_is_gone():
    claims, one, other = OpenClaims(), claim(), claim()
    claims.add(one)
    claims.add(other)
    assert (len(claims), claims.alive()) == (2, [one, other])
    claims.discard(one)
    claims.discard(one)
    assert (len(claims), claims.alive()) == (1, [other])


def test_what_nobody_holds_is_forgotten():
    claims, one = OpenClaims(), claim()
    claims.add(one)
    claims.add(claim())
    assert claims.alive() == [one]
    assert len(claims) == 1


def test_a_claim_in_the_place_of_a_forgotten_one_stays():
    claims = OpenClaims()
    claims.add(claim())
    kept = [claim() for _ in range(100)]  # one of them has the address of the first
    for each in kept:
        claims.add(each)
    assert claims.alive() == kept
