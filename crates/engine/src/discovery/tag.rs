//! Tags: by what the members of a room recognise each other on a network, and nobody else does.
//!
//! A tag is bound to what its device is called that day and to the device itself. So two devices never show the same one,
//! nobody can say one in another's name for longer than that one says it itself, and who listens without a room's key
//! cannot tell which devices share a room, or whether a tag is one of a room's at all.

use std::collections::BTreeSet;

use lanline_protocol::{
    finding::Circle,
    id::{Hash, RoomId},
    identity::DeviceId,
};

use super::announcement::{Instance, TAGS, Tag};

/// What is hashed begins with this, so that the key is good for nothing else.
const LABEL: &[u8] = b"lanline-tag-1";
/// The number of tags is a multiple of this: that of the rooms is nobody's business.
const FILLED: usize = 8;
/// Of the tags of more rooms than fit: how many are those of the rooms in which something happened last. The others share
/// the rest by turns.
const STEADY: usize = 16;

/// The tag of a device in a room with this beacon key.
pub(crate) fn tag(beacon: &Hash, instance: Instance, device: DeviceId) -> Tag {
    let mut hasher = blake3::Hasher::new_keyed(beacon.as_bytes());
    hasher.update(LABEL).update(&instance.0).update(device.as_bytes());
    first(&hasher)
}

fn first(hasher: &blake3::Hasher) -> Tag {
    let mut tag = [0; 8];
    hasher.finalize_xof().fill(&mut tag);
    Tag(tag)
}

/// What this device announces, in the order of the tags themselves, which says nothing. `secret` makes those that fill up
/// and is told to nobody.
pub(crate) fn own(circles: &[Circle], me: DeviceId, instance: Instance, turn: usize, secret: &[u8; 32]) -> Vec<Tag> {
    let (steady, others) =
        circles.split_at_checked(if circles.len() > TAGS { STEADY } else { TAGS }).unwrap_or((circles, &[]));
    let places = TAGS - STEADY;
    let skipped = turn.wrapping_mul(places) % others.len().max(1);
    let in_turn = others.iter().cycle().skip(skipped).take(places.min(others.len()));
    let mut tags: BTreeSet<Tag> =
        steady.iter().chain(in_turn).map(|circle| tag(&circle.beacon, instance, me)).collect();
    let filled = tags.len().max(1).next_multiple_of(FILLED).min(TAGS);
    let mut fillers = (0_u8..).map(|n| {
        let mut hasher = blake3::Hasher::new_keyed(secret);
        hasher.update(&instance.0).update(&[n]);
        first(&hasher)
    });
    while tags.len() < filled {
        tags.extend(fillers.next());
    }
    tags.into_iter().collect()
}

/// Which member of which room an announcement is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    room: RoomId,
    /// The device that it says it is.
    pub(crate) device: DeviceId,
    tag: Tag,
}

impl Recognised {
    /// Whether it still is: the room has the same key, and the device belongs to it.
    pub(crate) fn holds(&self, circles: &[Circle], instance: Instance) -> bool {
        let circle = circles.iter().find(|circle| circle.room == self.room);
        circle.is_some_and(|circle| {
            circle.members.binary_search(&self.device).is_ok() && tag(&circle.beacon, instance, self.device) == self.tag
        })
    }
}

/// What it takes to look at one announcement, in hashes.
pub(crate) fn cost(circles: &[Circle]) -> usize {
    circles.iter().map(|circle| circle.members.len()).sum::<usize>().max(1)
}

/// Whose announcement it is, as far as anybody here can tell.
pub(crate) fn recognise(circles: &[Circle], instance: Instance, tags: &[Tag]) -> Option<Recognised> {
    let tags: BTreeSet<Tag> = tags.iter().copied().collect();
    circles.iter().find_map(|circle| {
        circle.members.iter().find_map(|device| {
            let tag = tag(&circle.beacon, instance, *device);
            tags.contains(&tag).then_some(Recognised { room: circle.room, device: *device, tag })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: DeviceId = DeviceId::new([1; 32]);
    const BOB: DeviceId = DeviceId::new([2; 32]);
    const CAROL: DeviceId = DeviceId::new([3; 32]);
    const TODAY: Instance = Instance([7; 8]);
    const TOMORROW: Instance = Instance([8; 8]);

    fn circle(room: u8, beacon: u8, members: &[DeviceId]) -> Circle {
        Circle { room: RoomId::new([room; 32]), beacon: Hash::new([beacon; 32]), members: members.to_vec() }
    }

    fn own(circles: &[Circle], instance: Instance, turn: usize) -> Vec<Tag> {
        super::own(circles, ALICE, instance, turn, &[9; 32])
    }

    /// As docs/discovery.md has it, so that another client can check itself.
    #[test]
    fn a_tag_is_as_it_is_described() {
        let of_alice = tag(&Hash::new([0x33; 32]), Instance([1; 8]), ALICE);
        let described = [b"lanline-tag-1".as_slice(), &[1; 8], &[1; 32]].concat();
        assert_eq!(of_alice.0, blake3::keyed_hash(&[0x33; 32], &described).as_bytes()[..8]);
        assert_eq!(of_alice.0, [0x04, 0x76, 0x2e, 0xff, 0xb5, 0x6b, 0xed, 0x78]);
    }

    #[test]
    fn a_member_is_recognised_by_members_and_by_nobody_else() {
        let said = own(&[circle(1, 1, &[BOB, CAROL])], TODAY, 0);
        let bobs = [circle(2, 2, &[CAROL]), circle(1, 1, &[ALICE, CAROL])];
        let recognised = recognise(&bobs, TODAY, &said).unwrap();
        assert_eq!(recognised.device, ALICE);
        assert!(recognised.holds(&bobs, TODAY));
        for (circles, instance) in [
            (vec![circle(1, 2, &[ALICE, CAROL])], TODAY),
            (vec![circle(1, 1, &[CAROL])], TODAY),
            (vec![], TODAY),
            (bobs.to_vec(), TOMORROW),
        ] {
            assert_eq!(recognise(&circles, instance, &said), None, "{circles:?}");
            assert!(!recognised.holds(&circles, instance), "{circles:?}");
        }
    }

    #[test]
    fn two_devices_of_one_room_show_nothing_in_common_and_neither_do_two_days() {
        let home = |others: &[DeviceId]| [circle(1, 1, others)];
        let alice = own(&home(&[BOB]), TODAY, 0);
        let bob = super::own(&home(&[ALICE]), BOB, TODAY, 0, &[10; 32]);
        let tomorrow = own(&home(&[BOB]), TOMORROW, 0);
        for other in [bob, tomorrow] {
            assert!(alice.iter().all(|tag| !other.contains(tag)));
        }
        assert_eq!(alice, own(&home(&[BOB]), TODAY, 0), "what fills up stays, too");
    }

    #[test]
    fn how_many_rooms_there_are_is_not_told() {
        let rooms = |count: u8| (0..count).map(|n| circle(n, n, &[BOB])).collect::<Vec<_>>();
        for (count, said) in [(0, 8), (1, 8), (8, 8), (9, 16), (17, 24), (24, 24), (25, 24), (200, 24)] {
            let tags = own(&rooms(count), TODAY, 0);
            assert_eq!(tags.len(), said, "{count}");
            assert!(tags.is_sorted(), "the order says nothing");
        }
    }

    #[test]
    fn every_room_has_its_turn_and_those_of_late_are_always_there() {
        let rooms: Vec<Circle> = (0..100).map(|n| circle(n, n, &[BOB])).collect();
        let mut seen = BTreeSet::new();
        for turn in 0..11 {
            let said = own(&rooms, TODAY, turn);
            let of_rooms: Vec<usize> =
                (0..rooms.len()).filter(|n| said.contains(&tag(&rooms[*n].beacon, TODAY, ALICE))).collect();
            assert_eq!(of_rooms.len(), TAGS);
            assert!((0..STEADY).all(|n| of_rooms.contains(&n)));
            seen.extend(of_rooms);
        }
        assert_eq!(seen.len(), rooms.len());
    }
}
