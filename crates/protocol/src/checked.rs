//! Batches, looked through as far as that takes no knowledge of the room: form, hashes, signatures.
//!
//! That is most of the work that an entry makes, and it depends on nothing but the bytes. So whoever drives a replica
//! may have it done beforehand, on any thread; a [`CheckedBatch`] cannot be had in another way. What the replica is
//! handed as bytes it looks through by the same code.

use std::vec;

use crate::entry::{Entry, WireEntry};
use crate::frame::{Batch, Frame};
use crate::id::EntryId;
use crate::identity::Context;
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::record::{Record, WireRecord};
use crate::signatures::Signatures;

/// What no honest peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch with something in it that contradicts itself")]
pub struct BadBatch;

/// Entries of one log, each named by the next one as its predecessor, of which the last has a signature.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    entries: Vec<Entry>,
    /// Whether the signature is the author's.
    holds: bool,
}

impl Group {
    /// `None`: it is none. Whether the signature holds is still to be said.
    fn of(lane: Lane, entries: Vec<Entry>) -> Option<Self> {
        let (last, _) = entries.split_last()?;
        let size: usize = entries.iter().map(Entry::size).sum();
        let bytes = match lane {
            Lane::Membership => limits::MEMBERSHIP_GROUP_BYTES,
            Lane::Content => limits::GROUP_BYTES + limits::BODY_BYTES,
        };
        let one_chain = entries.windows(2).all(|pair| match pair {
            [before, after] => {
                after.header.log_key() == before.header.log_key() && after.header.previous == Some(before.id)
            }
            _ => false,
        });
        let fine = last.signature.is_some()
            && one_chain
            && entries.len() <= limits::GROUP_ENTRIES
            && size <= bytes
            && (lane == Lane::Content || entries.iter().all(|entry| entry.body.is_some()));
        fine.then_some(Self { entries, holds: false })
    }

    /// To be looked at.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries from one of them on, once they are stored.
    pub(crate) fn into_entries(mut self, first: usize) -> Vec<Entry> {
        if first > 0 { self.entries.split_off(first) } else { self.entries }
    }

    /// To be stored, where the author signed them.
    pub(crate) fn signed(&self) -> Option<&[Entry]> {
        self.holds.then_some(&self.entries)
    }
}

/// A batch of which it is known what is signed by its author; whether that counts in its room is another question.
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    pub(crate) slot: u32,
    pub(crate) lane: Lane,
    pub(crate) groups: Vec<Group>,
    /// Whether something that is no group comes after these.
    pub(crate) broken: bool,
    pub(crate) records: Vec<Record>,
    pub(crate) upto: Option<u64>,
    pub(crate) anchor: Option<EntryId>,
    pub(crate) end: bool,
}

impl CheckedBatch {
    /// Looks a whole batch through at once.
    pub(crate) fn read(batch: Batch) -> Result<Self, BadBatch> {
        let mut checking = Checking::of(batch);
        while !checking.step()? {}
        Ok(checking.checked)
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        let entries = self.groups.iter().flat_map(Group::entries).map(Entry::size);
        entries.sum::<usize>() + self.records.iter().map(Record::size).sum::<usize>()
    }
}

/// Whether a frame is a batch, as far as its first bytes tell.
pub fn is_batch(frame: &[u8]) -> bool {
    frame.starts_with(&[0x82, Frame::BATCH])
}

/// Signatures that are checked together: some more would save little, and these take less than a millisecond.
const TOGETHER: usize = 32;

/// A batch that is being looked through, some signatures at a time: a full one is the work of a time slice.
#[derive(Debug)]
pub struct Checking {
    entries: vec::IntoIter<WireEntry>,
    records: vec::IntoIter<WireRecord>,
    /// Those of the last groups, until they are checked.
    signatures: Signatures,
    checked: CheckedBatch,
}

impl Checking {
    /// Begins with a frame as it came. `None`: it is no batch, or not a well-formed one, and is for
    /// [`crate::replica::Replica::frame`] to judge.
    pub fn begin(frame: &[u8]) -> Option<Self> {
        // Others are not decoded in vain.
        if !is_batch(frame) {
            return None;
        }
        match Frame::decode(frame) {
            Ok(Frame::Batch(batch)) => Some(Self::of(batch)),
            _ => None,
        }
    }

    fn of(batch: Batch) -> Self {
        let Batch { slot, lane, entries, records, upto, anchor, end } = batch;
        let (entries, records) = (entries.into_iter(), records.into_iter());
        let checked =
            CheckedBatch { slot, lane, groups: Vec::new(), broken: false, records: Vec::new(), upto, anchor, end };
        Self { entries, records, signatures: Signatures::default(), checked }
    }

    /// Looks some groups or records through. Whether that was all; then [`Checking::finish`] has the batch.
    ///
    /// # Errors
    /// [`BadBatch`]
    pub fn step(&mut self) -> Result<bool, BadBatch> {
        for _ in 0..TOGETHER {
            if !self.read_group()? {
                let Some(wire) = self.records.next() else { break };
                if self.checked.lane != Lane::Content {
                    return Err(BadBatch);
                }
                self.checked.records.push(Record::read(wire).map_err(|_| BadBatch)?);
            }
        }
        self.check_signatures();
        Ok(self.is_done())
    }

    /// Reads the next group; `false`: there is none.
    fn read_group(&mut self) -> Result<bool, BadBatch> {
        let lane = self.checked.lane;
        let mut group = Vec::new();
        for wire in self.entries.by_ref() {
            let entry = Entry::read(wire).map_err(|_| BadBatch)?;
            if entry.header.lane() != lane {
                return Err(BadBatch);
            }
            let signed = entry.signature.is_some();
            group.push(entry);
            if signed || group.len() > limits::GROUP_ENTRIES {
                break;
            }
        }
        if group.is_empty() {
            return Ok(false);
        }
        let group = Group::of(lane, group);
        let signed =
            group.as_ref().and_then(|group| group.entries.last()).and_then(|last| Some((last, last.signature?)));
        if let Some((last, signature)) = signed {
            self.signatures.add(&last.header.author, Context::Entry, last.id.as_bytes(), signature);
        }
        match group {
            Some(group) => self.checked.groups.push(group),
            None => {
                // What stands before it stays.
                self.checked.broken = true;
                (self.entries, self.records) = Default::default();
            }
        }
        Ok(true)
    }

    fn check_signatures(&mut self) {
        let unchecked = self.checked.groups.len().saturating_sub(self.signatures.len());
        let verdicts = self.signatures.check();
        for (group, holds) in self.checked.groups.iter_mut().skip(unchecked).zip(verdicts) {
            group.holds = holds || planted::is(Bug::SignatureUnchecked);
        }
    }

    fn is_done(&self) -> bool {
        self.entries.len() == 0 && self.records.len() == 0
    }

    /// The batch, once all of it was looked through.
    pub fn finish(self) -> Option<CheckedBatch> {
        self.is_done().then_some(self.checked)
    }
}

#[cfg(feature = "conformance")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Chain;
    use crate::kind::Kind;

    fn batch(lane: Lane, entries: &[Entry]) -> Batch {
        let entries = entries.iter().map(Entry::to_wire).collect();
        Batch { slot: 1, lane, entries, records: Vec::new(), upto: Some(3), anchor: None, end: false }
    }

    fn log() -> Chain {
        Chain::new(1, Chain::create(1, 1).0.room(), 2)
    }

    #[test]
    fn a_batch_is_looked_through_some_groups_at_a_time() {
        let mut alice = log();
        let mut entries = vec![alice.write(Kind::Text, 10), alice.write(Kind::Text, 11)];
        entries.extend((12..).take(TOGETHER + 1).map(|at| alice.sign(Kind::Text, at)));
        let frame = Frame::Batch(batch(Lane::Content, &entries)).encode();
        let mut checking = Checking::begin(&frame).unwrap();
        assert_eq!(checking.step(), Ok(false));
        assert_eq!(checking.step(), Ok(true));
        let checked = checking.finish().unwrap();
        let groups: Vec<usize> = checked.groups.iter().map(|group| group.entries().len()).collect();
        assert_eq!((groups, checked.upto), ([vec![3], vec![1; TOGETHER]].concat(), Some(3)));
        let held: Vec<Entry> = checked.groups.iter().filter_map(Group::signed).flatten().cloned().collect();
        assert_eq!(held, entries);
    }

    #[test]
    fn what_is_not_looked_through_is_not_handed_out() {
        let logs = std::iter::repeat_with(log).take(TOGETHER + 1);
        let entries: Vec<Entry> = logs.map(|mut log| log.sign(Kind::Text, 10)).collect();
        let mut checking = Checking::of(batch(Lane::Content, &entries));
        assert_eq!(checking.step(), Ok(false));
        assert!(checking.finish().is_none());
    }

    #[test]
    fn what_the_author_did_not_sign_is_not_to_be_stored() {
        let mut alice = log();
        let (first, mut second) = (alice.sign(Kind::Text, 10), alice.sign(Kind::Text, 11));
        second.sign(&crate::identity::DeviceKey::from_seed(&[2; 32]));
        let checked = CheckedBatch::read(batch(Lane::Content, &[first.clone(), second])).unwrap();
        let signed: Vec<_> = checked.groups.iter().map(Group::signed).collect();
        assert_eq!(signed, [Some(std::slice::from_ref(&first)), None]);
    }

    #[test]
    fn what_stands_before_what_is_no_group_stays() {
        let mut alice = log();
        let first = alice.sign(Kind::Text, 10);
        for after in [vec![alice.write(Kind::Text, 11)], vec![log().write(Kind::Text, 11), alice.sign(Kind::Text, 12)]]
        {
            let entries = [vec![first.clone()], after].concat();
            let checked = CheckedBatch::read(batch(Lane::Content, &entries)).unwrap();
            assert!(checked.broken && checked.groups.len() == 1);
        }
        let mut many = log();
        let over: Vec<Entry> = (0..100).map(|n| many.write(Kind::Text, 10 + n)).collect();
        let checked = CheckedBatch::read(batch(Lane::Content, &over)).unwrap();
        assert!(checked.broken && checked.groups.is_empty());
    }

    #[test]
    fn what_contradicts_itself_makes_no_batch() {
        let first = log().sign(Kind::Text, 10);
        assert_eq!(CheckedBatch::read(batch(Lane::Membership, std::slice::from_ref(&first))).err(), Some(BadBatch));
        let mut other_body = first;
        other_body.body = Some(vec![0; 20]);
        assert_eq!(CheckedBatch::read(batch(Lane::Content, &[other_body])).err(), Some(BadBatch));
    }
}
