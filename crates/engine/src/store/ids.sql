-- Migration 3: fewer pages change with each entry. An id falls anywhere: in an index that is kept with every row, each
-- entry changes a page of it, which is written twice. So the ids of the newest entries are held in memory, and many are
-- written here at a time.
ALTER TABLE store ADD COLUMN named INTEGER NOT NULL DEFAULT 0; -- entries up to this arrival are in `ids`
CREATE TABLE ids (
    short   INTEGER NOT NULL,      -- the id's first eight bytes; the row of the entry has all of it
    arrival INTEGER NOT NULL,
    PRIMARY KEY (short, arrival)
) STRICT, WITHOUT ROWID;

-- The same table, but for the index of `id`. What a disk damaged may be of another type: it goes on as bytes that do not
-- match, like all that is damaged.
CREATE TABLE new_entries (
    arrival   INTEGER PRIMARY KEY,
    room      INTEGER NOT NULL,
    lane      INTEGER NOT NULL,    -- 0 membership, 1 content
    log       INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    time_us   INTEGER NOT NULL,    -- when it is shown; not always the entry's own time
    erased    INTEGER NOT NULL DEFAULT 0, -- whether an absent body was erased on purpose
    id        BLOB NOT NULL,       -- BLAKE3 of `header`: tells a damaged row
    signature BLOB,                -- on the last entry of a group
    header    BLOB NOT NULL,
    body      BLOB                 -- absent: erased or missing
) STRICT;
INSERT INTO new_entries SELECT arrival, room, lane, log, seq, kind, time_us, erased, ifnull(CAST(id AS BLOB), x''),
    CAST(signature AS BLOB), ifnull(CAST(header AS BLOB), x''), CAST(body AS BLOB) FROM entries ORDER BY arrival;
DROP TABLE entries;
ALTER TABLE new_entries RENAME TO entries;
CREATE INDEX entries_by_lane ON entries (room, lane);
-- Messages (kind 65) are nearly all there is, and are never looked for by their kind.
CREATE INDEX entries_by_kind ON entries (room, kind) WHERE kind <> 65;
CREATE INDEX entries_by_time ON entries (room, time_us, kind);
CREATE INDEX entries_by_log ON entries (log, seq, time_us, kind);
CREATE INDEX entries_missing ON entries (room, lane, log, seq) WHERE body IS NULL AND erased = 0;
