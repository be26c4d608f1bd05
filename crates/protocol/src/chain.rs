//! The control chain: from the creation entry as far as the owner wrote it, and over the acts of the majority.
//!
//! What the owner writes is one link by itself. An act of the majority is known by its ballot: entries that carry
//! the same one are one link, whoever wrote them, so that it matters to nobody which of them a device holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::body::{Ballot, Body, Cut, Settings};
use crate::cbor;
use crate::entry::{Header, LogKey};
use crate::id::{EntryId, Hash, LogId, RoomId};
use crate::identity::{Context, PublicKey, Signature};
use crate::limits;
use crate::lineage::Lineage;
use crate::membership::{Act, Frozen, Tips, lower};
use crate::survey::{Ousted, Readmitted};

/// How many epochs are followed. Each takes more than half of the voters.
pub(crate) const MAX_EPOCHS: u32 = 256;

/// A link of the chain in force.
#[derive(Clone)]
pub(crate) struct Step<'a> {
    /// The entry, or the ballot.
    pub(crate) id: EntryId,
    /// What says so: one entry, or several of the same ballot, in order of their ids.
    pub(crate) acts: Vec<&'a Act>,
    /// Who writes the next one; nobody while the majority has removed the owner.
    pub(crate) owner: Option<PublicKey>,
}

impl Step<'_> {
    /// Whom it removes.
    pub(crate) fn removes(&self) -> Option<PublicKey> {
        match self.acts.first().map(|act| &act.body) {
            Some(Body::Remove(remove)) => Some(remove.key),
            _ => None,
        }
    }
}

/// The chain in force.
pub(crate) struct Way<'a> {
    pub(crate) steps: Vec<Step<'a>>,
    /// Where each of them stands, from 0.
    pub(crate) positions: BTreeMap<EntryId, usize>,
}

impl<'a> Way<'a> {
    pub(crate) fn new(steps: Vec<Step<'a>>) -> Self {
        let positions = steps.iter().enumerate().map(|(position, step)| (step.id, position)).collect();
        Self { steps, positions }
    }

    pub(crate) fn is_in_force(&self, act: &Act) -> bool {
        self.positions
            .get(&act.place())
            .and_then(|position| self.steps.get(*position))
            .is_some_and(|step| step.acts.iter().any(|known| known.id == act.id))
    }

    /// What everybody takes of the chain, and what its removals leave.
    ///
    /// Of several entries with one ballot not everybody may take that of whom it removes, and one behind what a later
    /// removal leaves of its author's log. So the last is looked at first.
    pub(crate) fn taken(&self, lineage: &Lineage<'_>) -> Taken<'a> {
        let mut taken = Taken::default();
        let mut next_removal: BTreeMap<PublicKey, usize> = BTreeMap::new();
        for (position, step) in self.steps.iter().enumerate().rev() {
            let removed = step.removes();
            let of_others = step.acts.iter().filter(|act| {
                let Header { author, log, .. } = &act.header;
                let later = next_removal.get(author).and_then(|position| taken.cuts.get(position));
                let leads = |tips| lineage.leads(&act.header, act.id, tips);
                let left = later.is_none_or(|cuts| cuts.get(log).is_some_and(leads));
                Some(*author) != removed && left
            });
            let of_others: Vec<&Act> = of_others.copied().collect();
            let acts = if of_others.is_empty() { step.acts.clone() } else { of_others };
            if let Some(key) = removed {
                taken.cuts.insert(position, widest(&acts));
                next_removal.insert(key, position);
            }
            taken.acts.insert(position, acts);
        }
        taken
    }
}

/// What everybody takes of the chain in force, by position.
#[derive(Default)]
pub(crate) struct Taken<'a> {
    /// Of the entries of each link those that everybody takes, if there are any, in order of their ids; else all.
    pub(crate) acts: BTreeMap<usize, Vec<&'a Act>>,
    /// What each removal leaves.
    pub(crate) cuts: BTreeMap<usize, Cuts>,
}

/// Voters, each with what made it one.
pub(crate) type Voters = BTreeMap<PublicKey, EntryId>;

#[derive(Clone)]
pub(crate) struct Walk<'a> {
    pub(crate) owner: PublicKey,
    /// Whether the majority removed the owner: it writes no more, until another is appointed.
    pub(crate) owner_removed: bool,
    pub(crate) settings: Settings,
    pub(crate) beacon: Hash,
    /// The last removal, where no beacon key followed it yet.
    pub(crate) beacon_known_to: Option<EntryId>,
    pub(crate) epoch: u32,
    pub(crate) frozen: Option<Frozen>,
    pub(crate) voters: Voters,
    pub(crate) head: EntryId,
    pub(crate) steps: Vec<Step<'a>>,
}

/// What leaving devices ended: adds of their own, and of nobody else, each with the words of leaving that did. One such
/// word may name many adds and many logs, and many may name the same: what they leave is not worked out for each add.
pub(crate) type Left<'a> = BTreeMap<(PublicKey, EntryId), Vec<Leaving<'a>>>;

/// A word of leaving.
#[derive(Clone)]
pub(crate) struct Leaving<'a> {
    pub(crate) act: &'a Act,
    /// What it leaves.
    pub(crate) cuts: Arc<Cuts>,
}

/// What counts of each log of one device; of logs not named, nothing.
pub(crate) type Cuts = BTreeMap<LogId, Tips>;

/// What the cuts of one entry leave. Of one log no more of them count than branches of it are kept, the last: for each
/// entry of the log that is not held it is looked up which of them are.
fn named_by(cuts: &[Cut]) -> Cuts {
    let mut named = Cuts::new();
    for cut in cuts {
        let tips = named.entry(cut.log).or_default();
        tips.insert((cut.seq, cut.id));
        if tips.len() > limits::BRANCHES {
            tips.pop_first();
        }
    }
    named
}

/// What a removal by the majority leaves of each log, where its entries differ: what any of them does. Each was written
/// by somebody who held that much.
fn widest(acts: &[&Act]) -> Cuts {
    let mut widest = Cuts::new();
    for act in acts {
        if let Body::Remove(remove) = &act.body {
            for (log, tips) in named_by(&remove.cuts) {
                widest.entry(log).or_default().extend(tips);
            }
        }
    }
    widest
}

/// The adds that logs are written under, which their first entries name.
pub(crate) type Roots = BTreeMap<LogKey, Vec<EntryId>>;

/// Finds those.
pub(crate) fn roots(acts: &BTreeMap<EntryId, Act>) -> Roots {
    let mut roots = Roots::new();
    for act in acts.values().filter(|act| act.header.seq == 1) {
        roots.entry(act.header.log_key()).or_default().push(act.header.add.unwrap_or(act.id));
    }
    roots
}

/// Adds that each leaving device ended, by its own word.
pub(crate) fn departures<'a>(acts: &'a BTreeMap<EntryId, Act>, roots: &Roots) -> Left<'a> {
    let mut left = Left::new();
    for act in acts.values() {
        let Body::Leave(leave) = &act.body else { continue };
        let mut cuts = named_by(&leave.cuts);
        cuts.insert(act.header.log, Tips::from([(act.header.seq, act.id)]));
        let cuts = Arc::new(cuts);
        let own_roots = roots.get(&act.header.log_key()).into_iter().flatten();
        let ended: BTreeSet<EntryId> = leave.adds.iter().chain(own_roots).copied().collect();
        for add in ended {
            left.entry((act.header.author, add)).or_default().push(Leaving { act, cuts: Arc::clone(&cuts) });
        }
    }
    left
}

/// What words of leaving that end one add leave of a log: of several that name it, the lower; `None` where none does.
pub(crate) fn left_of<'c>(leavings: impl IntoIterator<Item = &'c Arc<Cuts>>, log: &LogId) -> Option<&'c Tips> {
    leavings.into_iter().filter_map(|cuts| cuts.get(log)).reduce(lower)
}

/// What an act of the majority, or a vote for one, is about, and who signed that as it says.
pub(crate) fn signed_as_said(
    room: RoomId,
    header: &Header,
    body: &Body,
) -> Option<(Ballot, Vec<(PublicKey, Signature)>)> {
    let room = room.creation();
    Some(match body {
        Body::Vote(cast) => {
            let ballot =
                Ballot { room, previous: cast.previous, epoch: cast.epoch, kind: cast.kind, subject: cast.subject };
            (ballot, vec![(header.author, cast.signature)])
        }
        Body::Remove(_) | Body::Appoint(_) => {
            let (link, subject) = match body {
                Body::Remove(remove) => (&remove.link, remove.key),
                Body::Appoint(appoint) => (&appoint.link, appoint.key),
                _ => return None,
            };
            if link.votes.is_empty() {
                return None;
            }
            let ballot = Ballot { room, previous: link.previous, epoch: link.epoch, kind: header.kind, subject };
            (ballot, link.votes.iter().map(|vote| (vote.voter, vote.signature)).collect())
        }
        _ => return None,
    })
}

/// The ballot that an entry is about, by its id, and who signed it, voters or not: an act of the majority, or one
/// member's vote for it.
pub(crate) fn signed_by(room: RoomId, header: &Header, body: &Body) -> (Option<EntryId>, BTreeSet<PublicKey>) {
    let Some((ballot, votes)) = signed_as_said(room, header, body) else { return (None, BTreeSet::new()) };
    let bytes = cbor::encode(&ballot);
    let signed = votes.into_iter().filter(|(voter, signature)| voter.verify(Context::Vote, &bytes, signature));
    (Some(ballot.id()), signed.map(|(voter, _)| voter).collect())
}

pub(crate) struct Chain<'a> {
    pub(crate) acts: &'a BTreeMap<EntryId, Act>,
    /// Control entries by what they build on.
    pub(crate) children: BTreeMap<EntryId, Vec<&'a Act>>,
    /// Control entries by their place: their own id, or their ballot's.
    pub(crate) places: BTreeMap<EntryId, Vec<&'a Act>>,
    pub(crate) roots: &'a Roots,
    pub(crate) left: &'a Left<'a>,
    pub(crate) lineage: Lineage<'a>,
    /// Whom any way of the chain removed. Who knows such a way may refuse the word by which one of them left.
    pub(crate) ousted: Ousted<'a>,
    pub(crate) readmitted: Readmitted,
    /// The acts of the majority that any way of the chain goes over, by their ballots.
    pub(crate) carried: Carried<'a>,
}

/// Acts of the majority, by their ballots: of each all entries that are signed by enough.
pub(crate) type Carried<'a> = BTreeMap<EntryId, Vec<&'a Act>>;

impl<'a> Chain<'a> {
    pub(crate) fn new(acts: &'a BTreeMap<EntryId, Act>, roots: &'a Roots, left: &'a Left<'a>) -> Self {
        let mut children: BTreeMap<EntryId, Vec<&Act>> = BTreeMap::new();
        let mut places: BTreeMap<EntryId, Vec<&Act>> = BTreeMap::new();
        for act in acts.values().filter(|act| act.header.kind().is_control()) {
            if let Some(link) = act.body.link() {
                children.entry(link.previous).or_default().push(act);
                places.entry(act.place()).or_default().push(act);
            }
        }
        let (lineage, ousted, carried) = (Lineage::of(acts), Ousted::new(), Carried::new());
        let readmitted = Readmitted::new();
        Self { acts, children, places, roots, left, lineage, ousted, readmitted, carried }
    }

    /// What a way can go on with: what the owner wrote, and acts of the majority by their ballots.
    pub(crate) fn next(
        &self,
        head: EntryId,
        owner: PublicKey,
        owner_removed: bool,
        epoch: u32,
        voters: &Voters,
    ) -> (Vec<&'a Act>, BTreeMap<EntryId, Vec<&'a Act>>) {
        let mut own: Vec<&Act> = Vec::new();
        let mut ballots: BTreeMap<EntryId, Vec<&Act>> = BTreeMap::new();
        let mut waited_for = None;
        for act in self.children.get(&head).map(Vec::as_slice).unwrap_or_default() {
            let Some(link) = act.body.link() else { continue };
            let by_owner = act.header.author == owner && !owner_removed && link.epoch == epoch && link.votes.is_empty();
            if by_owner && !self.behind_leaving(act) {
                own.push(act);
            } else if epoch < MAX_EPOCHS && link.epoch == epoch + 1 && !act.votes.is_empty() {
                let waited_for = *waited_for.get_or_insert_with(|| {
                    voters.iter().filter(|(voter, since)| !self.is_away(**voter, **since, epoch)).count()
                });
                if self.majority(act, voters, epoch, waited_for) {
                    ballots.entry(act.place()).or_default().push(act);
                }
            }
        }
        // Behind the creation the owner is the majority. Could it act by its own vote alone, it could begin the room anew
        // there whenever it was removed.
        if own.len() < 2 {
            let others = |act: &&Act| act.votes.iter().any(|voter| *voter != owner && voters.contains_key(voter));
            ballots.values_mut().for_each(|acts| acts.retain(others));
            ballots.retain(|_, acts| !acts.is_empty());
        }
        (own, ballots)
    }

    /// Whether the author wrote it behind a word of leaving, in the same log. By what a leaving says of other logs nothing is
    /// taken back that an owner did: it could name so little that nobody was ever let in.
    fn behind_leaving(&self, act: &Act) -> bool {
        let log = act.header.log_key();
        let roots = self.roots.get(&log).into_iter().flatten();
        let mut leavings = roots.filter_map(|root| self.left.get(&(log.author, *root))).flatten();
        leavings.any(|Leaving { act: leaving, .. }| {
            let place = |act: &Act| (act.header.seq, act.id);
            leaving.header.log_key() == log && self.lineage.stands_before(log, place(leaving), place(act))
        })
    }

    /// Whether a voter left what made it one.
    pub(crate) fn is_gone(&self, voter: PublicKey, since: EntryId) -> bool {
        self.left.contains_key(&(voter, since))
    }

    /// Whether a voter is not counted among those of whom more than half have to sign: it left, or was removed on any
    /// way.
    fn is_away(&self, voter: PublicKey, since: EntryId, epoch: u32) -> bool {
        self.is_gone(voter, since) || self.oustings(voter, since, epoch).next().is_some()
    }

    /// Whether more than half of the voters signed this act, of whom those are not counted who are away and did not
    /// sign; so many are not away. Were the votes of those not counted either, leaving could undo an act.
    fn majority(&self, act: &Act, voters: &Voters, epoch: u32, waited_for: usize) -> bool {
        let signed = act.votes.iter().filter_map(|voter| Some((*voter, *voters.get(voter)?)));
        let (votes, present) = signed.fold((0, 0), |(votes, present), (voter, since)| {
            (votes + 1, present + usize::from(!self.is_away(voter, since, epoch)))
        });
        votes > waited_for.saturating_sub(present)
    }

    /// What an act of the majority needs besides votes, where no entry of it is signed by more than half of the voters: by
    /// what others left, by what owners removed some, and by what those left whom a removal in force names. Of the word of
    /// these not everybody takes it, so it is needed only where the others are not enough; and so on.
    pub(crate) fn grounds(&self, acts: &[&Act], voters: &Voters, removed: &BTreeSet<PublicKey>) -> Vec<&'a Act> {
        let votes = |act: &&&Act| act.votes.iter().filter(|voter| voters.contains_key(*voter)).count();
        let most = acts.iter().filter(|act| act.ballot.is_some()).max_by_key(votes);
        let Some((act, link)) = most.and_then(|act| Some((act, act.body.link()?))) else { return Vec::new() };
        let epoch = link.epoch.saturating_sub(1);
        let mut silent: Vec<(PublicKey, EntryId)> = voters.iter().map(|(voter, since)| (*voter, *since)).collect();
        silent.retain(|(voter, _)| !act.votes.contains(voter));
        let left = |voter: PublicKey, since: EntryId| -> Vec<&'a Act> {
            self.left.get(&(voter, since)).into_iter().flatten().map(|leaving| leaving.act).collect()
        };
        let ousted = |voter: PublicKey, since: EntryId| -> Vec<&'a Act> {
            self.oustings(voter, since, epoch).filter_map(|ousting| ousting.act).collect()
        };
        let mut grounds = Vec::new();
        for round in 0..3 {
            if votes(&act) > silent.len() {
                break;
            }
            silent.retain(|(voter, since)| {
                let found = match round {
                    0 if removed.contains(voter) => Vec::new(),
                    1 => ousted(*voter, *since),
                    _ => left(*voter, *since),
                };
                let waited_for = found.is_empty();
                grounds.extend(found);
                waited_for
            });
        }
        grounds
    }

    /// What a link changes about who votes.
    pub(crate) fn count(&self, voters: &mut Voters, place: EntryId, act: &Act) {
        match &act.body {
            Body::Create(_) => {
                voters.insert(act.header.author, act.id);
            }
            Body::Admit(admit) => {
                voters.insert(admit.key, act.id);
            }
            Body::Remove(remove) => {
                voters.remove(&remove.key);
            }
            Body::Appoint(appoint) => {
                let stays = voters.get(&appoint.key).is_some_and(|since| !self.is_gone(appoint.key, *since));
                if !stays {
                    voters.insert(appoint.key, place);
                }
            }
            _ => {}
        }
    }

    /// The voters after these links.
    pub(crate) fn voters_after(&self, steps: &[Step<'_>]) -> Voters {
        let mut voters = Voters::new();
        for step in steps {
            if let Some(act) = step.acts.first() {
                self.count(&mut voters, step.id, act);
            }
        }
        voters
    }

    fn apply(&self, walk: &mut Walk<'a>, place: EntryId, acts: Vec<&'a Act>) {
        let Some(act) = acts.first() else { return };
        self.count(&mut walk.voters, place, act);
        match &act.body {
            Body::Remove(remove) => {
                walk.owner_removed |= remove.key == walk.owner;
                walk.beacon_known_to = Some(place);
            }
            Body::Appoint(appoint) => {
                walk.owner = appoint.key;
                walk.owner_removed = false;
            }
            Body::Settings(change) => walk.settings = change.settings.clone(),
            Body::Beacon(beacon) => {
                walk.beacon = beacon.key;
                walk.beacon_known_to = None;
            }
            _ => {}
        }
        walk.head = place;
        let owner = (!walk.owner_removed).then_some(walk.owner);
        walk.steps.push(Step { id: place, acts, owner });
    }

    /// Follows the chain to its end: as far as the owner wrote it, and over to the act of the majority that
    /// reaches the highest epoch.
    pub(crate) fn follow(&self, mut walk: Walk<'a>) -> Walk<'a> {
        let mut best: Option<(u32, EntryId, Walk<'a>)> = None;
        loop {
            let (own, ballots) = self.next(walk.head, walk.owner, walk.owner_removed, walk.epoch, &walk.voters);
            for (ballot, acts) in ballots {
                let mut branch = walk.clone();
                branch.epoch += 1;
                self.apply(&mut branch, ballot, acts);
                let end = self.follow(branch);
                let better = best
                    .as_ref()
                    .is_none_or(|(epoch, id, _)| end.epoch > *epoch || (end.epoch == *epoch && ballot < *id));
                if better {
                    best = Some((end.epoch, ballot, end));
                }
            }
            match own.as_slice() {
                [] => break,
                [act] if matches!(act.body, Body::UnknownControl(_)) => {
                    walk.frozen = Some(Frozen::NewerVersion);
                    break;
                }
                [act] => self.apply(&mut walk, act.id, vec![*act]),
                _ => {
                    walk.frozen = Some(Frozen::Forked);
                    break;
                }
            }
        }
        best.map_or(walk, |(_, _, end)| end)
    }
}
