//! Mistakes on purpose, for those who test whether tests find mistakes. The simulator chooses one for its thread; without
//! the feature `planted`, which nothing that is shipped has, [`is`] is always `false` and costs nothing.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "planted"), expect(dead_code, reason = "some are made by whoever drives the replica"))]
pub enum Bug {
    /// What is acknowledged is not on disk yet.
    AckBeforeCommit,
    /// A driver's: what is asked for is answered before it is on disk.
    AnswerBeforeCommit,
    /// A cursor is believed whatever entry stands there.
    CursorWithoutEntry,
    /// A cursor is committed before what it speaks of.
    CursorBeforeEntries,
    /// A cursor names the arrival after the last that came.
    CursorTooHigh,
    /// What is held already is stored once more.
    StoredTwice,
    /// A log is gone on with before its last entry, after a restart.
    SeqReused,
    /// Nobody compares digests.
    DigestForgotten,
    /// Digests say nothing of records.
    DigestWithoutRecords,
    /// Whoever tells heads is taken to hold one entry more.
    HeadTooHigh,
    /// What was acknowledged still counts as on its way.
    WindowNeverReopened,
    /// Who was removed is not told. This stands in the place of acknowledging what was refused: an honest device learns
    /// that what it said does not count before it hears the ack, on the same connection, and so shows nothing untrue.
    RemovalUntold,
    /// Receipts say one entry more.
    DeliveredTooHigh,
    /// What stands further down counts as read.
    ReadTooHigh,
    /// Acks of a store's earlier life are kept when it gets another id.
    AcksSurviveRenewal,
    /// A rolled back store goes on as if nothing were.
    NotRenewed,
    /// What a removed member wrote after its removal counts.
    CutIgnored,
    /// A removal cuts off the last entry before it.
    CutTooLow,
    /// An invite lets in more than it may.
    InviteOverused,
    /// A group's signature is not looked at.
    SignatureUnchecked,
    /// A batch ends within a group.
    GroupSplit,
    /// Others' times do not move this device's clock.
    ClockNotObserved,
    /// Acks that came without anything to store are never written.
    LazyAcksLost,
    /// Acks from before heads count for what is sent after them.
    StaleAcks,
    /// A reply is shown before what it answers.
    ReplyBeforeTarget,
    /// An older record replaces a newer one.
    OlderRecordTaken,
}

#[cfg(feature = "planted")]
impl Bug {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::AckBeforeCommit,
        Self::AnswerBeforeCommit,
        Self::CursorWithoutEntry,
        Self::CursorBeforeEntries,
        Self::CursorTooHigh,
        Self::StoredTwice,
        Self::SeqReused,
        Self::DigestForgotten,
        Self::DigestWithoutRecords,
        Self::HeadTooHigh,
        Self::WindowNeverReopened,
        Self::RemovalUntold,
        Self::DeliveredTooHigh,
        Self::ReadTooHigh,
        Self::AcksSurviveRenewal,
        Self::NotRenewed,
        Self::CutIgnored,
        Self::CutTooLow,
        Self::InviteOverused,
        Self::SignatureUnchecked,
        Self::GroupSplit,
        Self::ClockNotObserved,
        Self::LazyAcksLost,
        Self::StaleAcks,
        Self::ReplyBeforeTarget,
        Self::OlderRecordTaken,
    ];
}

#[cfg(feature = "planted")]
mod chosen {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::Bug;

    /// Signatures whose verdict is kept.
    const KEPT: usize = 1 << 16;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
        static VERDICTS: RefCell<BTreeMap<[u8; 16], bool>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Makes one mistake on this thread from now on, or none.
    pub fn plant(bug: Option<Bug>) {
        CHOSEN.set(bug);
    }

    /// Whether this mistake is to be made.
    pub fn is(bug: Bug) -> bool {
        CHOSEN.get() == Some(bug)
    }

    /// Whether [`once`] remembers, so that each signature has to be asked for by itself.
    pub(crate) const REMEMBERS: bool = true;

    /// A signature's verdict, worked out once: many devices on one thread check the same ones.
    pub(crate) fn once(parts: [&[u8]; 3], work_out: impl FnOnce() -> bool) -> bool {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&part.len().to_be_bytes()).update(part);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        VERDICTS.with_borrow_mut(|verdicts| {
            if verdicts.len() >= KEPT {
                verdicts.clear();
            }
            *verdicts.entry(key).or_insert_with(work_out)
        })
    }
}

#[cfg(feature = "planted")]
pub use chosen::{is, plant};

#[cfg(feature = "planted")]
pub(crate) use chosen::{REMEMBERS, once};

/// Whether this mistake is to be made.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

/// Whether [`once`] remembers.
#[cfg(not(feature = "planted"))]
pub(crate) const REMEMBERS: bool = false;

/// A signature's verdict.
#[cfg(not(feature = "planted"))]
pub(crate) fn once(_: [&[u8]; 3], work_out: impl FnOnce() -> bool) -> bool {
    work_out()
}
