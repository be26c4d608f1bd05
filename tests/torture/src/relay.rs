//! The cables between devices. A device dials another at its address in its own namespace, where a relay listens; the
//! relay dials the real one in the other's namespace and passes on what comes, as well as the cable allows.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use socket2::SockRef;

use crate::place::{PORT, Place, address};

/// How soon whoever waits for bytes looks at its cable again.
const LOOK: Duration = Duration::from_millis(20);

/// One cable between each two devices; none any more when dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    cables: BTreeMap<(usize, usize), Arc<Cable>>,
    over: Arc<AtomicBool>,
}

/// What lies between two devices; end 0 is the one with the smaller number.
#[derive(Debug, Default)]
pub(crate) struct Cable {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Connections are refused, as where nothing listens.
    refuses: bool,
    /// What comes from this end goes nowhere, and is not lost either: as where packets are sent again and again.
    frozen: [bool; 2],
    /// How long everything takes.
    delay: Duration,
    /// Connections that were made before this number are reset.
    age: u64,
    /// As `age`, but only what comes from this end has ended.
    ended: [u64; 2],
    /// After so many more bytes all connections are reset.
    budget: Option<u64>,
}

impl Relay {
    /// Lays the cables.
    pub(crate) fn lay(places: &Arc<Vec<Place>>) -> Result<Self> {
        let mut relay = Self { cables: BTreeMap::new(), over: Arc::default() };
        for (from, place) in places.iter().enumerate() {
            for to in (0..places.len()).filter(|to| *to != from) {
                let cable = relay.cables.entry((from.min(to), from.max(to))).or_default();
                let listener = place.run(move || TcpListener::bind((address(to), PORT)))??;
                let line = Line { cable: Arc::clone(cable), from, to };
                let (places, over) = (Arc::downgrade(places), Arc::clone(&relay.over));
                std::thread::spawn(move || line.serve(&listener, &places, &over));
            }
        }
        Ok(relay)
    }

    /// All of them, and between whom.
    pub(crate) fn cables(&self) -> impl Iterator<Item = ((usize, usize), &Cable)> {
        self.cables.iter().map(|(ends, cable)| (*ends, &**cable))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.cables().for_each(|(_, cable)| cable.cut());
    }
}

impl Cable {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Resets all connections.
    pub(crate) fn cut(&self) {
        self.change(|state| state.age += 1);
    }

    /// Resets all connections in the middle of what is being sent, after so many bytes.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.change(|state| state.budget = Some(bytes));
    }

    /// Ends what comes from one end of each connection; the other direction goes on.
    pub(crate) fn end(&self, end: usize) {
        self.change(|state| {
            if let Some(ended) = state.ended.get_mut(end) {
                *ended += 1;
            }
        });
    }

    /// Lets nothing through from one end.
    pub(crate) fn freeze(&self, end: usize) {
        self.change(|state| {
            if let Some(frozen) = state.frozen.get_mut(end) {
                *frozen = true;
            }
        });
    }

    /// Refuses whoever dials.
    pub(crate) fn refuse(&self) {
        self.change(|state| (state.refuses, state.age) = (true, state.age + 1));
    }

    /// Makes everything take so long.
    pub(crate) fn slow(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// As good as new. What was held back goes on.
    pub(crate) fn mend(&self) {
        self.change(|state| *state = State { age: state.age, ended: state.ended, ..State::default() });
    }

    fn wait(&self) {
        let waited = self.changed.wait_timeout(self.state(), LOOK);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// A cable in the direction in which one end dials.
struct Line {
    cable: Arc<Cable>,
    from: usize,
    to: usize,
}

impl Line {
    /// Passes on whoever dials, until all is over.
    fn serve(self, listener: &TcpListener, places: &Weak<Vec<Place>>, over: &AtomicBool) {
        // Looked at now and then: nothing else wakes a listener.
        if listener.set_nonblocking(true).is_err() {
            return;
        }
        while !over.load(Ordering::Acquire) {
            match listener.accept() {
                Ok((dialled, _)) => {
                    let _ = dialled.set_nonblocking(false);
                    let Some(places) = places.upgrade() else { return };
                    self.connect(dialled, &places);
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    fn connect(&self, dialled: TcpStream, places: &Arc<Vec<Place>>) {
        let state = self.cable.state().clone();
        if state.refuses {
            return reset(&dialled);
        }
        let (cable, from, to, places) = (Arc::clone(&self.cable), self.from, self.to, Arc::downgrade(places));
        std::thread::spawn(move || {
            let place = places.upgrade();
            let Some(Ok(reached)) = place.as_ref().and_then(|places| Some(places.get(to)?.dial(from, to))) else {
                return reset(&dialled);
            };
            drop(place);
            for stream in [&dialled, &reached] {
                let _ = stream.set_nodelay(true);
                let _ = stream.set_read_timeout(Some(LOOK));
                let _ = stream.set_write_timeout(Some(LOOK));
            }
            let (Ok(back_from), Ok(back_to)) = (reached.try_clone(), dialled.try_clone()) else { return };
            let end = usize::from(from > to);
            let gone = Arc::<AtomicBool>::default();
            let forth = Pump { cable: Arc::clone(&cable), end, born: state.clone(), gone: Arc::clone(&gone) };
            std::thread::spawn(move || forth.run(&dialled, &reached));
            Pump { cable, end: 1 - end, born: state, gone }.run(&back_from, &back_to);
        });
    }
}

/// One direction of one connection.
struct Pump {
    cable: Arc<Cable>,
    /// The end that what is passed on comes from.
    end: usize,
    /// How the cable was when the connection was made.
    born: State,
    /// Whether one direction found the connection reset.
    gone: Arc<AtomicBool>,
}

impl Pump {
    fn run(self, mut from: &TcpStream, to: &TcpStream) {
        let mut buffer = vec![0; 16 * 1024];
        while let Some(state) = self.look(from, to) {
            if state.frozen.get(self.end) == Some(&true) {
                self.cable.wait();
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => {
                    std::thread::sleep(state.delay);
                    if !self.pass(buffer.get(..count).unwrap_or_default(), from, to) {
                        return;
                    }
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return self.hang_up(from, to),
            }
        }
    }

    /// Writes it all, in its time. Whether to go on.
    fn pass(&self, mut bytes: &[u8], from: &TcpStream, mut to: &TcpStream) -> bool {
        while !bytes.is_empty() {
            let Some(state) = self.look(from, to) else { return false };
            if state.frozen.get(self.end) == Some(&true) {
                self.cable.wait();
                continue;
            }
            let allowed = state.budget.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(0)));
            if allowed == 0 {
                self.cable.change(|state| (state.age, state.budget) = (state.age + 1, None));
                continue;
            }
            match to.write(bytes.get(..allowed).unwrap_or_default()) {
                Ok(count) => {
                    bytes = bytes.get(count..).unwrap_or_default();
                    self.cable.change(|state| {
                        state.budget = state.budget.map(|left| left.saturating_sub(count as u64));
                    });
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => {
                    self.hang_up(from, to);
                    return false;
                }
            }
        }
        true
    }

    /// How the cable is; `None` where this connection has ended by it.
    fn look(&self, from: &TcpStream, to: &TcpStream) -> Option<State> {
        let state = self.cable.state().clone();
        if state.age != self.born.age || self.gone.load(Ordering::Acquire) {
            self.hang_up(from, to);
            return None;
        }
        if state.ended.get(self.end) != self.born.ended.get(self.end) {
            let _ = to.shutdown(Shutdown::Write);
            return None;
        }
        Some(state)
    }

    fn hang_up(&self, from: &TcpStream, to: &TcpStream) {
        self.gone.store(true, Ordering::Release);
        for stream in [from, to] {
            reset(stream);
        }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Has the other side see a reset once the last handle is closed.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: usize = 0;
    const BOB: usize = 1;

    /// A connection that alice dialled and bob accepted, by a cable. `None` where no namespace can be made.
    fn connected() -> Option<(Relay, TcpStream, TcpStream)> {
        let places = (0..2).map(|_| Place::make(2)).collect::<Result<Vec<_>>>();
        let Ok(places) = places.map(Arc::new) else {
            let _ = writeln!(std::io::stderr(), "skipped: needs root, to make network namespaces");
            return None;
        };
        let bob = places[BOB].run(|| TcpListener::bind((address(BOB), PORT)).unwrap()).unwrap();
        let relay = Relay::lay(&places).unwrap();
        let alice = places[ALICE].run(|| TcpStream::connect((address(BOB), PORT)).unwrap()).unwrap();
        let (bob, from) = bob.accept().unwrap();
        assert_eq!(from.ip(), address(ALICE), "bob sees who dialled");
        for stream in [&alice, &bob] {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        Some((relay, alice, bob))
    }

    fn cable(relay: &Relay) -> &Cable {
        &relay.cables[&(ALICE, BOB)]
    }

    fn hears(mut stream: &TcpStream) -> std::io::Result<u8> {
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    }

    #[test]
    fn what_is_frozen_waits_and_the_other_direction_goes_on() {
        let Some((relay, mut alice, mut bob)) = connected() else { return };
        alice.write_all(&[1]).unwrap();
        assert_eq!(hears(&bob).unwrap(), 1);
        cable(&relay).freeze(ALICE);
        alice.write_all(&[2]).unwrap();
        bob.write_all(&[3]).unwrap();
        assert_eq!(hears(&alice).unwrap(), 3);
        bob.set_nonblocking(true).unwrap();
        assert_eq!(hears(&bob).unwrap_err().kind(), ErrorKind::WouldBlock);
        bob.set_nonblocking(false).unwrap();
        cable(&relay).mend();
        assert_eq!(hears(&bob).unwrap(), 2);
    }

    #[test]
    fn a_cut_in_the_middle_resets_both_ends() {
        let Some((relay, mut alice, bob)) = connected() else { return };
        cable(&relay).cut_after(1);
        alice.write_all(&[1, 2]).unwrap();
        assert_eq!(hears(&bob).unwrap(), 1);
        for stream in [&alice, &bob] {
            assert_eq!(hears(stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    }

    #[test]
    fn half_an_end_leaves_the_other_half() {
        let Some((relay, alice, mut bob)) = connected() else { return };
        cable(&relay).end(ALICE);
        assert_eq!(hears(&bob).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        bob.write_all(&[1]).unwrap();
        assert_eq!(hears(&alice).unwrap(), 1);
    }
}
