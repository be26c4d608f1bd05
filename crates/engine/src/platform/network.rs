use std::{io, time::Duration};

use if_addrs::IfOperStatus;
use socket2::Socket;
use tokio::net::TcpStream;

/// What to do where the system does not let this user listen on a port.
pub(crate) const PORT_ADVICE: &str = if cfg!(unix) {
    "choose one of 1024 or above"
} else {
    // Windows keeps ranges of ports to itself, high ones too.
    "choose another one"
};

/// Whether connections of the last run that are not over yet would hold a port, unless it is asked for in spite of
/// them. Elsewhere than on Unix to ask for that would let another program take the port away.
pub(crate) const REUSES_ADDRESSES: bool = cfg!(unix);

/// Whether an interface works. On Unix `if-addrs` knows of one that it runs, or nothing: what is not known to run is
/// down, or its cable is out. On Windows not to know is the driver's answer, and the interface may well work.
pub(crate) fn is_up(status: &IfOperStatus) -> bool {
    match status {
        IfOperStatus::Up => true,
        IfOperStatus::Unknown => !cfg!(unix),
        _ => false,
    }
}

/// Lets every program that asks for the same listen on a UDP port; before it is bound. What is sent to all comes to each
/// of them, what is sent to one of this machine's addresses to any one.
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    // Apple's systems share a port by this alone. Linux does by the first, and needs this for programs that ask for
    // nothing else; old kernels lack it.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
    if let Err(error) = socket.set_reuse_port(true) {
        tracing::debug!(%error, "this system shares ports in one way only");
    }
    Ok(())
}

/// Keeps a UDP socket to what comes and goes by one interface, so that a flood on another costs it nothing; before it is
/// bound. False where the system has no such thing, or keeps it to others (Linux before 5.7).
pub(crate) fn keep_to_link(socket: &Socket, name: &str, index: u32, six: bool) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let kept = {
        let _ = (index, six);
        socket.bind_device(Some(name.as_bytes())).is_ok()
    };
    #[cfg(target_vendor = "apple")]
    let kept = {
        let _ = name;
        let index = std::num::NonZeroU32::new(index);
        let bound = if six { socket.bind_device_by_index_v6(index) } else { socket.bind_device_by_index_v4(index) };
        index.is_some() && bound.is_ok()
    };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    let kept = {
        let _ = (socket, name, index, six);
        false
    };
    kept
}

/// Ends a connection whose other end acknowledges nothing of what is sent for this long (RFC 5482), also while nobody reads
/// it here. Elsewhere than on Linux and Android the system ends it when it thinks fit.
pub(crate) fn give_up_after(stream: &TcpStream, after: Duration) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(after))?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (stream, after);
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_given_up_when_it_was_asked_to_be() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        give_up_after(&stream, Duration::from_secs(10)).unwrap();
        let set = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
        assert_eq!(set, Some(Duration::from_secs(10)));
    }
}
