//! Where a device is: a network namespace of its own, so that whatever it sends to another passes through a relay.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};

/// The port that every device listens on, each in its own namespace.
pub(crate) const PORT: u16 = 12345;

const DIAL: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

/// A thread inside a namespace: processes and sockets that are made on it belong there. The namespace is gone once they
/// and this are.
#[derive(Debug)]
pub(crate) struct Place {
    jobs: Sender<Job>,
    /// Keeps the namespace until the thread has moved in.
    holder: Child,
}

/// The address of a device, by number.
pub(crate) fn address(device: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(device).map_or(u8::MAX, |device| device.saturating_add(1)))
}

impl Place {
    /// A namespace with the addresses of so many devices, all of them its own: what is sent to another's reaches
    /// whoever listens there in its name. The error says what is missing where this user may not make one.
    pub(crate) fn make(devices: usize) -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`unshare` cannot be started")?;
        // Once it repeats what it is told it has moved.
        holder.stdin.as_mut().context("no input")?.write_all(b"there?\n")?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().context("no output")?).read_line(&mut line)?;
        if line.is_empty() {
            let _ = holder.wait();
            bail!("no namespace can be made");
        }
        let namespace = File::open(format!("/proc/{}/ns/net", holder.id()))?;
        let (jobs, waiting) = channel::<Job>();
        let (moved, entered) = channel();
        std::thread::spawn(move || {
            let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
            let failed = entered.is_err();
            let _ = moved.send(entered);
            if failed {
                return;
            }
            for job in waiting {
                job();
            }
        });
        entered.recv()?.context("the namespace cannot be entered")?;
        let place = Self { jobs, holder };
        place.run(move || {
            ip(&["link", "set", "lo", "up"])?;
            (0..devices).try_for_each(|device| ip(&["addr", "add", &format!("{}/32", address(device)), "dev", "lo"]))
        })??;
        Ok(place)
    }

    /// Has something done there.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = channel();
        let job = Box::new(move || {
            let _ = done.send(work());
        });
        self.jobs.send(job).ok().context("the namespace's thread has ended")?;
        result.recv().context("the namespace's thread died")
    }

    /// Dials the device that is here, in the name of another.
    pub(crate) fn dial(&self, from: usize, to: usize) -> Result<TcpStream> {
        let socket = self.run(move || -> Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.bind(&SocketAddr::from((address(from), 0)).into())?;
            Ok(socket)
        })??;
        socket.connect_timeout(&SocketAddr::from((address(to), PORT)).into(), DIAL)?;
        Ok(socket.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Runs `ip`.
fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("`ip` cannot be started")?;
    if !output.status.success() {
        bail!("`ip {}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
