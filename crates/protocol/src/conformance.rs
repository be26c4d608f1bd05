//! What every [`Store`] must do, as a suite that panics where one does not. For tests.
//!
//! `fresh` makes an empty store with this id; `crash` gives back what a crash at this moment leaves of a store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that is shared between crates"
)]

mod actor;
mod random;
mod reads;
mod transactions;

pub use self::actor::Chain;
pub use self::random::agree;

use crate::id::StoreId;
use crate::store::Store;

/// The id of most stores under test.
pub const STORE: StoreId = StoreId::new([7; 16]);

/// Runs every check.
pub fn suite<S: Store>(mut fresh: impl FnMut(StoreId) -> S, mut crash: impl FnMut(S) -> S) {
    reads::an_empty_store_answers_everything(fresh(STORE));
    reads::entries_come_back_as_they_were_stored(fresh(STORE));
    reads::rooms_are_those_whose_creation_is_held(fresh(STORE));
    reads::tips_move_and_fork(fresh(STORE));
    reads::pages_cut_no_group(fresh(STORE));
    reads::pages_mix_records_in_order(fresh(STORE));
    reads::anchors_are_entries(fresh(STORE));
    reads::branches_and_kinds_are_found(fresh(STORE));
    reads::the_timeline_is_in_order(fresh(STORE));
    reads::entries_of_a_kind_are_counted(fresh(STORE));
    reads::the_first_after_a_place_follows_what_is_shown(fresh(STORE));
    reads::missing_bodies_are_named(fresh(STORE));
    reads::what_is_lost_is_put_back(fresh(STORE));
    reads::records_are_replaced_in_place_and_arrive_anew(fresh(STORE));
    reads::small_things_are_replaced_and_told_apart(fresh(STORE));
    transactions::writes_are_seen_at_once_and_undone_by_rollback(fresh(STORE));
    transactions::a_commit_survives_a_crash(fresh(STORE), &mut crash);
    transactions::a_crash_keeps_exactly_what_was_committed(fresh(STORE), &mut crash);
    transactions::arrivals_are_never_given_twice(fresh(STORE), &mut crash);
    transactions::a_renewed_store_forgets_acks(fresh(STORE), &mut crash);
    transactions::a_failed_write_takes_the_others_with_it(fresh(STORE), &mut crash);
    transactions::absurd_numbers_are_refused_or_kept(fresh(STORE), &mut crash);
}
