//! Other devices ask whether this one reaches them: one plain connection each, back to where they are.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use lanline_protocol::{frame::ReachOutcome, limits, session::ConnectionId};
use tokio::{net::TcpStream, sync::mpsc::UnboundedReceiver, task::JoinSet};

use crate::core::Core;

/// Who is to be reached: the connection with the device, and the address at its other end with the port to try.
pub(crate) type Asked = (ConnectionId, SocketAddr);

/// Tries what the core says, for as long as it says anything.
pub(crate) async fn run(core: Core, asked: UnboundedReceiver<Asked>) {
    carry_out(asked, reach, |connection, outcome| core.reached(connection, outcome)).await;
}

/// How many at a time, the protocol bounds by its connections; who hangs up and comes again is not to have more.
async fn carry_out<F>(
    mut asked: UnboundedReceiver<Asked>,
    reach: impl Fn(SocketAddr) -> F,
    tell: impl Fn(ConnectionId, ReachOutcome),
) where
    F: Future<Output = ReachOutcome> + Send + 'static,
{
    let mut tries = JoinSet::new();
    loop {
        tokio::select! {
            next = asked.recv() => match next {
                Some((connection, _)) if tries.len() >= limits::REACHES_AT_ONCE => tell(connection, ReachOutcome::Untried),
                Some((connection, address)) => {
                    let reached = reach(address);
                    tries.spawn(async move { (connection, reached.await) });
                }
                None => return,
            },
            Some(tried) = tries.join_next() => if let Ok((connection, outcome)) = tried {
                tell(connection, outcome);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Semaphore, mpsc::unbounded_channel};

    use super::*;

    #[tokio::test]
    async fn no_more_are_tried_at_once_than_eight_whoever_hung_up_meanwhile() {
        let (ask, asked) = unbounded_channel();
        let (told, mut answers) = unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let reach = move |_: SocketAddr| {
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.unwrap().forget();
                ReachOutcome::Open
            }
        };
        let running = tokio::spawn(carry_out(asked, reach, move |connection, outcome| {
            told.send((connection, outcome)).unwrap();
        }));
        let at = SocketAddr::from(([192, 168, 1, 7], 12345));
        for connection in 0..=u64::try_from(limits::REACHES_AT_ONCE).unwrap() {
            ask.send((ConnectionId(connection), at)).unwrap();
        }
        assert_eq!(answers.recv().await, Some((ConnectionId(8), ReachOutcome::Untried)));
        gate.add_permits(1);
        assert_eq!(answers.recv().await.map(|(_, outcome)| outcome), Some(ReachOutcome::Open));
        // One is over: one more is tried.
        ask.send((ConnectionId(9), at)).unwrap();
        gate.add_permits(8);
        for _ in 0..8 {
            assert_eq!(answers.recv().await.map(|(_, outcome)| outcome), Some(ReachOutcome::Open));
        }
        drop(ask);
        running.await.unwrap();
    }
}
