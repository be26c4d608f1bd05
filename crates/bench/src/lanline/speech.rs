//! The protocol as a load client speaks it: docs/protocol.md, "A small client", without a store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use lanline_protocol::frame::{Ack, Batch, Frame, Heads, Hello, Join, Open, Resume, Tag, room_tag};
use lanline_protocol::id::{EntryId, Hash, RoomId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::link::JoinClaim;
use minicbor::{Decoder, Encoder};

use super::member::{Cursor, Member};
use super::server::Room;
use crate::link::{Heard, Speech};

const PING: &[u8] = &[0x82, 2, 0xa0];
const PONG: &[u8] = &[0x82, 3, 0xa0];
const SLOT: u32 = 0;

/// Entries and bytes in one batch, at most, before the end of the group.
const BATCH_ENTRIES: usize = 64;
const BATCH_BYTES: usize = 256 * 1024;

/// What a member wants to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Who belongs, and no content: it never says where it stands in that.
    Nothing,
    /// Everything.
    Content,
}

/// One member's side of one connection.
pub(crate) struct Spoken {
    member: Arc<Mutex<Member>>,
    room: RoomId,
    exporter: Hash,
    join: Option<Join>,
    takes: Takes,
    their_slot: Option<u32>,
    /// The server's device.
    host: lanline_protocol::identity::DeviceId,
    /// Whether the server said where it stands in the content, and takes it.
    taken: bool,
    /// Whether the server said `end` of what this member takes.
    caught_up: bool,
    resumed: bool,
}

pub(super) fn lock(member: &Mutex<Member>) -> MutexGuard<'_, Member> {
    member.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(out: &mut Vec<u8>, frame: &[u8]) {
    out.extend(u32::try_from(frame.len()).unwrap_or_default().to_be_bytes());
    out.extend(frame);
}

fn say(out: &mut Vec<u8>, frame: &Frame) {
    put(out, &frame.encode());
}

/// What a load client reads of a batch.
#[derive(Default)]
struct Read {
    content: bool,
    entries: u64,
    upto: Option<u64>,
    anchor: Option<EntryId>,
    end: bool,
    /// The entry that names this client's key.
    names: Option<EntryId>,
}

/// Reads a batch without copying it. `key`: whose add is looked for.
fn read_batch(frame: &[u8], key: Option<&PublicKey>) -> Result<Read, minicbor::decode::Error> {
    let mut read = Read::default();
    let mut decoder = Decoder::new(frame);
    decoder.array()?;
    decoder.u8()?;
    let fields = decoder.map()?.unwrap_or_default();
    for _ in 0..fields {
        match decoder.u8()? {
            1 => read.content = decoder.u8()? == Lane::Content.number(),
            2 => {
                let count = decoder.array()?.unwrap_or_default();
                read.entries = count;
                for _ in 0..count {
                    let (mut header, mut body): (&[u8], &[u8]) = (&[], &[]);
                    for _ in 0..decoder.map()?.unwrap_or_default() {
                        match decoder.u8()? {
                            0 => header = decoder.bytes()?,
                            1 => body = decoder.bytes()?,
                            _ => drop(decoder.bytes()?),
                        }
                    }
                    if let Some(key) = key
                        && !read.content
                        && body.windows(32).any(|window| window == key.as_bytes())
                    {
                        read.names = Some(EntryId::new(*blake3::hash(header).as_bytes()));
                    }
                }
            }
            4 => read.upto = Some(decoder.u64()?),
            5 => read.anchor = EntryId::from_slice(decoder.bytes()?),
            6 => read.end = decoder.bool()?,
            _ => decoder.skip()?,
        }
    }
    Ok(read)
}

impl Spoken {
    pub(super) fn new(member: Arc<Mutex<Member>>, room: &Room, exporter: [u8; 32], takes: Takes) -> Result<Self> {
        let host = room.link.hosts.first().context("the link names nobody")?.device;
        let exporter = Hash::new(exporter);
        let join = {
            let member = lock(&member);
            let claim = JoinClaim { room: room.id, exporter, joiner: member.device, host };
            member.add.is_none().then(|| Join {
                tag: room_tag(room.id, &exporter, member.device),
                signature: claim.sign(&room.link.secret),
                invite: room.link.secret.key().public(),
                name: format!("load {}", member.index),
            })
        };
        Ok(Self {
            member,
            room: room.id,
            exporter,
            join,
            takes,
            their_slot: None,
            host,
            taken: false,
            caught_up: false,
            resumed: false,
        })
    }

    fn resume(member: &mut Member, lane: Lane, out: &mut Vec<u8>) {
        let Cursor { arrival, anchor } = *member.cursor(lane);
        say(out, &Frame::Resume(Resume { slot: SLOT, lane, arrival, anchor }));
        if arrival == 0 && anchor.is_none() {
            say(out, &Frame::Heads(Heads { slot: SLOT, lane, heads: Vec::new(), last: true }));
        }
    }

    fn nothing_to_say(lane: Lane, out: &mut Vec<u8>) {
        let batch = Batch {
            slot: SLOT,
            lane,
            entries: Vec::new(),
            records: Vec::new(),
            upto: Some(0),
            anchor: None,
            end: true,
        };
        say(out, &Frame::Batch(batch));
    }

    fn frame(&mut self, frame: &[u8], out: &mut Vec<u8>, heard: &mut Heard) -> Result<()> {
        match frame {
            PING => put(out, PONG),
            [0x82, 10, ..] => self.batch(frame, out, heard)?,
            _ => match Frame::decode(frame)? {
                Frame::Open(open) => {
                    let theirs = room_tag(self.room, &self.exporter, self.host);
                    if let Some(tag) = open.rooms.iter().find(|tag| tag.tag == theirs) {
                        self.their_slot = Some(tag.slot);
                        Self::resume(&mut lock(&self.member), Lane::Membership, out);
                    }
                }
                Frame::Resume(resume) if resume.lane == Lane::Content => self.taken = true,
                // Its heads follow a cursor of nothing; in who belongs it never has another.
                Frame::Heads(heads) if heads.lane == Lane::Membership && heads.last => {
                    Self::nothing_to_say(Lane::Membership, out);
                }
                Frame::Ack(ack) if ack.lane == Lane::Content => {
                    let mut member = lock(&self.member);
                    heard.acked += ack.upto.saturating_sub(member.acked);
                    member.acked = member.acked.max(ack.upto);
                }
                Frame::Joined(joined) => {
                    if let Some(refusal) = joined.refusal {
                        bail!("the join was refused: {refusal:?}");
                    }
                }
                Frame::Unknown(_) if self.join.is_none() => bail!("the server does not know the room"),
                Frame::Goodbye(goodbye) => bail!("goodbye: {}", goodbye.reason),
                _ => {}
            },
        }
        Ok(())
    }

    fn batch(&mut self, frame: &[u8], out: &mut Vec<u8>, heard: &mut Heard) -> Result<()> {
        let mut member = lock(&self.member);
        let wanted = member.add.is_none().then(|| member.key.public());
        let read = read_batch(frame, wanted.as_ref()).map_err(|error| anyhow::anyhow!("a batch: {error}"))?;
        if let Some(add) = read.names {
            member.add = Some(add);
        }
        let lane = if read.content { Lane::Content } else { Lane::Membership };
        if let Some(upto) = read.upto {
            *member.cursor(lane) = Cursor { arrival: upto, anchor: read.anchor };
            say(out, &Frame::Ack(Ack { slot: SLOT, lane, upto, partial: None }));
        }
        if read.content {
            heard.delivered += read.entries;
            self.caught_up |= read.end;
        } else if read.end && member.add.is_some() && !self.resumed {
            self.resumed = true;
            if self.takes == Takes::Content {
                Self::resume(&mut member, Lane::Content, out);
            }
        }
        Ok(())
    }
}

impl Speech for Spoken {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let member = lock(&self.member);
        let hello = Hello { store: member.store, name: format!("load {}", member.index), agent: "bench".to_owned() };
        say(out, &Frame::Hello(hello));
        if let Some(join) = self.join.take() {
            say(out, &Frame::Join(join));
        }
        let tag = room_tag(self.room, &self.exporter, member.device);
        say(out, &Frame::Open(Open { rooms: vec![Tag { slot: SLOT, tag }] }));
        Ok(())
    }

    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some(length) = input.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if input.len() < 4 + length {
                input.reserve(4 + length - input.len());
                break;
            }
            input.advance(4);
            let frame = input.split_to(length);
            self.frame(&frame, out, &mut heard)?;
        }
        Ok(heard)
    }

    fn is_ready(&self) -> bool {
        let member = lock(&self.member).add.is_some();
        member && self.taken && (self.takes == Takes::Nothing || self.caught_up)
    }

    fn publish(&mut self, count: usize, out: &mut Vec<u8>) -> Result<usize> {
        let mut member = lock(&self.member);
        let mut published = 0;
        while published < count && !member.queue.is_empty() {
            let (mut entries, mut number, mut anchor) = (Vec::new(), 0_usize, None);
            while let Some(entry) = member.queue.pop_front() {
                entries.extend_from_slice(&entry.wire);
                number += 1;
                anchor = Some(entry.id);
                let full = number >= BATCH_ENTRIES.min(count - published) || entries.len() >= BATCH_BYTES;
                if entry.signed && full {
                    break;
                }
            }
            published += number;
            member.sent += number as u64;
            let mut frame = Vec::with_capacity(entries.len() + 80);
            head(&mut frame, number, &entries, member.sent, anchor).context("a batch")?;
            put(out, &frame);
        }
        Ok(published)
    }
}

fn head(frame: &mut Vec<u8>, number: usize, entries: &[u8], upto: u64, anchor: Option<EntryId>) -> Result<()> {
    let mut encoder = Encoder::new(&mut *frame);
    encoder.array(2)?.u8(10)?.map(if anchor.is_some() { 7 } else { 6 })?;
    encoder.u8(0)?.u32(SLOT)?.u8(1)?.u8(Lane::Content.number())?.u8(2)?.array(number as u64)?;
    frame.extend_from_slice(entries);
    let mut encoder = Encoder::new(&mut *frame);
    encoder.u8(3)?.array(0)?.u8(4)?.u64(upto)?;
    if let Some(anchor) = anchor {
        encoder.u8(5)?.bytes(anchor.as_bytes())?;
    }
    encoder.u8(6)?.bool(true)?;
    Ok(())
}
