//! What a device is told that is no member, by a device that knows why: what made it so and all that this stands on. Who
//! was removed is told no more beacon keys than that takes: the others were drawn to keep it out.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::Body;
use crate::entry::Header;
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::membership::{Act, Membership};
use crate::replica::Replica;
use crate::room::Room;
use crate::session::ConnectionId;
use crate::store::{Arrival, Item, Store, StoreError};

/// What of the membership lane a peer may be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// What arrived up to here: the end of a group.
    pub(crate) until: Arrival,
    /// The arrivals among that of what it is not told, if it was removed: beacons on which nothing stands that it needs,
    /// and what stands behind them in their logs. Of a group of which the last is among them nothing is told.
    pub(crate) withheld: BTreeSet<Arrival>,
}

impl Evidence {
    fn everything() -> Self {
        Self { until: Arrival::MAX, withheld: BTreeSet::new() }
    }
}

/// The control entries that are held, by place: of several with one ballot, the one that arrived first.
type Places<'a> = BTreeMap<EntryId, (Arrival, &'a Act)>;

/// What tells a peer why it is no member.
#[derive(Default)]
struct Reasons {
    acts: BTreeSet<EntryId>,
    /// Up to where in the chain in force it is told who belongs.
    position: usize,
}

impl<S: Store> Replica<S> {
    /// The arrival of this device's own leaving, where it came after what a peer may know: it is told, too, with what
    /// stands before it in its log, if that says nothing of others who came since. The peer may be a member to all but
    /// this device, and would take this one for a member for good.
    pub(crate) fn told_leave(&self, id: RoomId, until: Arrival) -> Result<Arrival, StoreError> {
        let Some(room) = self.rooms.get(&id).filter(|room| !room.is_member(&self.me)) else { return Ok(0) };
        let mut leave = 0;
        let own = room.acts.values().filter(|act| act.header.author == self.me);
        for act in own {
            let Some(arrival) = self.store.entry(act.id)?.map(|stored| stored.arrival).filter(|at| *at > until) else {
                continue;
            };
            match act.body {
                Body::Leave(_) => leave = leave.max(arrival),
                Body::Vote(_) | Body::Invite(_) => {}
                _ => return Ok(0),
            }
        }
        Ok(leave)
    }

    /// What a peer may know of who belongs: who is a member no more is told what made it so, which may be the end of
    /// whoever added or invited it, or whom else its invite let in, and nothing that came later.
    pub(crate) fn evidence(&self, connection: ConnectionId, id: RoomId) -> Result<Evidence, StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(Evidence::default()) };
        let Some(room) = self.rooms.get(&id) else { return Ok(Evidence::default()) };
        // Who left writes nothing of what it hears, and so can only tell by it.
        let by_hearsay =
            || !room.is_member(&self.me) && room.by_hearsay().is_some_and(|with| with.is_member(&session.peer));
        if room.is_member(&session.peer) || by_hearsay() {
            return Ok(Evidence::everything());
        }
        let Some(membership) = &room.membership else { return Ok(Evidence::default()) };
        let places = self.places(room)?;
        let (peer, believed) = (session.peer, session.believes.get(&id).copied());
        let (about, invites) = concerned(room, membership, peer, believed);
        let mut reasons = Reasons::default();
        stand_by_removals(membership, &places, &about, &mut reasons);
        let removed_at = removed_at(membership, &places, peer);
        // By who else is a member to it, it may have been let in again where this device would not look.
        let surely = removed_at.filter(|_| believed.is_none());
        outrank(room, membership, &places, surely, &mut reasons);
        reasons.acts.extend(forks(room, membership, reasons.position));
        reasons.acts.extend(
            membership.grounds.iter().filter(|(position, _)| *position <= reasons.position).map(|(_, ground)| ground),
        );
        let void = |act: &Act| !membership.adds.contains_key(&act.id);
        // Removals that are not in force, too, as long as they stand behind no key.
        let mut others = BTreeSet::new();
        for act in room.acts.values() {
            match &act.body {
                Body::Remove(remove) if about.contains(&remove.key) => others.insert(act.id),
                Body::Leave(_) if about.contains(&act.header.author) => reasons.acts.insert(act.id),
                body => {
                    let invite = body.lets_in().and_then(|(_, invite)| invite);
                    let used = invite.is_some_and(|invite| invites.contains(&invite)) && !void(act);
                    used && reasons.acts.insert(act.id)
                }
            };
        }
        let mut until = 0;
        for act in reasons.acts.iter().chain(&others) {
            until = until.max(self.arrival(*act)?);
        }
        // Who may be told an entry is told its group: nothing else proves it.
        until = self.rest_of_group(id, until)?.last().map_or(until, Item::arrival);
        let withheld = match removed_at {
            Some(_) => self.withheld(room, &places, reasons.acts, until)?,
            None => BTreeSet::new(),
        };
        Ok(Evidence { until, withheld })
    }

    /// An entry and what follows it in its group.
    fn rest_of_group(&self, id: RoomId, arrival: Arrival) -> Result<Vec<Item>, StoreError> {
        match arrival.checked_sub(1) {
            Some(before) => self.store.page(id, Lane::Membership, before, 1, 0),
            None => Ok(Vec::new()),
        }
    }

    fn arrival(&self, act: EntryId) -> Result<Arrival, StoreError> {
        Ok(self.store.entry(act)?.map_or(0, |stored| stored.arrival))
    }

    fn places<'a>(&self, room: &'a Room) -> Result<Places<'a>, StoreError> {
        let mut places = Places::new();
        for act in room.acts.values().filter(|act| act.header.kind().is_control()) {
            let arrival = self.arrival(act.id)?;
            let first = places.entry(act.place()).or_insert((arrival, act));
            if arrival < first.0 {
                *first = (arrival, act);
            }
        }
        Ok(places)
    }

    /// The arrivals of the beacons on which nothing of this stands, and of what cannot be told without them.
    fn withheld(
        &self,
        room: &Room,
        places: &Places<'_>,
        needed: BTreeSet<EntryId>,
        until: Arrival,
    ) -> Result<BTreeSet<Arrival>, StoreError> {
        let beacons: BTreeSet<EntryId> =
            room.acts.values().filter(|act| matches!(act.body, Body::Beacon(_))).map(|act| act.id).collect();
        if beacons.is_empty() {
            return Ok(BTreeSet::new());
        }
        let authors: BTreeSet<PublicKey> =
            beacons.iter().filter_map(|id| room.acts.get(id)).map(|act| act.header.author).collect();
        let mut next: Vec<EntryId> = needed.iter().copied().collect();
        let mut needed = needed;
        while let Some(act) = next.pop().and_then(|id| room.acts.get(&id)) {
            next.extend(stands_on(places, act).into_iter().filter(|id| needed.insert(*id)));
            if authors.contains(&act.header.author)
                && let Some(stored) = self.store.entry(act.id)?.filter(|stored| stored.entry.signature.is_none())
            {
                let group = self.rest_of_group(room.id, stored.arrival)?;
                let ids = group.iter().filter_map(|item| match item {
                    Item::Entry(stored) => Some(stored.entry.id),
                    Item::Record(..) | Item::Lost(_) => None,
                });
                next.extend(ids.filter(|id| needed.insert(*id)));
            }
        }
        let mut logs: Vec<&Act> = room.acts.values().filter(|act| authors.contains(&act.header.author)).collect();
        logs.sort_unstable_by_key(|act| act.header.seq);
        let (mut hidden, mut withheld) = (BTreeSet::new(), BTreeSet::new());
        for act in logs {
            let behind = |header: &Header| header.previous.is_some_and(|previous| hidden.contains(&previous));
            if behind(&act.header) || beacons.contains(&act.id) && !needed.contains(&act.id) {
                hidden.insert(act.id);
                // What is later is not told anyway, but for what this device wrote.
                let arrival = self.arrival(act.id)?;
                if arrival <= until || act.header.author == self.me {
                    withheld.insert(arrival);
                }
            }
        }
        Ok(withheld)
    }
}

/// Whose end may be why a peer is no member: its own, and of whom it was let in by, as long as its own is not enough;
/// and the invites of which others may have left it no use.
fn concerned(
    room: &Room,
    membership: &Membership,
    peer: PublicKey,
    believed: Option<PublicKey>,
) -> (BTreeSet<PublicKey>, BTreeSet<EntryId>) {
    let mut about: BTreeSet<PublicKey> = believed.into_iter().chain([peer]).collect();
    let mut added_by: BTreeMap<PublicKey, Vec<PublicKey>> = BTreeMap::new();
    let mut invites: BTreeSet<EntryId> = BTreeSet::new();
    for act in room.acts.values() {
        let Some((key, invite)) = act.body.lets_in() else { continue };
        let authors = added_by.entry(key).or_default();
        match membership.adds.get(&act.id) {
            Some(added) if added.ended() => {}
            Some(_) if matches!(act.body, Body::Admit(_)) => {}
            Some(_) => authors.push(act.header.author),
            // An owner's word is void, too, where the majority put the owner aside before it.
            None => {
                authors.push(act.header.author);
                authors.extend(invite.and_then(|invite| room.acts.get(&invite)).map(|invite| invite.header.author));
                invites.extend(invite.filter(|_| key == peer));
            }
        }
    }
    let mut next: Vec<PublicKey> = about.iter().copied().collect();
    while let Some(key) = next.pop() {
        next.extend(added_by.remove(&key).unwrap_or_default().into_iter().filter(|author| about.insert(*author)));
    }
    (about, invites)
}

/// The position of the last removal of any of these in the chain in force.
fn last_removal(membership: &Membership, places: &Places<'_>, about: impl Fn(&PublicKey) -> bool) -> Option<usize> {
    membership.chain.iter().rposition(|place| {
        places.get(place).is_some_and(|(_, act)| matches!(&act.body, Body::Remove(remove) if about(&remove.key)))
    })
}

/// Where a peer was removed by the chain in force, if that ended all by which it ever was a member as far as is known.
fn removed_at(membership: &Membership, places: &Places<'_>, peer: PublicKey) -> Option<usize> {
    let mut adds = membership.adds.values().filter(|added| added.key == peer);
    let ended = adds.all(|added| added.removed.is_some()) && !membership.void.contains_key(&peer);
    if ended { last_removal(membership, places, |key| *key == peer) } else { None }
}

/// All that the last removal of any of these stands on in the chain in force: who shows entries in an order of its own may
/// have had the removal come first.
fn stand_by_removals(membership: &Membership, places: &Places<'_>, about: &BTreeSet<PublicKey>, reasons: &mut Reasons) {
    let Some(last) = last_removal(membership, places, |key| about.contains(key)) else { return };
    let chain = membership.chain.iter().take(last + 1).filter_map(|place| places.get(place));
    reasons.acts.extend(chain.map(|(_, act)| act.id));
    reasons.position = reasons.position.max(last);
}

/// The acts of the majority in force that outrank others, held or overheard. By those others a device may have been a member
/// again that was removed before, or take another for one; but not where they, too, stand behind its own removal.
fn outrank(
    room: &Room,
    membership: &Membership,
    places: &Places<'_>,
    removed_at: Option<usize>,
    reasons: &mut Reasons,
) {
    let positions: BTreeMap<EntryId, usize> =
        membership.chain.iter().enumerate().map(|(position, place)| (*place, position)).collect();
    let by_votes = |act: &&Act| act.header.kind().is_control() && !act.votes.is_empty();
    let epoch = |act: &Act| act.body.link().map_or(0, |link| link.epoch);
    let acts = || room.acts.values().filter(by_votes);
    let mut parted = BTreeMap::new();
    let mut matters = |act: &&Act| {
        let removed = removed_at.zip(parting(&positions, places, &mut parted, act));
        !positions.contains_key(&act.place()) && removed.is_none_or(|(removed, parting)| parting < removed)
    };
    let rivals = acts().chain(room.overheard.values()).filter(|act| matters(act));
    let Some(outranked) = rivals.map(epoch).max() else { return };
    for act in acts() {
        // Of two ways that come equally far it may be either.
        let decides = epoch(act) <= outranked.saturating_add(1);
        if let Some(position) = positions.get(&act.place()).filter(|_| decides) {
            reasons.acts.extend(places.get(&act.place()).map(|(_, first)| first.id));
            reasons.position = reasons.position.max(*position);
        }
    }
}

/// The position of the last place of the chain in force that a way beside it goes over, where all of that is held. `parted`
/// is what was found before, so that of many acts on one way each goes over what it adds alone.
fn parting(
    positions: &BTreeMap<EntryId, usize>,
    places: &Places<'_>,
    parted: &mut BTreeMap<EntryId, Option<usize>>,
    act: &Act,
) -> Option<usize> {
    let mut previous = act.body.link()?.previous;
    let mut way = Vec::new();
    let found = loop {
        if let Some(position) = positions.get(&previous) {
            break Some(*position);
        }
        // No place stands before itself, for each names another by its hash; but not to go round is cheap.
        if let Some(found) = parted.insert(previous, None) {
            break found;
        }
        way.push(previous);
        match places.get(&previous).and_then(|(_, act)| act.body.link()) {
            Some(link) => previous = link.previous,
            None => break None,
        }
    };
    // The one that was known is written anew as well.
    parted.extend(way.into_iter().chain([previous]).map(|place| (place, found)));
    found
}

/// What owners wrote where they continued the chain in force in several ways, before a position. An act of the majority
/// that goes over such a place may stand on that.
fn forks(room: &Room, membership: &Membership, position: usize) -> Vec<EntryId> {
    let places = membership.chain.iter().zip(&membership.owners).take(position);
    let owners: BTreeMap<EntryId, PublicKey> = places.filter_map(|(place, owner)| Some((*place, (*owner)?))).collect();
    let mut ways: BTreeMap<EntryId, Vec<EntryId>> = BTreeMap::new();
    for act in room.acts.values() {
        let Some(link) = act.body.link().filter(|link| link.votes.is_empty()) else { continue };
        if owners.get(&link.previous) == Some(&act.header.author) {
            ways.entry(link.previous).or_default().push(act.id);
        }
    }
    ways.into_values().filter(|ways| ways.len() > 1).flatten().collect()
}

/// What an entry names, without which it is not taken or says nothing.
fn stands_on(places: &Places<'_>, act: &Act) -> Vec<EntryId> {
    let mut named: Vec<EntryId> = act.header.previous.into_iter().chain(act.header.add).collect();
    let place = match &act.body {
        Body::Add(add) => Some(add.control),
        body => body.link().map(|link| link.previous),
    };
    named.extend(place.map(|place| places.get(&place).map_or(place, |(_, first)| first.id)));
    named.extend(act.body.lets_in().and_then(|(_, invite)| invite));
    named
}
