//! `lanline bridge`: programs that can only open a socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use crate::{
    people::{alice, ask, bob, link},
    process::{SOON, assert_failed, ended, lanline, run},
    talk::Chat,
};

/// A running bridge; killed when dropped.
struct Bridge {
    child: Child,
    port: u16,
}

impl Bridge {
    fn start(home: &Path) -> Self {
        let mut command = lanline(home, &["bridge", "--plain", "0", "--room", "garden", "--port", "0"]);
        Self::spawn(command.env("LANLINE_LISTEN", "127.0.0.1"))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let port = said.strip_prefix("Bridge to <Garden> on 127.0.0.1:").and_then(|rest| rest.split_once('.'));
        let port = port.unwrap_or_else(|| panic!("{said}")).0.parse().unwrap();
        Self { child, port }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Client { lines: BufReader::new(stream.try_clone().unwrap()), stream }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `nc` is.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn writes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    #[track_caller]
    fn reads(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

/// The lines of a program's output, as they come.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

#[test]
fn what_a_socket_writes_is_said_and_what_is_said_is_written_to_it() {
    let home = alice();
    let mut chat = Chat::start(home.path(), &["garden"]);
    chat.shows("This device listens on");
    let bobs = bob(&link(home.path()));
    let bridge = Bridge::start(home.path());
    let (mut sensor, mut screen) = (bridge.client(), bridge.client());
    let mut bob = Chat::start(bobs.path(), &[]);
    bob.shows("In <Garden>: 2 members");

    sensor.writes(b"21 degrees\r\n\n");
    assert_eq!(screen.reads(), "<Alice> 21 degrees\n");
    bob.shows("<Alice> 21 degrees");
    bob.types("thank you");
    assert_eq!(sensor.reads(), "<Bob> thank you\n", "it hears others, and not itself");
    assert_eq!(screen.reads(), "<Bob> thank you\n");
    // What this device says through another door.
    chat.types("from the terminal");
    assert_eq!(sensor.reads(), "<Alice> from the terminal\n");

    // What cannot be sent is told, and costs nothing else.
    sensor.writes(b"caf\xe9\n");
    assert!(sensor.reads().starts_with("! This line is not text in UTF-8"));
    sensor.writes(&[b"a".repeat(16 * 1024 + 1), b"\n".to_vec()].concat());
    assert!(sensor.reads().starts_with("! A line may have 16384 bytes"));
    sensor.writes(&[b"b".repeat(3 * 1024 * 1024), b"\n".to_vec()].concat());
    assert!(sensor.reads().starts_with("! A line may have 16384 bytes"));
    let longest = "c".repeat(16 * 1024);
    sensor.writes(format!("{longest}\n").as_bytes());
    assert_eq!(screen.reads(), "<Alice> from the terminal\n");
    assert_eq!(screen.reads(), format!("<Alice> {longest}\n"));
    // The last line needs no end, and who closes its half goes on reading.
    sensor.writes(b"bye");
    sensor.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(screen.reads(), "<Alice> bye\n");
    bob.types("see you");
    assert_eq!(sensor.reads(), "<Bob> see you\n");
}

/// Nothing but two bridges: the one whose device the other knows of lets it in.
#[test]
fn two_bridges_need_nothing_else() {
    let home = alice();
    let mut chat = Chat::start(home.path(), &["garden"]);
    chat.shows("This device listens on");
    let bobs = bob(&link(home.path()));
    let port = ask(home.path(), &["status"])["server"]["port"].to_string();
    chat.end_input();
    chat.until_ended();

    let mut command = lanline(home.path(), &["bridge", "--plain", "0", "--room", "garden", "--port", &port]);
    let alices = Bridge::spawn(command.env("LANLINE_LISTEN", "127.0.0.1"));
    let bobs = Bridge::start(bobs.path());
    let (mut one, mut other) = (alices.client(), bobs.client());
    one.writes(b"hello\n");
    assert_eq!(other.reads(), "<Alice> hello\n");
    other.writes(b"hello yourself\n");
    assert_eq!(one.reads(), "<Bob> hello yourself\n");
}

#[test]
fn a_client_that_does_not_read_harms_nobody() {
    let home = alice();
    let bridge = Bridge::start(home.path());
    let (mut slow, mut reader, mut writer) = (bridge.client(), bridge.client(), bridge.client());
    let text = "x".repeat(8 * 1024);
    let count = 3000;
    let writing = std::thread::spawn({
        let text = text.clone();
        move || {
            for n in 0..count {
                writer.writes(format!("{n} {text}\n").as_bytes());
            }
            writer
        }
    });
    for n in 0..count {
        assert_eq!(reader.reads(), format!("<Alice> {n} {text}\n"));
    }
    writing.join().unwrap();
    // It was let go: what it did not read is lost to it, and the connection ends.
    let mut read = Vec::new();
    let _ = slow.lines.read_to_end(&mut read);
    assert!(read.len() < count * text.len(), "{}", read.len());
}

#[test]
fn where_it_cannot_listen_it_says_so_and_an_open_address_is_warned_of() {
    let home = alice();
    let bridge = Bridge::start(home.path());
    let other = alice();
    let port = bridge.port.to_string();
    let taken = run(other.path(), &["bridge", "--plain", &port, "--room", "Garden"]);
    assert_failed(&taken, 2, &["Another program listens", &port]);
    let elsewhere = run(other.path(), &["bridge", "--plain", "192.0.2.1:0", "--room", "Garden"]);
    assert_failed(&elsewhere, 2, &["192.0.2.1"]);
    assert_failed(&run(other.path(), &["bridge", "--plain", "0", "--room", "Shed"]), 2, &["Shed", "<Garden>"]);
    assert_failed(&run(other.path(), &["bridge", "--plain", "garden", "--room", "Garden"]), 2, &["--plain"]);

    let mut open =
        lanline(other.path(), &["bridge", "--plain", "0.0.0.0:0", "--room", "Garden", "--port", "0"]).spawn().unwrap();
    let mut warning = String::new();
    BufReader::new(open.stderr.take().unwrap()).read_line(&mut warning).unwrap();
    open.kill().unwrap();
    ended(&mut open);
    assert!(warning.starts_with("Warning: whoever reaches 0.0.0.0:"), "{warning}");
}

/// The examples: a server and a client as the first program's author wrote them, each beside a device of its own.
#[test]
fn a_socket_server_and_a_socket_client_talk_through_two_devices() {
    let home = alice();
    let mut alice = Chat::start(home.path(), &["garden"]);
    alice.shows("This device listens on");
    let bobs = bob(&link(home.path()));
    let (alices_bridge, bobs_bridge) = (Bridge::start(home.path()), Bridge::start(bobs.path()));
    let python = |script: &str, port: u16| {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/plain").join(script);
        let mut command = Command::new("python3");
        command.arg(script).arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("python3 is not installed; `cargo xtask test` installs it")
    };
    let mut server = python("server.py", alices_bridge.port);
    let heard = lines_of(server.stdout.take().unwrap());
    // It hears what is said from then on.
    assert_eq!(heard.recv_timeout(SOON).unwrap(), "Connected.");
    let mut client = python("client.py", bobs_bridge.port);
    let shown = lines_of(client.stdout.take().unwrap());
    let mut typed = client.stdin.take().unwrap();
    typed.write_all(b"1\ntime\n").unwrap();
    assert_eq!(heard.recv_timeout(SOON).unwrap(), "<Bob> time");
    let answer = loop {
        let line = shown.recv_timeout(SOON).unwrap();
        if line.starts_with('<') {
            break line;
        }
    };
    assert!(answer.starts_with("<Alice> It is "), "{answer}");
    alice.shows("<Bob> time");
    typed.write_all(b"2\n").unwrap();
    assert!(ended(&mut client).success());
    server.kill().unwrap();
    ended(&mut server);
}
