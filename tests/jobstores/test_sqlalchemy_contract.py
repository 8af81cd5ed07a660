"""The contract of stores that claim, on every database."""

from __future__ import annotations

import pytest
from databases import Place

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores._sql.claiming.planning import PATIENCE
from apscheduler.testing.contracts import StoreContract


class OnDatabase(StoreContract):
    kind = ""
    executor_patience = PATIENCE
    racing_jobs = 24
    threads = 4

    @pytest.fixture(autouse=True)
    def _around(self, tmp_path):
        self.place = Place(self.kind, tmp_path)
        super().setup_method()
        yield
        self.store._session.open.clear()  # what a test leaves claimed must not keep the node draining
        super().teardown_method()
        self.place.close()

    def setup_method(self):
        """The fixture does it, once the place is there."""

    def teardown_method(self):
        """The fixture does it, before the place is gone."""

    def make_store(self):
        return self.place.store()


class TestSQLiteInMemory(OnDatabase):
    kind = "sqlite-memory"


@pytest.mark.slow
class TestSQLite(OnDatabase):
    kind = "sqlite"


@pytest.mark.slow
class TestPostgreSQL(OnDatabase):
    kind = "postgresql"


@pytest.mark.slow
class TestMariaDB(OnDatabase):
    kind = "mariadb"


def test_patience_is_a_minute():
    assert PATIENCE == 60 * SECOND
