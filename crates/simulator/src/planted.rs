//! Mistakes on purpose: those of the protocol (its feature `planted`), and those of the driver. Without the feature there
//! is none to make.

#[cfg(feature = "planted")]
pub use lanline_protocol::planted::{Bug, is, plant};

#[cfg(not(feature = "planted"))]
pub use none::Bug;
#[cfg(not(feature = "planted"))]
pub(crate) use none::plant;

#[cfg(not(feature = "planted"))]
mod none {
    /// There is none.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Bug {}

    pub(crate) fn plant(_: Option<Bug>) {}
}

/// Every mistake there is to make, by name.
pub fn all() -> Vec<(String, Bug)> {
    #[cfg(feature = "planted")]
    {
        Bug::ALL.iter().map(|bug| (format!("{bug:?}"), *bug)).collect()
    }
    #[cfg(not(feature = "planted"))]
    {
        Vec::new()
    }
}

/// The seed at which to begin to look for a mistake: one by which it is found, as far as is known. Where that is so no
/// more, it is found a little later.
pub fn first_seed(bug: Bug) -> u64 {
    #[cfg(feature = "planted")]
    {
        SEEDS.iter().find(|(known, _)| *known == bug).map_or(1, |(_, seed)| *seed)
    }
    #[cfg(not(feature = "planted"))]
    {
        match bug {}
    }
}

#[cfg(feature = "planted")]
const SEEDS: &[(Bug, u64)] = &[
    (Bug::AckBeforeCommit, 22),
    (Bug::AnswerBeforeCommit, 4),
    (Bug::CursorBeforeEntries, 6),
    (Bug::CursorWithoutEntry, 511),
    (Bug::DigestForgotten, 10),
    (Bug::DigestWithoutRecords, 10),
    (Bug::WindowNeverReopened, 49),
    (Bug::AcksSurviveRenewal, 3),
    (Bug::NotRenewed, 20),
    (Bug::RemovalUntold, 8),
    (Bug::CutIgnored, 54),
    (Bug::InviteOverused, 87),
    (Bug::SignatureUnchecked, 29),
    (Bug::ClockNotObserved, 3),
    (Bug::LazyAcksLost, 3),
    (Bug::StaleAcks, 8),
];

/// Whether what is asked for is answered before it is on disk.
pub(crate) fn answers_before_commit() -> bool {
    #[cfg(feature = "planted")]
    {
        is(Bug::AnswerBeforeCommit)
    }
    #[cfg(not(feature = "planted"))]
    {
        false
    }
}
