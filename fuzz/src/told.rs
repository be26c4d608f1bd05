//! What a member says beside batches, in the words of the protocol.

use arbitrary::Arbitrary;
use lanline_protocol::frame::{
    Ack, Digest, Entries, Frame, Heads, Hello, Open, Resume, Tag, Unknown, WantEntries, WantHeads, room_tag,
};
use lanline_protocol::id::{Hash, RoomId, StoreId};
use lanline_protocol::identity::DeviceId;
use lanline_protocol::kind::Lane;

use crate::forger::Forger;
use crate::world::exporter;

/// One frame. Numbers of entries and slots are mostly of some that are there.
#[derive(Arbitrary, Debug)]
pub enum Told<'a> {
    /// Another name, or another store.
    Hello { store: u8, name: &'a str },
    /// Names the room again, or one that is none.
    Open { slots: Vec<(u8, bool)> },
    /// Does not know a room.
    Unknown { slot: u8 },
    /// Stands there.
    Resume { place: Place, arrival: u16, anchor: Option<u8> },
    /// Asks for heads.
    WantHeads { place: Place },
    /// Tells some.
    Heads { place: Place, heads: Vec<(u8, u8, u8)>, last: bool },
    /// Holds all up to there.
    Ack { place: Place, upto: u16, partial: bool },
    /// Holds this.
    Digest { place: Place, of: u8 },
    /// Asks for entries.
    WantEntries { slot: u8, ids: Vec<u8> },
    /// Gives some.
    Entries { slot: u8, ids: Vec<u8>, last: bool },
}

/// A room and lane.
#[derive(Arbitrary, Debug)]
pub struct Place {
    slot: u8,
    membership: bool,
}

impl Place {
    fn lane(&self) -> Lane {
        if self.membership { Lane::Membership } else { Lane::Content }
    }
}

fn slot(number: u8) -> u32 {
    match number {
        0..128 => 0,
        other => u32::from(other - 128),
    }
}

/// The frame, as it is said on this wire.
pub fn frame(told: &Told<'_>, forger: &Forger, wire: u64, sender: DeviceId) -> Frame {
    match told {
        Told::Hello { store, name } => Frame::Hello(Hello {
            store: StoreId::new([*store; 16]),
            name: (*name).to_owned(),
            agent: "fuzz".to_owned(),
        }),
        Told::Open { slots } => {
            let tag = |(slot, right): &(u8, bool)| Tag {
                slot: u32::from(*slot),
                tag: room_tag(if *right { forger.room() } else { RoomId::new([*slot; 32]) }, &exporter(wire), sender),
            };
            Frame::Open(Open { rooms: slots.iter().map(tag).collect() })
        }
        Told::Unknown { slot: number } => Frame::Unknown(Unknown { slot: slot(*number) }),
        Told::Resume { place, arrival, anchor } => Frame::Resume(Resume {
            slot: slot(place.slot),
            lane: place.lane(),
            arrival: u64::from(*arrival),
            anchor: anchor.map(|id| forger.id(id)),
        }),
        Told::WantHeads { place } => Frame::WantHeads(WantHeads { slot: slot(place.slot), lane: place.lane() }),
        Told::Heads { place, heads, last } => Frame::Heads(Heads {
            slot: slot(place.slot),
            lane: place.lane(),
            heads: heads.iter().map(|(log, seq, id)| forger.head(*log, *seq, *id)).collect(),
            last: *last,
        }),
        Told::Ack { place, upto, partial } => Frame::Ack(Ack {
            slot: slot(place.slot),
            lane: place.lane(),
            upto: u64::from(*upto),
            partial: partial.then_some(true),
        }),
        Told::Digest { place, of } => {
            Frame::Digest(Digest { slot: slot(place.slot), lane: place.lane(), digest: Hash::new([*of; 32]) })
        }
        Told::WantEntries { slot: number, ids } => {
            Frame::WantEntries(WantEntries { slot: slot(*number), ids: ids.iter().map(|id| forger.id(*id)).collect() })
        }
        Told::Entries { slot: number, ids, last } => Frame::Entries(Entries {
            slot: slot(*number),
            entries: ids.iter().filter_map(|id| Some(forger.known.get(usize::from(*id))?.to_wire())).collect(),
            last: *last,
        }),
    }
}
