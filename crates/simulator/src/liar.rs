//! A member that lies: a device with a member's key, whose frames are altered, repeated, held back, cut, mixed between
//! connections and rooms, and whose acks, cursors, heads and logs say what is not so.

use std::collections::BTreeMap;

use lanline_protocol::body::{Body, SALT_BYTES, Text};
use lanline_protocol::entry::Entry;
use lanline_protocol::frame::Frame;
use lanline_protocol::id::{EntryId, Hash};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::session::ConnectionId;

use crate::dice::Dice;

/// Frames kept to be repeated.
const KEPT: usize = 32;

pub(crate) struct Liar {
    key: DeviceKey,
    kept: Vec<Vec<u8>>,
    held_back: BTreeMap<ConnectionId, Vec<u8>>,
    /// How many frames of a hundred are not what an honest device sends.
    rate: u64,
}

impl Liar {
    pub(crate) fn new(key_seed: &[u8; 32], rate: u64) -> Self {
        Self { key: DeviceKey::from_seed(key_seed), kept: Vec::new(), held_back: BTreeMap::new(), rate }
    }

    /// It starts anew.
    pub(crate) fn forget(&mut self) {
        self.held_back.clear();
    }

    /// What becomes of a frame.
    pub(crate) fn send(&mut self, connection: ConnectionId, frame: Vec<u8>, dice: &mut Dice) -> Vec<Vec<u8>> {
        if self.kept.len() < KEPT {
            self.kept.push(frame.clone());
        } else {
            self.kept[dice.index(KEPT)] = frame.clone();
        }
        let mut sent = Vec::new();
        if !dice.percent(self.rate) {
            sent.push(frame);
        } else {
            match dice.below(8) {
                0 => {
                    let mut altered = frame;
                    if !altered.is_empty() {
                        let at = dice.index(altered.len());
                        altered[at] ^= 1 << dice.below(8);
                    }
                    sent.push(altered);
                }
                1 => sent.push(frame[..dice.index(frame.len() + 1)].to_vec()),
                2 => {
                    sent.push(frame);
                    sent.push(self.kept[dice.index(self.kept.len())].clone());
                }
                3 => {
                    if let Some(before) = self.held_back.insert(connection, frame) {
                        sent.push(before);
                    }
                    return sent;
                }
                4 => {}
                _ => match Frame::decode(&frame) {
                    Ok(decoded) => sent.extend(self.twist(decoded, dice).iter().map(Frame::encode)),
                    Err(_) => sent.push(frame),
                },
            }
        }
        sent.extend(self.held_back.remove(&connection));
        sent
    }

    /// A frame that is well formed and untrue.
    fn twist(&self, frame: Frame, dice: &mut Dice) -> Vec<Frame> {
        match frame {
            Frame::Ack(mut ack) => {
                ack.upto = ack.upto.saturating_add(dice.below(20));
                vec![Frame::Ack(ack)]
            }
            Frame::Resume(mut resume) => {
                resume.arrival = dice.below(200);
                if dice.percent(50) {
                    resume.anchor = None;
                }
                vec![Frame::Resume(resume)]
            }
            Frame::Heads(mut heads) => {
                match dice.below(3) {
                    0 => heads.heads.clear(),
                    1 => heads.heads.iter_mut().for_each(|head| head.seq = head.seq.saturating_add(dice.below(5))),
                    _ => heads.heads.iter_mut().for_each(|head| head.id = EntryId::new([dice.below(256) as u8; 32])),
                }
                vec![Frame::Heads(heads)]
            }
            Frame::Digest(mut digest) => {
                digest.digest = Hash::new([dice.below(256) as u8; 32]);
                vec![Frame::Digest(digest)]
            }
            Frame::Batch(batch) => {
                let mut twisted = batch.clone();
                match dice.below(8) {
                    0 => {
                        twisted.entries.pop();
                    }
                    1 => twisted.entries.reverse(),
                    2 => twisted.entries.iter_mut().for_each(|entry| entry.body = None),
                    3 => twisted.upto = twisted.upto.map(|upto| upto + dice.below(50)),
                    4 => twisted.anchor = None,
                    5 => {
                        twisted.entries.clear();
                        twisted.records.clear();
                    }
                    6 => twisted.entries.iter_mut().for_each(|entry| {
                        if let Some(forged) = self.forge(entry.clone(), dice) {
                            *entry = forged;
                        }
                    }),
                    _ => {
                        // What it wrote itself, and something else under the same number.
                        let forks: Vec<_> =
                            batch.entries.iter().filter_map(|entry| self.forge(entry.clone(), dice)).collect();
                        twisted.entries = forks;
                        twisted.upto = None;
                        return vec![Frame::Batch(batch), Frame::Batch(twisted)];
                    }
                }
                vec![Frame::Batch(twisted)]
            }
            other => vec![other],
        }
    }

    /// An entry in the place of another one, signed by the liar, whoever wrote that one.
    fn forge(
        &self,
        wire: lanline_protocol::entry::WireEntry,
        dice: &mut Dice,
    ) -> Option<lanline_protocol::entry::WireEntry> {
        let entry = Entry::read(wire).ok()?;
        let mut header = entry.header;
        let body = match entry.body.as_deref() {
            Some(body) if header.kind >= 64 && dice.percent(50) => {
                let mut body = body.to_vec();
                if let Some(byte) = body.first_mut() {
                    *byte ^= 1;
                }
                body
            }
            _ if header.kind == 65 => {
                Body::Text(Text { text: "a lie".into(), reply_to: None }).encode([dice.below(256) as u8; SALT_BYTES])
            }
            Some(body) => body.to_vec(),
            None => return None,
        };
        header.timestamp_us = header.timestamp_us.saturating_add(dice.below(1000));
        header.body_hash = Hash::of(&body);
        header.body_bytes = u32::try_from(body.len()).ok()?;
        let mut forged = Entry::write(header, body);
        forged.sign(&self.key);
        Some(forged.to_wire())
    }
}
