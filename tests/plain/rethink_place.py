"""Where the jobs of a test of the RethinkDB store are."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode

from plain.beside import Place, plain_state
from plain.rethink_double import RethinkDouble
from rethinkdb import RethinkDB

from apscheduler.jobstores.rethinkdb import RethinkDBJobStore


class RethinkPlace(Place):
    store_class = RethinkDBJobStore
    client = "rethinkdb"
    complaint = "UnpicklingError"

    def __init__(self) -> None:
        self.double = RethinkDouble()
        self.double.__enter__()
        self.options = {"database": "kept", "host": "127.0.0.1", "port": self.double.port}

    @property
    def table(self):
        return self.double.tables.databases["kept"]["jobs"]

    @property
    def documents(self):
        return self.table.by_id

    def connect(self, **options):
        return RethinkDB().connect("127.0.0.1", self.double.port, **options)

    def raw(self):
        found = {
            job_id: {**document, "job_state": plain_state(pickle.loads(self.raw_bytes(job_id)))}
            for job_id, document in self.documents.items()
        }
        return found, self.table.indexes

    def is_bare(self):
        return "kept" not in self.double.tables.databases

    def raw_bytes(self, job_id):
        return b64decode(self.documents[job_id]["job_state"]["data"])

    def spoil(self, job_id):
        self.kept = self.raw_bytes(job_id)
        self._write(job_id, b"no pickle")

    def mend(self, job_id):
        self._write(job_id, self.kept)

    def _write(self, job_id, content):
        self.documents[job_id]["job_state"]["data"] = b64encode(content).decode()

    def pause_in_store(self, job_id):
        self.documents[job_id]["next_run_time"] = None

    def close(self):
        self.double.__exit__()
