"""What a device keeps on its disk: one file of SQLite."""

import os
import sqlite3
from pathlib import Path

from .frame import Lane, WireEntry, WireRecord

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entry (arrival INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB, signature BLOB) STRICT;
CREATE TABLE IF NOT EXISTS record (arrival INTEGER PRIMARY KEY, content BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cursor (
    store BLOB, lane INTEGER, arrival INTEGER NOT NULL, anchor BLOB, PRIMARY KEY (store, lane)
) STRICT;
"""


class Store:
    """One room's items by arrival, cursors into other stores, and settings. Nothing is on the disk before `commit`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "lanline.sqlite")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)

    def commit(self) -> None:
        self._database.commit()

    def close(self) -> None:
        self._database.close()

    def setting(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def set(self, name: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def random(self, name: str, length: int) -> bytes:
        """The setting, drawn the first time."""
        value = self.setting(name)
        if value is None:
            value = os.urandom(length)
            self.set(name, value)
            self.commit()
        return value

    def forget(self, name: str) -> None:
        self._database.execute("DELETE FROM setting WHERE name = ?", (name,))

    def entries(self) -> list[tuple[int, WireEntry]]:
        rows = self._database.execute("SELECT * FROM entry ORDER BY arrival")
        return [(arrival, WireEntry(*rest)) for arrival, *rest in rows]

    def records(self) -> list[tuple[int, WireRecord]]:
        rows = self._database.execute("SELECT * FROM record ORDER BY arrival")
        return [(arrival, WireRecord(*rest)) for arrival, *rest in rows]

    def add_entry(self, arrival: int, entry: WireEntry) -> None:
        values = (arrival, entry.header, entry.body, entry.signature)
        self._database.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", values)

    def add_record(self, arrival: int, record: WireRecord, replaced: int | None) -> None:
        self._database.execute("DELETE FROM record WHERE arrival = ?", (replaced,))
        self._database.execute("INSERT INTO record VALUES (?, ?, ?)", (arrival, record.content, record.signature))

    def cursor(self, store: bytes, lane: Lane) -> tuple[int, bytes | None]:
        """How far this device holds another's store."""
        query = "SELECT arrival, anchor FROM cursor WHERE store = ? AND lane = ?"
        return self._database.execute(query, (store, lane)).fetchone() or (0, None)

    def set_cursor(self, store: bytes, lane: Lane, arrival: int, anchor: bytes | None) -> None:
        self._database.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", (store, lane, arrival, anchor))
