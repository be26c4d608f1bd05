//! What stands beside the control chain in force: what an act of the majority outranked, both ways of a fork, and what
//! somebody made up.

use std::collections::BTreeMap;

use crate::body::Body;
use crate::chain::{Chain, Way};
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::membership::Act;

impl Chain<'_> {
    /// Finds where the entries stand that are not in force: behind which of the chain in force, and which of them
    /// owners wrote. Each is looked at once, however far beside the chain it stands.
    pub(crate) fn beside(&self, way: &Way<'_>) -> Beside {
        let mut beside = Beside::default();
        for (position, step) in way.steps.iter().enumerate() {
            let mut path = Path { owner: step.owner, appointed: BTreeMap::new(), unknown: 0 };
            let mut visits = vec![Visit::Behind(step.id)];
            while let Some(visit) = visits.pop() {
                let place = match visit {
                    Visit::Behind(place) => place,
                    Visit::Back(act) => {
                        path.pass(&act.body, false);
                        continue;
                    }
                };
                if let Some(act) = self.places.get(&place).and_then(|acts| acts.first()).filter(|_| place != step.id) {
                    path.pass(&act.body, true);
                    visits.push(Visit::Back(act));
                }
                for act in self.children.get(&place).map(Vec::as_slice).unwrap_or_default() {
                    if way.positions.contains_key(&act.place()) {
                        continue;
                    }
                    if path.is_by_owner(act) {
                        beside.outranked.insert(act.id, position);
                    }
                    // Entries with one ballot are one place.
                    if beside.positions.insert(act.place(), position).is_none() {
                        visits.push(Visit::Behind(act.place()));
                    }
                }
            }
        }
        beside
    }
}

/// What stands beside the chain in force.
#[derive(Default)]
pub(crate) struct Beside {
    /// By its place: the position of the nearest before it that is in force.
    pub(crate) positions: BTreeMap<EntryId, usize>,
    /// What owners wrote of it, and not behind what is not understood: entries, each with that position.
    pub(crate) outranked: BTreeMap<EntryId, usize>,
}

impl Beside {
    /// How much of the chain in force the author of an add knew: the position of what it names, or of the nearest
    /// before that is in force.
    pub(crate) fn position(&self, way: &Way<'_>, control: EntryId) -> usize {
        way.positions.get(&control).or_else(|| self.positions.get(&control)).copied().unwrap_or(0)
    }
}

enum Visit<'a> {
    /// To be looked at: what builds on this place.
    Behind(EntryId),
    /// All that builds on it was looked at.
    Back(&'a Act),
}

/// What stands between the chain in force and what is looked at beside it.
struct Path {
    /// The owner behind the position.
    owner: Option<PublicKey>,
    /// Who was appointed on the way, and how often.
    appointed: BTreeMap<PublicKey, usize>,
    /// How much of it is of an unknown kind.
    unknown: usize,
}

impl Path {
    /// Goes on over an entry, or back.
    fn pass(&mut self, body: &Body, on: bool) {
        let count = match body {
            Body::UnknownControl(_) => &mut self.unknown,
            Body::Appoint(appoint) => self.appointed.entry(appoint.key).or_default(),
            _ => return,
        };
        *count = if on { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Whether an owner wrote this here: the one behind the position, or one that was appointed on the way.
    fn is_by_owner(&self, act: &Act) -> bool {
        let author = act.header.author;
        let owner = self.owner == Some(author) || self.appointed.get(&author).is_some_and(|times| *times > 0);
        self.unknown == 0 && owner && act.body.link().is_some_and(|link| link.votes.is_empty())
    }
}
