-- Migration 2: who belongs to a room is kept twice. Without it nobody could be asked for what a disk has lost.
CREATE TABLE spares (
    arrival   INTEGER PRIMARY KEY, -- of an entry in lane 0
    signature BLOB,
    header    BLOB NOT NULL,
    body      BLOB
) STRICT;
INSERT INTO spares SELECT arrival, signature, header, body FROM entries WHERE lane = 0;
