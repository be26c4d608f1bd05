//! Datagrams that come in by one socket, looked at within bounds.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket_pktinfo::PktInfoUdpSocket;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::Via;
use super::budget::Budget;
use super::ear::Ear;
use super::message::{DATAGRAM_BYTES, MAGIC, Message};
use super::traffic::{Counts, Way};
use crate::net::Link;

/// How long nothing is read where reading fails again and again, as on an interface that is gone.
const PAUSE: Duration = Duration::from_millis(500);
/// Failures in a row that are passed over: a datagram of no bytes looks like one, and on Windows each device that does not
/// listen at its port makes one.
const FAILURES: u32 = 64;
/// Datagrams that are read before others may work.
const TURN: u32 = 64;

/// What datagrams come in by.
#[derive(Clone, Debug)]
pub(super) enum Inlet {
    /// Shared with other programs, for what is said to all. The second is a handle to the same socket that can be waited on.
    Shared(Arc<PktInfoUdpSocket>, Arc<UdpSocket>),
    /// This device's own, for answers; what comes there came by this.
    Own(Arc<UdpSocket>, Via),
}

/// A datagram of no bytes looks like a failure, and by whatever the system said last: where that was that there is nothing
/// to read, the runtime would wait although there is.
fn unless_empty(error: io::Error, socket: &UdpSocket) -> io::Error {
    let nothing = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    let peeked = || SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]);
    if nothing(&error) && !peeked().is_err_and(|error| nothing(&error)) {
        return io::Error::other("a datagram of no bytes");
    }
    error
}

/// A datagram that was read, in the buffer it was read to.
struct Read {
    len: usize,
    from: SocketAddr,
    /// To which address and by which interface, where the system tells.
    to: Option<(IpAddr, u32)>,
}

impl Inlet {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Shared(_, socket) | Self::Own(socket, _) => socket.readable().await,
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<Read> {
        match self {
            Self::Shared(socket, ready) => ready.try_io(Interest::READABLE, || {
                let (len, info) = socket.recv(buffer).map_err(|error| unless_empty(error, ready))?;
                let index = u32::try_from(info.if_index).unwrap_or_default();
                Ok(Read { len, from: info.addr_src, to: Some((info.addr_dst, index)) })
            }),
            Self::Own(socket, _) => {
                let (len, from) = socket.try_recv_from(buffer)?;
                Ok(Read { len, from, to: None })
            }
        }
    }

    /// Takes what comes, until it is ended.
    pub(super) async fn run(self, link: Arc<Link>, ear: Arc<Ear>, counts: Arc<Counts>, end: CancellationToken) {
        let _ = end.run_until_cancelled(self.listen(&link, &ear, &counts)).await;
    }

    async fn listen(&self, link: &Link, ear: &Ear, counts: &Counts) {
        let mut budget = Budget::new(Instant::now());
        // A byte more than may be: what is too long is seen to be.
        let mut buffer = [0; DATAGRAM_BYTES + 1];
        let (mut failures, mut turn) = (0, 0);
        loop {
            if let Err(wait) = budget.read(Instant::now()) {
                tokio::time::sleep(wait).await;
                continue;
            }
            match self.read(&mut buffer) {
                Ok(read) => {
                    failures = 0;
                    self.look(&read, &buffer, link, ear, counts, &mut budget);
                    turn += 1;
                    if turn == TURN {
                        turn = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    turn = 0;
                    if self.readable().await.is_err() {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    counts.dropped();
                    if failures >= FAILURES {
                        failures = 0;
                        tracing::debug!(%error, link = link.name, "reading of datagrams fails");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// What costs least comes first.
    fn look(&self, read: &Read, buffer: &[u8], link: &Link, ear: &Ear, counts: &Counts, budget: &mut Budget) {
        let Some(datagram) = buffer.get(..read.len).filter(|datagram| datagram.len() <= DATAGRAM_BYTES) else {
            return counts.dropped();
        };
        let way = read.to.map_or(Way::Unicast, |(to, _)| way(&to, link));
        let of_another = read.to.is_some_and(|(_, index)| index != link.index);
        if way != Way::Unicast && of_another {
            // The socket of that link hears it, too.
            return;
        }
        let mut from = read.from;
        if let (SocketAddr::V6(from), Some((_, index))) = (&mut from, read.to)
            && from.scope_id() == 0
            && from.ip().is_unicast_link_local()
        {
            from.set_scope_id(index);
        }
        // What is said to one may come by any link that leads here.
        let near = link.holds(&from.ip()) || (way == Way::Unicast && ear.is_near(&from.ip()));
        if !datagram.starts_with(&MAGIC) || !near || !budget.look(from.ip(), || ear.is_known(&from.ip())) {
            return counts.dropped();
        }
        match Message::from_datagram(datagram) {
            Some(message) => ear.take(message, from, self.via(way), way, counts),
            None => counts.dropped(),
        }
    }

    fn via(&self, way: Way) -> Via {
        match (self, way) {
            (Self::Own(_, via), _) => *via,
            (Self::Shared(..), Way::Broadcast) => Via::Broadcast,
            // From this socket only the group was asked.
            (Self::Shared(..), Way::Multicast | Way::Unicast) => Via::Multicast,
        }
    }
}

fn way(to: &IpAddr, link: &Link) -> Way {
    let to_all = |to: &std::net::Ipv4Addr| {
        to.is_broadcast() || link.addresses.iter().any(|address| address.broadcast == Some(*to))
    };
    match to {
        IpAddr::V4(to) if to_all(to) => Way::Broadcast,
        to if to.is_multicast() => Way::Multicast,
        _ => Way::Unicast,
    }
}
