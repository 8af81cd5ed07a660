"""What the stores of documents keep beyond the others, as tests to inherit: etcd's and ZooKeeper's."""

from __future__ import annotations

import pickle

import pytest
from plain.beside import plain_state
from plain.running import FUNCTION, started

from apscheduler._engine.instants import SECOND
from apscheduler.testing._contract_jobs import NOW, moment


def plain_document(raw: bytes) -> dict:
    """Return a document as values that compare."""
    document = pickle.loads(raw)
    return {**document, "job_state": plain_state(document["job_state"])}


class Documents:
    """How a place spoils documents: the function of the job is not there."""

    complaint = "nowhere"

    def write(self, job_id: str, raw: bytes) -> None:
        """Write a document that is there."""
        raise NotImplementedError

    def raw_bytes(self, job_id: str) -> bytes:
        raise NotImplementedError

    def _changed(self, job_id, **changes):
        document = pickle.loads(self.raw_bytes(job_id))
        document["job_state"] |= changes.pop("state", {})
        self.write(job_id, pickle.dumps(document | changes))

    def spoil(self, job_id):
        self.kept = self.raw_bytes(job_id)
        self._changed(job_id, state={"func": "nowhere.to.be:found"})

    def mend(self, job_id):
        self.write(job_id, self.kept)

    def pause_in_store(self, job_id):
        self._changed(job_id, next_run_time=None)


class KeepsDocuments:
    """Subclasses have fixtures ``place`` and ``scheduler``."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"no pickle",
            pickle.dumps(5),
            pickle.dumps({"next_run_time": 5.0}),
            pickle.dumps({"next_run_time": "soon", "job_state": {}}),
            pickle.dumps({"next_run_time": float("inf"), "job_state": {}}),
            pickle.dumps({"next_run_time": 5.0, "job_state": "none"}),
        ],
    )
    def test_a_document_that_is_none_is_quarantined_and_hides_no_other(
        self, scheduler, place, content
    ):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="bad")
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="good")
        place.write("bad", content)
        store = scheduler._jobstores["default"]
        assert store.get_next_run_time() == moment(NOW + 10 * SECOND)
        assert [job.id for job in store.get_due_jobs(moment(NOW + 10 * SECOND))] == ["good"]
        assert 0 < store.retry_after() <= 1
        assert [(each.job_id, each.next_run_time) for each in store.quarantined()] == [
            ("bad", None)
        ]
        assert place.raw_bytes("bad") == content
        assert store.lookup_job("bad") is None
        place.remove("bad")
        assert [job.id for job in store.get_all_jobs()] == ["good"]
        assert store.quarantined() == []

    def test_the_time_beside_the_state_says_when_a_job_is_due(self, scheduler, place):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
        place._changed("a", next_run_time=(NOW + 3) / SECOND)
        store = scheduler._jobstores["default"]
        assert store.get_due_jobs(moment(NOW + 2)) == []
        (job,) = store.get_due_jobs(moment(NOW + 3))
        assert job.next_run_time == moment(NOW + 3)

    def test_records_are_as_3_11_3_has_them(self, scheduler, place):
        scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id="a")
        (record,) = scheduler._jobstores["default"]._get_jobs()
        assert record["next_run_time"] == NOW / SECOND + 1
        assert record["job"].id == "a"

    def test_what_a_subclass_leaves_out_of_the_records_does_not_run(self, place):
        class Gate(place.store_class):
            def _get_jobs(self):
                return [each for each in super()._get_jobs() if each["job"].id != "held"]

        store = Gate(**place.options)
        scheduler = started(store)
        for job_id in ("held", "free"):
            scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id=job_id)
        scheduler.advance(5)
        assert [run.job_id for run in scheduler.get_runs()] == ["free"]
        scheduler.shutdown()

    @pytest.mark.parametrize("path", ["", None])
    def test_an_empty_path_is_refused(self, place, path):
        with pytest.raises(ValueError, match="path"):
            place.store_class(path)

    def test_an_argument_that_the_client_does_not_know_is_refused(self, place):
        with pytest.raises(TypeError):
            place.store_class(bogus=1)

    def test_a_client_can_be_named_by_a_text(self, place):
        store = place.store_class(client="plain.documents:plain_document")
        assert store.client is plain_document
        assert repr(store) == f"<{place.store_class.__name__} (client={plain_document})>"

    def test_jobs_below_another_path_are_left_alone(self, place, scheduler):
        near = place.store_class(**{**place.options, "path": place.options["path"] + "0"})
        other = started(near)
        other.add_job(FUNCTION, "interval", ["a"], seconds=10, id="near")
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
        assert [job.id for job in scheduler.get_jobs()] == ["a"]
        scheduler.remove_all_jobs()
        assert [job.id for job in other.get_jobs()] == ["near"]
        other.remove_all_jobs()
        other.shutdown()
