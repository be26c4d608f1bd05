//! The sockets of one interface and family of addresses, by which all on it are spoken to at once.
//!
//! What is sent names its interface by the socket's address, never by a route: on a machine without a default route, or
//! beside a VPN that takes all routes, it still reaches the network next door. Nothing is sent further than one link.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use socket_pktinfo::PktInfoUdpSocket;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Via;
use super::ear::{Ear, OwnPort};
use super::inlet::Inlet;
use super::traffic::{Counts, Family, LinkTraffic, Trouble};
use crate::net::{Link, LinkAddress};
use crate::platform;

/// Lanline's multicast group. In the block that no router passes on and that switches send to everybody (RFC 5771,
/// section 4), of which some Android devices hear nothing else; nobody has this one from IANA.
pub(crate) const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 198);
/// The same for IPv6: of one link, and one of those that everybody may take (RFC 3307, section 4.3).
pub(crate) const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x8000, 0x3039);
/// Own addresses of one link that are spoken from; there is one, nearly always.
const ADDRESSES: usize = 4;

/// One interface and family.
#[derive(Debug)]
pub(super) struct Channel {
    /// With addresses of this family alone.
    link: Arc<Link>,
    family: Family,
    ear: Arc<Ear>,
    counts: Arc<Counts>,
    /// On the port that all Lanline devices know.
    shared: Result<Shared, Trouble>,
    /// From these is spoken to all; answers to what they ask come to them alone, whoever else listens on this machine.
    own: Vec<Own>,
    /// Why one of those that should be is not.
    mute: Option<Trouble>,
}

#[derive(Debug)]
struct Shared {
    socket: Arc<UdpSocket>,
    /// Why it is in no multicast group.
    outside: Option<Trouble>,
    _end: DropGuard,
}

/// A socket of this device alone, and from which address it speaks.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) address: LinkAddress,
    _port: OwnPort,
    _end: DropGuard,
}

impl Channel {
    /// Within a runtime. Whatever the system refuses stands in what [`Channel::traffic`] tells.
    pub(super) fn open(link: Arc<Link>, family: Family, ear: &Arc<Ear>, counts: Arc<Counts>) -> Self {
        let mut channel = Self {
            link,
            family,
            ear: Arc::clone(ear),
            counts,
            shared: Err(Trouble::Failed),
            own: Vec::new(),
            mute: None,
        };
        channel.listen();
        channel.open_own();
        channel
    }

    pub(super) fn key(&self) -> (u32, Family) {
        (self.link.index, self.family)
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Whether nothing of it was refused.
    pub(super) fn is_whole(&self) -> bool {
        self.mute.is_none() && self.shared.as_ref().is_ok_and(|shared| shared.outside.is_none())
    }

    /// Tries again what was refused. Whether something works now that did not.
    pub(super) fn mend(&mut self) -> bool {
        let before = self.troubles();
        match &mut self.shared {
            Err(_) => {
                self.listen();
                if self.shared.is_ok() {
                    // From now on others are asked from these, and answers say so.
                    self.own.clear();
                    self.open_own();
                }
            }
            Ok(shared) if shared.outside.is_some() => {
                shared.outside =
                    join(&SockRef::from(&*shared.socket), &self.link, self.family).err().as_ref().map(Trouble::of);
            }
            Ok(_) => {}
        }
        if self.mute.is_some() {
            self.open_own();
        }
        self.troubles() < before
    }

    fn troubles(&self) -> usize {
        let outside = self.shared.as_ref().map_or(2, |shared| usize::from(shared.outside.is_some()));
        outside + usize::from(self.mute.is_some())
    }

    fn listen(&mut self) {
        self.shared = self.open_shared().map_err(|error| {
            tracing::debug!(%error, link = self.link.name, family = ?self.family, "nothing is heard on a network");
            Trouble::of(&error)
        });
    }

    fn open_shared(&self) -> io::Result<Shared> {
        let six = self.family == Family::V6;
        let informed = PktInfoUdpSocket::new(domain(self.family))?;
        // A handle to the same socket.
        let socket = Socket::from(informed.try_clone_std()?);
        socket.set_nonblocking(true)?;
        if six {
            socket.set_only_v6(true)?;
        }
        platform::share_port(&socket)?;
        if !platform::keep_to_link(&socket, &self.link.name, self.link.index, six) {
            tracing::debug!(link = self.link.name, "a socket hears all interfaces");
        }
        let all = if six { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        socket.bind(&SocketAddr::new(all, self.ear.port()).into())?;
        let outside = join(&socket, &self.link, self.family).err();
        if let Some(error) = &outside {
            tracing::debug!(%error, link = self.link.name, family = ?self.family, "no multicast group is joined");
        }
        let address = self.link.addresses.first().map(|address| address.ip);
        speak_on(&socket, address, self.link.index)?;
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let end = CancellationToken::new();
        let inlet = Inlet::Shared(Arc::new(informed), Arc::clone(&socket));
        self.run(inlet, &end);
        Ok(Shared { socket, outside: outside.as_ref().map(Trouble::of), _end: end.drop_guard() })
    }

    fn run(&self, inlet: Inlet, end: &CancellationToken) {
        let (link, ear, counts) = (Arc::clone(&self.link), Arc::clone(&self.ear), Arc::clone(&self.counts));
        tokio::spawn(inlet.run(link, ear, counts, end.clone()));
    }

    fn open_own(&mut self) {
        let addresses = self.spoken_from();
        self.own.retain(|own| addresses.contains(&own.address));
        self.mute = None;
        for address in addresses {
            if self.own.iter().any(|own| own.address == address) {
                continue;
            }
            // Answers tell by what was asked from there.
            let to_group = self.asked_from(&address) == self.group();
            let via = if to_group { Via::Multicast } else { Via::Broadcast };
            match Own::open(&self.link, address, &self.ear, &self.counts, via) {
                Ok(own) => self.own.push(own),
                Err(error) => {
                    tracing::debug!(%error, link = self.link.name, family = ?self.family, "nothing is said on a network");
                    self.mute = Some(Trouble::of(&error));
                }
            }
        }
    }

    /// Of IPv6 the link's own address alone: everybody on it has one, and all hear the others.
    fn spoken_from(&self) -> Vec<LinkAddress> {
        let link_local = |address: &&LinkAddress| matches!(address.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        match self.family {
            Family::V4 => self.link.addresses.iter().take(ADDRESSES).copied().collect(),
            Family::V6 => {
                let best = self.link.addresses.iter().find(link_local).or(self.link.addresses.first());
                best.into_iter().copied().collect()
            }
        }
    }

    /// To all on the link, in each way there is.
    pub(super) fn tell(&self, datagram: &[u8]) {
        for own in &self.own {
            self.send(&own.socket, datagram, self.group());
            if let Some(broadcast) = self.broadcast(&own.address) {
                self.send(&own.socket, datagram, broadcast);
            }
        }
    }

    /// To all on the link, once from the port that others may have let through their firewall, and once from one at which
    /// answers come to this device alone.
    pub(super) fn ask(&self, datagram: &[u8]) {
        if let Ok(shared) = &self.shared {
            self.send(&shared.socket, datagram, self.group());
        }
        for own in &self.own {
            self.send(&own.socket, datagram, self.asked_from(&own.address));
        }
    }

    /// Where this is asked to from an address of this device's own: what the port that all share does not ask, too.
    fn asked_from(&self, address: &LinkAddress) -> SocketAddr {
        self.broadcast(address).filter(|_| self.shared.is_ok()).unwrap_or(self.group())
    }

    /// To one. From the port that it may have asked: its firewall lets nothing else through.
    pub(super) fn answer(&self, datagram: &[u8], to: SocketAddr) {
        let own = || self.own.iter().find(|own| own.address.holds(&to.ip())).or(self.own.first());
        match &self.shared {
            Ok(shared) => self.send(&shared.socket, datagram, to),
            Err(_) => own().into_iter().for_each(|own| self.send(&own.socket, datagram, to)),
        }
    }

    fn send(&self, socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
        self.counts.sent(send(socket, datagram, to));
    }

    fn group(&self) -> SocketAddr {
        match self.family {
            Family::V4 => (GROUP_V4, self.ear.port()).into(),
            Family::V6 => SocketAddrV6::new(GROUP_V6, self.ear.port(), 0, self.link.index).into(),
        }
    }

    fn broadcast(&self, address: &LinkAddress) -> Option<SocketAddr> {
        Some((address.broadcast?, self.ear.port()).into())
    }

    pub(super) fn traffic(&self) -> LinkTraffic {
        let mut traffic = self.counts.told(self.link.index, self.link.name.clone(), self.family);
        match &self.shared {
            Ok(shared) => traffic.outside = shared.outside,
            Err(trouble) => traffic.deaf = Some(*trouble),
        }
        traffic.mute = self.mute;
        traffic
    }
}

impl Own {
    /// Within a runtime. What comes there came by `via`.
    pub(super) fn open(
        link: &Arc<Link>,
        address: LinkAddress,
        ear: &Arc<Ear>,
        counts: &Arc<Counts>,
        via: Via,
    ) -> io::Result<Self> {
        let family = if address.ip.is_ipv4() { Family::V4 } else { Family::V6 };
        let socket = Socket::new(domain(family), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        let from = match address.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, 0)),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddrV6::new(ip, 0, 0, link.index).into(),
            IpAddr::V6(ip) => SocketAddr::from((ip, 0)),
        };
        socket.bind(&from.into())?;
        speak_on(&socket, Some(address.ip), link.index)?;
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let port = ear.add_port(socket.local_addr()?.port());
        let end = CancellationToken::new();
        let inlet = Inlet::Own(Arc::clone(&socket), via);
        tokio::spawn(inlet.run(Arc::clone(link), Arc::clone(ear), Arc::clone(counts), end.clone()));
        Ok(Self { socket, address, _port: port, _end: end.drop_guard() })
    }
}

/// At once or not at all. Not by way of the runtime, which takes a new socket for one that cannot be written to.
pub(super) fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
    SockRef::from(socket).send_to(datagram, &to.into())
}

fn domain(family: Family) -> Domain {
    match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    }
}

/// What is sent by a socket to all goes out here, and no further than the link.
fn speak_on(socket: &Socket, address: Option<IpAddr>, index: u32) -> io::Result<()> {
    match address {
        Some(IpAddr::V4(ip)) => {
            socket.set_broadcast(true)?;
            socket.set_ttl_v4(1)?;
            socket.set_multicast_ttl_v4(1)?;
            socket.set_multicast_if_v4(&ip)
        }
        Some(IpAddr::V6(_)) => {
            socket.set_unicast_hops_v6(1)?;
            socket.set_multicast_hops_v6(1)?;
            socket.set_multicast_if_v6(index)
        }
        None => Ok(()),
    }
}

fn join(socket: &Socket, link: &Link, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(link.index)),
        Family::V6 => socket.join_multicast_v6(&GROUP_V6, link.index),
    }
}
