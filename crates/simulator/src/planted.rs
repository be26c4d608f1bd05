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
