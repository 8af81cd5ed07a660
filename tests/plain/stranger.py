"""A dialect of SQLAlchemy that no part of ours knows: SQLite under another name."""

from __future__ import annotations

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class StrangerDialect(SQLiteDialect_pysqlite):
    name = "stranger"
    driver = "stranger"
    supports_statement_cache = True


registry.register("stranger", __name__, "StrangerDialect")
