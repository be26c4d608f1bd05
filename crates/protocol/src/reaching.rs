//! A device asks another whether it is reached from there: for a person who looks for why others do not find it.
//!
//! The other tries one plain connection to the address at which it sees the asker, which proved to be there by its
//! handshake, and hangs up. No frame names an address, so nobody is sent anywhere else.

use std::collections::BTreeMap;

use crate::clock::Time;
use crate::command::CommandError;
use crate::frame::{Frame, Reach, ReachOutcome, Reached};
use crate::identity::DeviceId;
use crate::limits;
use crate::replica::{Event, Output, Replica};
use crate::session::ConnectionId;
use crate::store::Store;

/// What another device says of reaching this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What became of it.
    pub outcome: ReachOutcome,
    /// Where this device is seen from there, as it says: an IP address as text.
    pub address: String,
    /// How far the other's clock is ahead of this one's, in microseconds, where it said.
    pub ahead_us: Option<i64>,
}

/// Who asked lately, and when, in steady milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    by: BTreeMap<DeviceId, Vec<u64>>,
    /// Strangers, by the IP address that they came from: keys are made up at no cost.
    from: BTreeMap<String, Vec<u64>>,
}

const GONE: CommandError = CommandError::NotFound("this device is not connected; ask while it is");

impl<S: Store> Replica<S> {
    /// Asks a connected device to reach this one at a port. What it says comes as [`Event::Reached`]; a device of an older
    /// version says nothing.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn ask_to_reach(&mut self, device: DeviceId, port: u16) -> Result<(), CommandError> {
        if port == 0 {
            return Err(CommandError::Invalid("no server listens at port 0; give the one it listens on"));
        }
        let connection = self.connection(device).ok_or(GONE)?;
        let session = self.sessions.get_mut(&connection).filter(|session| session.hello.is_some()).ok_or(GONE)?;
        session.asked_to_be_reached = Some(port);
        self.send(connection, &Frame::Reach(Reach { port }));
        Ok(())
    }

    /// Takes what became of an [`Output::Reach`], and says so to the device on the connection.
    pub fn reached(&mut self, now: Time, connection: ConnectionId, outcome: ReachOutcome) {
        let port = self.sessions.get_mut(&connection).and_then(|session| session.reaching.take());
        if let Some(port) = port {
            self.tell_reached(now, connection, port, outcome);
        }
    }

    pub(crate) fn on_reach(&mut self, now: Time, connection: ConnectionId, reach: Reach) {
        let under_way = self.sessions.values().filter(|session| session.reaching.is_some()).count();
        let Some(session) = self.sessions.get(&connection) else { return };
        let device = session.device;
        let may = session.reaching.is_none() && under_way < limits::REACHES_AT_ONCE;
        if !may || !self.may_be_reached(now, connection, device) {
            return self.tell_reached(now, connection, reach.port, ReachOutcome::Untried);
        }
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.reaching = Some(reach.port);
            self.out.push(Output::Reach(connection, reach.port));
        }
    }

    pub(crate) fn on_reached(&mut self, now: Time, connection: ConnectionId, reached: Reached) {
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        // It may answer what nobody here waits for any more.
        if session.asked_to_be_reached.take_if(|port| *port == reached.port).is_none() {
            return;
        }
        let ahead_us = reached.clock.map(|clock| {
            let (theirs, ours) = (i64::try_from(clock), i64::try_from(now.wall_us));
            theirs.unwrap_or(i64::MAX).saturating_sub(ours.unwrap_or(i64::MAX))
        });
        let view = View { outcome: reached.outcome, address: reached.address, ahead_us };
        self.out.push(Output::Event(Event::Reached(session.device, view)));
    }

    fn tell_reached(&mut self, now: Time, connection: ConnectionId, port: u16, outcome: ReachOutcome) {
        let clock = self.is_with_fellow(connection).then(|| now.wall_us.min(limits::NUMBER));
        let Some(session) = self.sessions.get(&connection) else { return };
        let address = ip_of(&session.address).chars().take(limits::ADDRESS_BYTES).collect();
        self.send(connection, &Frame::Reached(Reached { port, outcome, address, clock }));
    }

    /// Whether a device may have itself reached, which counts. Of strangers only so many are remembered: the rest is
    /// refused, so that whoever makes up keys takes neither memory nor more than a few connections a minute.
    fn may_be_reached(&mut self, now: Time, connection: ConnectionId, device: DeviceId) -> bool {
        let stranger = !self.is_with_fellow(connection);
        let from = self.sessions.get(&connection).map(|session| ip_of(&session.address).to_owned()).unwrap_or_default();
        let Asked { by, from: places } = &mut self.asked_to_reach;
        forget(by, now);
        forget(places, now);
        let is_new = !by.contains_key(&device);
        if stranger && is_new && by.len() >= limits::REACHING_STRANGERS {
            return false;
        }
        let often = |asked: Option<&Vec<u64>>| asked.is_some_and(|asked| asked.len() >= limits::REACHES);
        if often(by.get(&device)) || stranger && often(places.get(&from)) {
            return false;
        }
        by.entry(device).or_default().push(now.steady_ms);
        if stranger {
            places.entry(from).or_default().push(now.steady_ms);
        }
        true
    }
}

fn forget<K: Ord>(asked: &mut BTreeMap<K, Vec<u64>>, now: Time) {
    asked.retain(|_, asked| {
        asked.retain(|at| at.saturating_add(limits::REACHES_MS) > now.steady_ms);
        !asked.is_empty()
    });
}

/// The IP address in `ip:port`, `[v6]:port` or `[v6%zone]:port`. A zone means nothing on another device.
fn ip_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.split_once('%').map_or(host, |(ip, _)| ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_its_address_without_port_and_zone() {
        for (address, ip) in [
            ("10.0.0.2:50000", "10.0.0.2"),
            ("[2001:db8::1]:50000", "2001:db8::1"),
            ("[fe80::1%eth0]:50000", "fe80::1"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(ip_of(address), ip);
        }
    }
}
