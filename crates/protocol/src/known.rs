//! What the person of this device says of other devices, and how it came to be sure who they are. Told to nobody.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::clock::Time;
use crate::command::{CommandError, check_name};
use crate::comparison::Pictures;
use crate::id::RoomId;
use crate::identity::{DeviceId, PublicKey};
use crate::name;
use crate::replica::{CloseReason, Event, Output, Replica};
use crate::store::{Store, StoreError};

/// Under what it is kept, twice: nobody else has it, where the disk damages one.
const KNOWN: [&str; 2] = ["known", "known/spare"];

/// How it was made sure who a device is; the later of two is surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Way {
    /// An invite's link named it, or it proved to have one that was made here.
    #[n(0)]
    Link,
    /// Both proved to know a code of six digits.
    #[n(1)]
    Code,
    /// This device's person saw the same pictures there as here.
    #[n(2)]
    Compared,
}

/// That it was made sure who a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Verified {
    /// How.
    #[n(0)]
    pub way: Way,
    /// Milliseconds since the Unix epoch.
    #[n(1)]
    pub at_ms: u64,
}

/// What is kept of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Opinion {
    #[n(0)]
    name: Option<String>,
    #[n(1)]
    blocked: Option<bool>,
    #[n(2)]
    verified: Option<Verified>,
    /// It was compared, and people saw that somebody may stand between. Until they see the same, nothing else makes sure.
    #[n(3)]
    differed: Option<bool>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Line {
    #[n(0)]
    key: PublicKey,
    #[n(1)]
    opinion: Opinion,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<PublicKey, Opinion>);

impl Known {
    /// As it was kept; `None`: the disk damaged it.
    pub(crate) fn read<S: Store>(store: &S) -> Result<Option<Self>, StoreError> {
        let mut damaged = false;
        for name in KNOWN {
            let Some(kept) = store.value(name)? else { continue };
            if let Some(lines) = unsealed(&kept) {
                return Ok(Some(Self(lines.into_iter().map(|line| (line.key, line.opinion)).collect())));
            }
            damaged = true;
        }
        Ok((!damaged).then(Self::default))
    }

    /// Keeps it from the next commit on.
    pub(crate) fn keep<S: Store>(&self, store: &mut S) -> Result<(), StoreError> {
        let lines = self.0.iter().map(|(key, opinion)| Line { key: *key, opinion: opinion.clone() });
        let sealed = sealed(&cbor::encode(&lines.collect::<Vec<_>>()));
        KNOWN.into_iter().try_for_each(|name| store.put_value(name, Some(&sealed)))
    }

    /// What this person calls a device.
    pub(crate) fn name(&self, key: &PublicKey) -> Option<&String> {
        self.0.get(key)?.name.as_ref()
    }

    pub(crate) fn is_blocked(&self, key: &PublicKey) -> bool {
        self.0.get(key).is_some_and(|opinion| opinion.blocked == Some(true))
    }

    pub(crate) fn blocked(&self) -> impl Iterator<Item = DeviceId> {
        self.0.iter().filter(|(_, opinion)| opinion.blocked == Some(true)).map(|(key, _)| key.device_id())
    }
}

/// Behind its hash, by which it is known whether it is whole.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    [blake3::hash(bytes).as_bytes().as_slice(), bytes].concat()
}

fn unsealed(kept: &[u8]) -> Option<Vec<Line>> {
    let (hash, bytes) = kept.split_first_chunk::<32>()?;
    if blake3::hash(bytes).as_bytes() == hash { cbor::decode(bytes).ok() } else { None }
}

/// A device that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSummary {
    /// The device.
    pub device: DeviceId,
    /// What it calls itself.
    pub name: String,
    /// What this person calls it.
    pub given_name: Option<String>,
    /// How it was made sure who it is.
    pub verified: Option<Verified>,
    /// In milliseconds since the Unix epoch.
    pub first_seen_at_ms: u64,
    /// In milliseconds since the Unix epoch.
    pub last_seen_at_ms: u64,
    /// Where it was last reached by dialling, as `ip:port`.
    pub address: Option<String>,
    /// Whether it is neither dialled nor let in.
    pub blocked: bool,
    /// What both show while their people compare, and this one has not said yet what it sees.
    pub comparing: Option<Pictures>,
    /// What both show still, where this one has said that it is the same.
    pub compared: Option<Pictures>,
}

const UNKNOWN: CommandError =
    CommandError::NotFound("this device has not met that one; see `devices` for those that it has");

impl<S: Store> Replica<S> {
    /// Devices that were met in a room, by what they are called.
    pub fn devices(&self) -> Vec<DeviceSummary> {
        let mut met: Vec<DeviceSummary> = self
            .devices
            .values()
            .filter(|device| device.key != self.me)
            .map(|device| {
                let opinion = self.known.0.get(&device.key).cloned().unwrap_or_default();
                let shown = self.shown_with(device.key.device_id());
                let said = |same| shown.filter(|(_, said)| *said == same).map(|(pictures, _)| pictures);
                DeviceSummary {
                    device: device.key.device_id(),
                    name: name::of_device(&device.name, &device.key),
                    given_name: opinion.name,
                    verified: opinion.verified,
                    first_seen_at_ms: device.first_seen_at,
                    last_seen_at_ms: device.last_seen_at,
                    address: device.address.clone(),
                    blocked: opinion.blocked == Some(true),
                    comparing: said(false),
                    compared: said(true),
                }
            })
            .collect();
        met.sort_by(|a, b| {
            let name = |device: &DeviceSummary| device.given_name.clone().unwrap_or_else(|| device.name.clone());
            (name(a), a.device).cmp(&(name(b), b.device))
        });
        met
    }

    /// Calls a device by another name than its own (`""`: by its own again), and blocks it or not. A blocked one is
    /// neither dialled nor let in, by this device; what it says in rooms of both still comes through others.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn set_device(
        &mut self,
        device: DeviceId,
        name: Option<&str>,
        blocked: Option<bool>,
    ) -> Result<(), CommandError> {
        let key = self.met(device)?;
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            check_name(name)?;
        }
        let opinion = self.known.0.entry(key).or_default();
        if let Some(name) = name {
            opinion.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        if let Some(blocked) = blocked {
            opinion.blocked = Some(blocked).filter(|blocked| *blocked);
        }
        self.call_anew();
        self.keep_known()?;
        self.gathering.found();
        if self.known.is_blocked(&key)
            && let Some(connection) = self.connection(device)
        {
            self.close(connection, CloseReason::Blocked);
        }
        // It is called otherwise wherever it is shown.
        let rooms: Vec<RoomId> =
            self.rooms.values().filter(|room| room.is_member(&self.me)).map(|room| room.id).collect();
        self.out.extend(rooms.into_iter().map(|room| Output::Event(Event::Room(room))));
        Ok(())
    }

    /// Forgets what is known of a device beside the rooms: its name here, that it is blocked or verified, and where and
    /// when it was met. In a room of both it is met again.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn forget_device(&mut self, device: DeviceId) -> Result<(), CommandError> {
        let key = self.met(device)?;
        self.devices.remove(&key);
        self.known.0.remove(&key);
        self.call_anew();
        self.keep_known()?;
        self.store.forget_device(&key)?;
        self.gathering.found();
        Ok(())
    }

    /// It was made sure who a device is. What was surer stands, and so does that a comparison failed, until another one
    /// does not: who stands between may well hold a link, or have talked somebody into telling a code.
    pub(crate) fn verified(&mut self, now: Time, key: &PublicKey, way: Way) -> Result<(), StoreError> {
        let opinion = self.known.0.entry(*key).or_default();
        // A link is shown again and again; who compares again is sure anew.
        if opinion.verified.is_some_and(|before| before.way > way || (before.way == way && way < Way::Compared)) {
            return Ok(());
        }
        if opinion.differed == Some(true) && way < Way::Compared {
            return Ok(());
        }
        (opinion.verified, opinion.differed) = (Some(Verified { way, at_ms: now.wall_ms() }), None);
        self.keep_known()
    }

    /// What the members of rooms are called is found again.
    fn call_anew(&mut self) {
        for room in self.rooms.values_mut() {
            room.called.take();
        }
    }

    /// A comparison showed that it is not sure who a device is.
    pub(crate) fn doubted(&mut self, key: &PublicKey) -> Result<(), StoreError> {
        let opinion = self.known.0.entry(*key).or_default();
        let (verified, differed) = (opinion.verified.take(), opinion.differed.replace(true));
        if verified.is_some() || differed != Some(true) { self.keep_known() } else { Ok(()) }
    }

    pub(crate) fn met(&self, device: DeviceId) -> Result<PublicKey, CommandError> {
        let met = self.devices.keys().find(|key| **key != self.me && key.device_id() == device);
        met.copied().ok_or(UNKNOWN)
    }

    fn keep_known(&mut self) -> Result<(), StoreError> {
        self.known.0.retain(|_, opinion| *opinion != Opinion::default());
        self.wrote = true;
        self.known.keep(&mut self.store)
    }
}
