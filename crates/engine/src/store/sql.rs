//! The statements. A room or log that was never stored has no number: nothing is found for it.

/// The columns that [`super::row::found`] reads.
macro_rules! entries {
    ($rest:literal) => {
        concat!("SELECT e.arrival, e.id, e.time_us, e.header, e.body, e.erased, e.signature FROM entries AS e ", $rest)
    };
}

/// The columns that [`super::row::record`] reads.
macro_rules! records {
    ($rest:literal) => {
        concat!(
            "SELECT r.arrival, r.author, r.store, r.name, r.version, r.value, r.content, r.signature, r.checksum
             FROM records AS r ",
            $rest
        )
    };
}

pub(super) const ROOMS: &str = "SELECT id FROM rooms ORDER BY id";

pub(super) const TIPS: &str = "SELECT l.author, l.id, t.seq, t.id, t.timestamp_us, t.add_id
    FROM logs AS l CROSS JOIN tips AS t ON t.log = l.log
    WHERE l.room = (SELECT room FROM rooms WHERE id = ?1) AND t.lane = ?2
    ORDER BY l.author, l.id, t.seq, t.id";

pub(super) const PAGE_ENTRIES: &str = entries!(
    "WHERE e.room = (SELECT room FROM rooms WHERE id = ?1) AND e.lane = ?2 AND e.arrival > ?3 ORDER BY e.arrival"
);

pub(super) const PAGE_RECORDS: &str =
    records!("WHERE r.room = (SELECT room FROM rooms WHERE id = ?1) AND r.arrival > ?2 ORDER BY r.arrival");

pub(super) const ANCHOR: &str = "SELECT arrival, id FROM entries
    WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND lane = ?2 AND arrival <= ?3
    ORDER BY arrival DESC LIMIT 1";

pub(super) const NEWEST_RECORD: &str = "SELECT arrival FROM records
    WHERE room = (SELECT room FROM rooms WHERE id = ?1) ORDER BY arrival DESC LIMIT 1";

pub(super) const ENTRY: &str = entries!("WHERE e.arrival = ?1");

pub(super) const HELD: &str = "SELECT 1 FROM entries WHERE log = ?1 AND seq = ?2 AND id = ?3";

pub(super) const PLACES: &str = "SELECT arrival FROM ids WHERE short = ?1";

pub(super) const UNNAMED: &str = "SELECT arrival, id, header FROM entries WHERE arrival > (SELECT named FROM store)";

pub(super) const AT: &str = entries!(
    "WHERE e.log = (SELECT log FROM logs
                    WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND author = ?2 AND id = ?3)
       AND e.seq = ?4
     ORDER BY e.id"
);

/// Of all kinds but [`Kind::Text`](lanline_protocol::kind::Kind::Text), of which there is an index.
pub(super) const OF_KIND: &str = entries!(
    "WHERE e.room = (SELECT room FROM rooms WHERE id = ?1) AND e.kind = ?2 AND e.kind <> 65 ORDER BY e.arrival"
);

pub(super) const TEXTS: &str =
    entries!("WHERE e.room = (SELECT room FROM rooms WHERE id = ?1) AND e.lane = 1 AND e.kind = 65 ORDER BY e.arrival");

pub(super) const TIMELINE: &str = entries!(
    "CROSS JOIN logs AS l ON l.log = e.log
     WHERE e.room = (SELECT room FROM rooms WHERE id = ?1)
       AND e.time_us <= ?2 AND (e.time_us, l.author, e.seq, e.id) < (?2, ?3, ?4, ?5)
       AND e.kind NOT IN (SELECT value FROM json_each(?6))
     ORDER BY e.time_us DESC, l.author DESC, e.seq DESC, e.id DESC LIMIT ?7"
);

pub(super) const COUNT_KIND: &str = "SELECT count(*) FROM (
    SELECT 1 FROM entries
    WHERE log = (SELECT log FROM logs
                 WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND author = ?2 AND id = ?3)
      AND seq > ?5 AND seq <= ?6 AND kind = ?4 LIMIT ?7)";

/// The author is the log's, so the rows need not name it.
pub(super) const FIRST_AFTER: &str = "SELECT seq FROM entries
    WHERE log = (SELECT log FROM logs
                 WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND author = ?2 AND id = ?3)
      AND seq > ?8 AND (time_us, ?2, seq, id) > (?4, ?5, ?6, ?7)
    ORDER BY seq LIMIT 1";

pub(super) const MISSING: &str = "SELECT l.author, l.id, min(e.seq)
    FROM entries AS e CROSS JOIN logs AS l ON l.log = e.log
    WHERE e.room = (SELECT room FROM rooms WHERE id = ?1) AND e.lane = 1 AND e.body IS NULL AND e.erased = 0
    GROUP BY e.log ORDER BY l.author, l.id";

pub(super) const LOST: &str = "SELECT e.arrival, ?1, l.author, l.id, e.seq, e.id, e.signature IS NOT NULL
    FROM entries AS e CROSS JOIN logs AS l ON l.log = e.log
    WHERE e.room = (SELECT room FROM rooms WHERE id = ?1) AND e.lane = 1 AND e.body IS NULL AND e.erased = 0
    ORDER BY e.arrival LIMIT ?2";

pub(super) const LOST_AT: &str = "SELECT e.arrival, r.id, l.author, l.id, e.seq, e.id, e.signature IS NOT NULL
    FROM entries AS e CROSS JOIN logs AS l ON l.log = e.log CROSS JOIN rooms AS r ON r.room = e.room
    WHERE e.arrival = ?1 AND e.lane = 1";

pub(super) const KNOWS: &str = "SELECT signature IS NOT NULL, id, header FROM entries WHERE arrival = ?1";

/// An entry among the tips, and what comes after it: both name it. Its branches: what names them speaks of them.
pub(super) const TIPS_AT: &str = "SELECT t.id FROM entries AS e
    CROSS JOIN tips AS t ON t.log = e.log AND t.seq = e.seq AND t.lane = e.lane WHERE e.arrival = ?1";

pub(super) const NEXT_OF: &str = "SELECT n.header, s.header FROM entries AS e
    CROSS JOIN entries AS n ON n.log = e.log AND n.seq = e.seq + 1 AND n.lane = e.lane
    LEFT JOIN spares AS s ON s.arrival = n.arrival WHERE e.arrival = ?1";

pub(super) const BRANCHES_OF: &str = "SELECT o.id FROM entries AS e
    CROSS JOIN entries AS o ON o.log = e.log AND o.seq = e.seq AND o.lane = e.lane AND o.arrival <> e.arrival
    WHERE e.arrival = ?1";

pub(super) const SPARE: &str = "SELECT e.arrival, e.time_us, s.header, s.body, s.signature
    FROM entries AS e CROSS JOIN spares AS s ON s.arrival = e.arrival WHERE e.arrival = ?1";

pub(super) const RECORDS: &str = records!(
    "WHERE r.room = (SELECT room FROM rooms WHERE id = ?1) AND (r.author, r.store, r.name) > (?2, ?3, ?4)
     ORDER BY r.author, r.store, r.name"
);

pub(super) const RECORD: &str = records!(
    "WHERE r.room = (SELECT room FROM rooms WHERE id = ?1) AND r.author = ?2 AND r.store = ?3 AND r.name = ?4"
);

pub(super) const CURSOR: &str = "SELECT arrival, anchor FROM cursors
    WHERE store = ?1 AND room = (SELECT room FROM rooms WHERE id = ?2) AND lane = ?3";

pub(super) const ACKS: &str = "SELECT device, arrival FROM acks
    WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND lane = ?2 ORDER BY device";

pub(super) const SENT: &str =
    "SELECT id FROM sent WHERE room = (SELECT room FROM rooms WHERE id = ?1) AND client_id = ?2";

pub(super) const DEVICES: &str = "SELECT key, name, address, first_seen_at, last_seen_at FROM devices ORDER BY key";

pub(super) const VALUE: &str = "SELECT value FROM local WHERE name = ?1";

pub(super) const ROOM_NUMBER: &str = "SELECT room FROM rooms WHERE id = ?1";

pub(super) const PUT_ROOM: &str = "INSERT INTO rooms (id) VALUES (?1)";

pub(super) const LOG_NUMBER: &str = "SELECT log FROM logs WHERE room = ?1 AND author = ?2 AND id = ?3";

pub(super) const PUT_LOG: &str = "INSERT INTO logs (room, author, id) VALUES (?1, ?2, ?3)";

pub(super) const PUT_ENTRY: &str = "INSERT INTO entries
    (arrival, room, lane, log, seq, kind, time_us, id, signature, header, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

pub(super) const PUT_SPARE: &str = "INSERT INTO spares (arrival, signature, header, body) VALUES (?1, ?2, ?3, ?4)";

pub(super) const MEND: &str = "UPDATE entries SET (id, signature, header, body) =
    (SELECT ?2, s.signature, s.header, s.body FROM spares AS s WHERE s.arrival = ?1) WHERE arrival = ?1";

pub(super) const RENAME_ENTRY: &str = "UPDATE entries SET id = ?2 WHERE arrival = ?1";

pub(super) const PUT_LOST: &str = "UPDATE entries SET body = NULL, id = ?2 WHERE arrival = ?1";

pub(super) const PUT_AGAIN: &str =
    "UPDATE entries SET signature = ?2, header = ?3, body = ?4, id = ?5 WHERE arrival = ?1";

/// Where an id is damaged behind what it is looked for by, the header's hash gives the same row again; and an id that is
/// put right may be there.
pub(super) const PUT_ID: &str = "INSERT OR IGNORE INTO ids (short, arrival) VALUES (?1, ?2)";

pub(super) const NAMED: &str = "UPDATE store SET named = ?1";

/// Moves a tip to its successor; changes nothing where the predecessor has one already, which is a fork.
pub(super) const MOVE_TIP: &str = "UPDATE tips SET seq = ?3, id = ?4, timestamp_us = ?5, add_id = ?6
    WHERE log = ?1 AND seq = ?7 AND id = ?8 AND lane = ?2";

pub(super) const PUT_TIP: &str =
    "INSERT INTO tips (log, lane, seq, id, timestamp_us, add_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const PUT_RECORD: &str = "INSERT INTO records
    (arrival, room, author, store, name, version, value, content, signature, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (room, author, store, name) DO UPDATE SET
        arrival = excluded.arrival, version = excluded.version, value = excluded.value,
        content = excluded.content, signature = excluded.signature, checksum = excluded.checksum";

pub(super) const PUT_CURSOR: &str =
    "INSERT OR REPLACE INTO cursors (store, room, lane, arrival, anchor) VALUES (?1, ?2, ?3, ?4, ?5)";

pub(super) const PUT_ACK: &str = "INSERT OR REPLACE INTO acks (room, lane, device, arrival) VALUES (?1, ?2, ?3, ?4)";

pub(super) const PUT_SENT: &str = "INSERT OR REPLACE INTO sent (room, client_id, id) VALUES (?1, ?2, ?3)";

pub(super) const PUT_DEVICE: &str = "INSERT OR REPLACE INTO devices
    (key, name, address, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?4, ?5)";

pub(super) const FORGET_DEVICE: &str = "DELETE FROM devices WHERE key = ?1";

pub(super) const PUT_VALUE: &str = "INSERT OR REPLACE INTO local (name, value) VALUES (?1, ?2)";

pub(super) const FORGET_VALUE: &str = "DELETE FROM local WHERE name = ?1";

pub(super) const FORGET_OWN_LOGS: &str = "DELETE FROM local WHERE name GLOB 'log/*'";

pub(super) const FORGET_ACKS: &str = "DELETE FROM acks";

pub(super) const PUT_STORE: &str = "INSERT INTO store (one, id, identity, last_arrival) VALUES (1, ?1, ?2, 0)";

pub(super) const STORE: &str = "SELECT id, identity, last_arrival FROM store";

pub(super) const HAS_ENTRIES: &str = "SELECT EXISTS (SELECT 1 FROM entries)";

pub(super) const RENAME: &str = "UPDATE store SET id = ?1";

pub(super) const MOVE_IN: &str = "UPDATE store SET identity = ?1";

pub(super) const COUNT: &str = "UPDATE store SET last_arrival = ?1";

/// What runs once or more a message, a page or a peer; a test holds each to an index.
#[cfg(test)]
pub(super) const HOT: [&str; 46] = [
    TIPS,
    PAGE_ENTRIES,
    PAGE_RECORDS,
    ANCHOR,
    NEWEST_RECORD,
    ENTRY,
    HELD,
    PLACES,
    AT,
    OF_KIND,
    TEXTS,
    TIMELINE,
    COUNT_KIND,
    FIRST_AFTER,
    MISSING,
    LOST_AT,
    KNOWS,
    TIPS_AT,
    NEXT_OF,
    BRANCHES_OF,
    SPARE,
    MEND,
    RENAME_ENTRY,
    PUT_LOST,
    PUT_AGAIN,
    PUT_ID,
    RECORDS,
    RECORD,
    CURSOR,
    ACKS,
    SENT,
    VALUE,
    ROOM_NUMBER,
    PUT_ROOM,
    LOG_NUMBER,
    PUT_LOG,
    PUT_ENTRY,
    MOVE_TIP,
    PUT_TIP,
    PUT_RECORD,
    PUT_CURSOR,
    PUT_ACK,
    PUT_SENT,
    PUT_VALUE,
    FORGET_VALUE,
    FORGET_OWN_LOGS,
];
