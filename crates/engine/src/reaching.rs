//! Other devices ask whether this one reaches them: one plain connection each, back to where they are.

use std::{io, net::SocketAddr, time::Duration};

use lanline_protocol::{frame::ReachOutcome, limits, session::ConnectionId};
use tokio::{net::TcpStream, sync::mpsc::UnboundedReceiver, task::JoinSet};

use crate::core::Core;

/// Who is to be reached: the connection with the device, and the address at its other end with the port to try.
pub(crate) type Asked = (ConnectionId, SocketAddr);

/// Tries what the core says, for as long as it says anything. How many at a time, the protocol bounds.
pub(crate) async fn run(core: Core, mut asked: UnboundedReceiver<Asked>) {
    let mut tries = JoinSet::new();
    loop {
        tokio::select! {
            next = asked.recv() => match next {
                Some((connection, address)) => drop(tries.spawn(async move { (connection, reach(address).await) })),
                None => return,
            },
            Some(tried) = tries.join_next() => if let Ok((connection, outcome)) = tried {
                core.reached(connection, outcome);
            },
        }
    }
}

/// Connects, says nothing, and hangs up.
async fn reach(address: SocketAddr) -> ReachOutcome {
    match tokio::time::timeout(Duration::from_millis(limits::REACH_MS), TcpStream::connect(address)).await {
        Ok(Ok(_)) => ReachOutcome::Open,
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused => ReachOutcome::Refused,
            io::ErrorKind::TimedOut => ReachOutcome::Silent,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ReachOutcome::Unreachable,
            _ => ReachOutcome::Untried,
        },
        Err(_) => ReachOutcome::Silent,
    }
}
