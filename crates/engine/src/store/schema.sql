-- What a device keeps. Migration 1; a published migration is never changed, a later one is added beside it.
--
-- A room's id (32 bytes) and a log's key (48 bytes) stand once in `rooms` and `logs`; everything else refers to them
-- by a small number, so that rows and indexes stay small.

-- What this database is: one row.
CREATE TABLE store (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    id           BLOB NOT NULL,    -- StoreId
    identity     BLOB NOT NULL,    -- public key of the device that writes here
    last_arrival INTEGER NOT NULL  -- the highest ever given, whatever became of its row
) STRICT;

CREATE TABLE rooms (
    room INTEGER PRIMARY KEY,
    id   BLOB NOT NULL UNIQUE      -- RoomId: the id of the creation entry, held or not
) STRICT;

CREATE TABLE logs (
    log    INTEGER PRIMARY KEY,
    room   INTEGER NOT NULL,
    author BLOB NOT NULL,          -- public key
    id     BLOB NOT NULL,          -- LogId
    UNIQUE (room, author, id)
) STRICT;

CREATE TABLE entries (
    arrival   INTEGER PRIMARY KEY,
    room      INTEGER NOT NULL,
    lane      INTEGER NOT NULL,    -- 0 membership, 1 content
    log       INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    time_us   INTEGER NOT NULL,    -- when it is shown; not always the entry's own time
    erased    INTEGER NOT NULL DEFAULT 0, -- whether an absent body was erased on purpose
    id        BLOB NOT NULL UNIQUE,-- BLAKE3 of `header`: tells a damaged row
    signature BLOB,                -- on the last entry of a group
    header    BLOB NOT NULL,
    body      BLOB                 -- absent: erased or missing
) STRICT;
-- The rowid, `arrival`, ends every index: these two are in order of arrival.
CREATE INDEX entries_by_lane ON entries (room, lane);
CREATE INDEX entries_by_kind ON entries (room, kind);
-- Author and id would decide between equal times, and cost 64 bytes an entry; so few are sorted when read.
CREATE INDEX entries_by_time ON entries (room, time_us, kind);
CREATE INDEX entries_by_log ON entries (log, seq, time_us);
CREATE INDEX entries_missing ON entries (room, lane, log, seq) WHERE body IS NULL AND erased = 0;

-- Entries without a successor.
CREATE TABLE tips (
    log          INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    id           BLOB NOT NULL,    -- EntryId
    lane         INTEGER NOT NULL,
    timestamp_us INTEGER NOT NULL, -- the entry's own time
    add_id       BLOB NOT NULL,    -- the add that the log is written under
    PRIMARY KEY (log, seq, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    arrival   INTEGER PRIMARY KEY,
    room      INTEGER NOT NULL,
    author    BLOB NOT NULL,       -- public key
    store     BLOB NOT NULL,       -- StoreId it was written by
    name      INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    value     BLOB NOT NULL,       -- also within `content`; apart, so that reading decodes and verifies nothing
    content   BLOB NOT NULL,       -- what is signed
    signature BLOB NOT NULL,
    checksum  BLOB NOT NULL,       -- BLAKE3 of the row: tells a damaged one
    UNIQUE (room, author, store, name)
) STRICT;
CREATE INDEX records_by_room ON records (room);

-- How far this device holds what another store holds.
CREATE TABLE cursors (
    store   BLOB NOT NULL,
    room    INTEGER NOT NULL,
    lane    INTEGER NOT NULL,
    arrival INTEGER NOT NULL,      -- the other store's
    anchor  BLOB,                  -- EntryId
    PRIMARY KEY (store, room, lane)
) STRICT, WITHOUT ROWID;

-- How far other devices hold what this store holds.
CREATE TABLE acks (
    room    INTEGER NOT NULL,
    lane    INTEGER NOT NULL,
    device  BLOB NOT NULL,         -- DeviceId
    arrival INTEGER NOT NULL,
    PRIMARY KEY (room, lane, device)
) STRICT, WITHOUT ROWID;

-- What was sent under a client's own id, so that sending it again sends nothing twice.
CREATE TABLE sent (
    room      INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    id        BLOB NOT NULL,       -- EntryId
    PRIMARY KEY (room, client_id)
) STRICT, WITHOUT ROWID;

-- Devices met.
CREATE TABLE devices (
    key           BLOB PRIMARY KEY,
    name          TEXT NOT NULL,
    address       TEXT,            -- ip:port
    first_seen_at INTEGER NOT NULL,-- milliseconds since the Unix epoch
    last_seen_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Small local values by name. Those below `log/` say which logs this device writes.
CREATE TABLE local (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
