//! Strangers who hold on to a server without a word, or talk nonsense: a process of its own, as they would be elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use lanline_peer::ALPN;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use crate::link::source;

/// The first of their numbers: members have lower ones, and so other addresses.
const FIRST: usize = 2000;

/// Bytes of noise that one of them says at a time.
const NOISE: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Strangers {
    /// The server
    #[arg(long)]
    to: SocketAddr,
    /// How many connect and never finish, half of them with the beginning of a handshake
    #[arg(long)]
    half_open: usize,
    /// How many talk nonsense
    #[arg(long)]
    garbage: usize,
    /// How long each waits, once it was shown out, until it is there again
    #[arg(long)]
    every_ms: u64,
}

#[derive(Default)]
struct Count {
    dialled: AtomicU64,
    connected: AtomicUsize,
}

/// A ClientHello of TLS 1.3, with all that a server needs to answer it.
fn client_hello() -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).unwrap_or_default().to_be_bytes();
    let mut point = [0; 32];
    point[0] = 9;
    let share = [&[0x00, 0x1d, 0, 32][..], &point].concat();
    let name = [&[0, 10, 9][..], ALPN].concat();
    let mut extensions = Vec::new();
    for (kind, body) in [
        (0x2b_u16, vec![2, 0x03, 0x04]),
        (0x0a, vec![0, 2, 0x00, 0x1d]),
        (0x33, [&short(share.len())[..], &share].concat()),
        (0x0d, vec![0, 2, 0x08, 0x07]),
        (0x10, name),
    ] {
        extensions.extend([&kind.to_be_bytes()[..], &short(body.len()), &body].concat());
    }
    let head = [&[0x03, 0x03][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let body = [&head[..], &short(extensions.len()), &extensions].concat();
    [&[0x16, 0x03, 0x01][..], &short(body.len() + 4), &[1, 0], &short(body.len()), &body].concat()
}

/// Bytes that are no TLS.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let noise = (0..NOISE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    std::iter::once(0x7f).chain(noise).collect()
}

/// Connects, says this, and waits until it is shown out.
async fn once(index: usize, to: SocketAddr, says: &[u8], count: &Count) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source(index), 0).into())?;
    let mut stream = socket.connect(to).await?;
    count.dialled.fetch_add(1, Ordering::Relaxed);
    count.connected.fetch_add(1, Ordering::Relaxed);
    let mut heard = [0; 1024];
    if stream.write_all(says).await.is_ok() {
        while matches!(stream.read(&mut heard).await, Ok(1..)) {}
    }
    count.connected.fetch_sub(1, Ordering::Relaxed);
    Ok(())
}

impl Strangers {
    /// Goes on until it is killed, and prints each second how many were dialled so far and how many are connected.
    pub(crate) async fn run(&self) -> Result<()> {
        let count = Arc::new(Count::default());
        let hello = client_hello();
        let half = hello.get(..hello.len() / 2).unwrap_or_default().to_vec();
        let (hello_and_noise, typed) = ([&hello[..], &noise()].concat(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec());
        let broken = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc][..], &[0xff; 508]].concat();
        let garbage = [typed, noise(), broken, hello_and_noise].map(Arc::new);
        let half_open = [Vec::new(), half].map(Arc::new);
        for index in 0..self.half_open + self.garbage {
            let says = match index.checked_sub(self.half_open) {
                None => half_open.get(index % half_open.len()),
                Some(index) => garbage.get(index % garbage.len()),
            };
            let says = says.map(Arc::clone).unwrap_or_default();
            let (to, pause, count) = (self.to, Duration::from_millis(self.every_ms), Arc::clone(&count));
            tokio::spawn(async move {
                loop {
                    // Who is refused by the system comes again like the others.
                    let _ = once(FIRST + index, to, &says, &count).await;
                    sleep(pause).await;
                }
            });
            if index % 100 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        loop {
            sleep(Duration::from_secs(1)).await;
            println!("{} {}", count.dialled.load(Ordering::Relaxed), count.connected.load(Ordering::Relaxed));
        }
    }
}
