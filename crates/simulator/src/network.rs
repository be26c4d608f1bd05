//! The network: connections as TCP gives them. What arrives, arrives in order; what is cut off loses what was on its
//! way; what cannot pass for a while waits, and whoever hears nothing for ten seconds gives the other up.

use std::collections::{BTreeMap, VecDeque};

use lanline_protocol::session::ConnectionId;

/// How long a connection may be silent.
pub(crate) const SILENT_US: u64 = 10_000_000;
/// A connection that is silent for this long gives way to a new one.
pub(crate) const DOUBTFUL_US: u64 = 3_000_000;
/// How long after its beginning what is said on a connection says whom it is between and where both stand.
pub(crate) const OPENING_US: u64 = 5_000_000;
/// Below this many waiting bytes, whoever was held back is told that there is room again.
pub(crate) const QUEUE_LOW: usize = 256 * 1024;
/// Frames up to this length are on their way at once.
const SHORT: usize = 4096;

/// What travels in one direction.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Frame(Vec<u8>),
    /// The end of the connection, and why, in one word.
    End(&'static str),
}

/// One direction, towards one end.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// What the network did not take yet.
    pub(crate) queue: VecDeque<Parcel>,
    pub(crate) queued: usize,
    /// Whether something is being taken.
    pub(crate) busy: bool,
    /// What is on its way.
    pub(crate) flying: VecDeque<Parcel>,
    /// What should have arrived while nothing could pass.
    pub(crate) overdue: usize,
    pub(crate) last_arrival_us: u64,
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) device: usize,
    pub(crate) connection: ConnectionId,
    pub(crate) open: bool,
}

/// A connection between two devices.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ends: [End; 2],
    /// Towards end 0, and towards end 1.
    pub(crate) ways: [Way; 2],
    pub(crate) begun_us: u64,
    pub(crate) delay_us: u64,
    pub(crate) bytes_per_ms: u64,
    /// When the device at one end vanished without a word.
    pub(crate) orphaned_at_us: Option<u64>,
}

impl Link {
    pub(crate) fn new(ends: [(usize, ConnectionId); 2], begun_us: u64, delay_us: u64, bytes_per_ms: u64) -> Self {
        let ends = ends.map(|(device, connection)| End { device, connection, open: true });
        Self { ends, ways: Default::default(), begun_us, delay_us, bytes_per_ms, orphaned_at_us: None }
    }

    /// Who sends towards an end, and who sits there.
    pub(crate) fn direction(&self, end: usize) -> (usize, usize) {
        (self.ends[1 - end].device, self.ends[end].device)
    }

    /// How long the network takes over a parcel; `None`: no time worth mentioning.
    pub(crate) fn transmission_us(&self, parcel: &Parcel) -> Option<u64> {
        match parcel {
            Parcel::Frame(bytes) if bytes.len() > SHORT => Some((bytes.len() as u64 * 1000 / self.bytes_per_ms).max(1)),
            _ => None,
        }
    }

    /// The network has taken the first that waits. When it arrives.
    pub(crate) fn fly(&mut self, end: usize, now_us: u64) -> u64 {
        let way = &mut self.ways[end];
        if let Some(parcel) = way.queue.pop_front() {
            if let Parcel::Frame(bytes) = &parcel {
                way.queued = way.queued.saturating_sub(bytes.len());
            }
            way.flying.push_back(parcel);
        }
        way.last_arrival_us = way.last_arrival_us.max(now_us + self.delay_us);
        way.last_arrival_us
    }

    pub(crate) fn is_opening(&self, now_us: u64) -> bool {
        now_us < self.begun_us + OPENING_US
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| !end.open)
    }
}

/// Pairs of devices between which nothing passes, one way.
#[derive(Debug, Default)]
pub(crate) struct Walls(BTreeMap<(usize, usize), (u32, u64)>);

impl Walls {
    /// One more reason why nothing passes. Whether it is the first.
    pub(crate) fn raise(&mut self, way: (usize, usize), now_us: u64) -> bool {
        let wall = self.0.entry(way).or_insert((0, now_us));
        wall.0 += 1;
        wall.0 == 1
    }

    /// One reason less. Whether it was the last.
    pub(crate) fn lower(&mut self, way: (usize, usize)) -> bool {
        let Some(wall) = self.0.get_mut(&way) else { return false };
        wall.0 -= 1;
        if wall.0 == 0 {
            self.0.remove(&way);
            return true;
        }
        false
    }

    /// Since when nothing passes.
    pub(crate) fn since(&self, way: (usize, usize)) -> Option<u64> {
        self.0.get(&way).map(|(_, since)| *since)
    }

    /// All ways that are blocked.
    pub(crate) fn all(&self) -> Vec<(usize, usize)> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn stands(&self, way: (usize, usize)) -> bool {
        self.0.contains_key(&way)
    }

    pub(crate) fn between(&self, a: usize, b: usize) -> bool {
        self.stands((a, b)) || self.stands((b, a))
    }
}
