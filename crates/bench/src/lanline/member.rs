//! A member as the load clients play it: a key, where it stands in the room, and what it signed beforehand.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use lanline_peer::Shows;
use lanline_protocol::body::{Body, SALT_BYTES, Text};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId, StoreId};
use lanline_protocol::identity::{DeviceId, DeviceKey};
use lanline_protocol::kind::{Kind, Lane};
use tokio_rustls::TlsConnector;

/// An entry ready to be sent.
pub(super) struct Prepared {
    pub(super) id: EntryId,
    /// As it stands in a batch.
    pub(super) wire: Vec<u8>,
    /// Whether it ends a group.
    pub(super) signed: bool,
}

/// How far it holds the server's store, of one lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    pub(super) arrival: u64,
    pub(super) anchor: Option<EntryId>,
}

/// See the module's documentation.
pub(crate) struct Member {
    pub(super) index: usize,
    pub(super) key: DeviceKey,
    pub(super) device: DeviceId,
    pub(super) tls: TlsConnector,
    pub(super) store: StoreId,
    /// The entry that made it a member.
    pub(super) add: Option<EntryId>,
    /// In who belongs, and in the content.
    cursors: (Cursor, Cursor),
    pub(super) queue: VecDeque<Prepared>,
    /// Of its own store: what was sent, and what the server acknowledged.
    pub(super) sent: u64,
    pub(super) acked: u64,
    log: LogId,
    seq: u64,
    previous: Option<EntryId>,
    timestamp_us: u64,
}

impl Member {
    /// The member with this number, always the same one.
    pub(crate) fn new(index: usize) -> Self {
        let seed = *blake3::hash(&index.to_be_bytes()).as_bytes();
        let key = DeviceKey::from_seed(&seed);
        let small = |byte: u8| {
            let mut id = [byte; 16];
            if let Some(first) = id.first_chunk_mut() {
                *first = index.to_be_bytes();
            }
            id
        };
        Self {
            index,
            device: key.public().device_id(),
            tls: Shows::Seed(seed).client(&[b"lanline/1"]),
            key,
            store: StoreId::new(small(0xb5)),
            add: None,
            cursors: Default::default(),
            queue: VecDeque::new(),
            sent: 0,
            acked: 0,
            log: LogId::new(small(0xb1)).of_lane(Lane::Content),
            seq: 0,
            previous: None,
            timestamp_us: 0,
        }
    }

    /// How far it is in a lane.
    pub(super) fn cursor(&mut self, lane: Lane) -> &mut Cursor {
        match lane {
            Lane::Membership => &mut self.cursors.0,
            Lane::Content => &mut self.cursors.1,
        }
    }

    /// Writes messages beforehand, so many under one signature, in the place of those that were not sent.
    pub(crate) fn prepare(&mut self, room: RoomId, count: usize, group: usize, text: &str) -> Result<()> {
        let add = self.add.context("not a member yet")?;
        // One body for all: to hash it is the author's work, and to draw its random bytes.
        let body = Body::Text(Text { text: text.to_owned(), reply_to: None }).encode([0x44; SALT_BYTES]);
        let (body_hash, body_bytes) = (Hash::of(&body), u32::try_from(body.len())?);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        self.timestamp_us = self.timestamp_us.max(u64::try_from(clock)?);
        for number in 1..=count {
            self.seq += 1;
            self.timestamp_us += 1;
            let header = Header {
                room: Some(room),
                author: self.key.public(),
                log: self.log,
                seq: self.seq,
                previous: self.previous,
                timestamp_us: self.timestamp_us,
                kind: Kind::Text.number(),
                body_hash,
                body_bytes,
                add: (self.seq == 1).then_some(add),
            };
            let mut entry = Entry::write(header, body.clone());
            let signed = number % group == 0 || number == count;
            if signed {
                entry.sign(&self.key);
            }
            self.previous = Some(entry.id);
            self.queue.push_back(Prepared { id: entry.id, wire: cbor::encode(&entry.to_wire()), signed });
        }
        Ok(())
    }
}
