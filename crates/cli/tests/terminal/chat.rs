//! `lanline chat`: two people, over pipes and on a terminal.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    people::{alice, ask, bob, link, texts},
    process::{Rpc, SOON, assert_failed, ended, lanline, run},
    talk::Chat,
};

#[test]
fn two_people_talk_one_of_them_on_a_terminal() {
    let home = alice();
    let mut alice = Chat::start(home.path(), &["garden"]);
    alice.shows("This device listens on 127.0.0.1:");
    alice.shows("In <Garden>: 1 member.");
    alice.shows("* <Alice> made this room.");
    alice.types("/invite");
    alice.shows("lanline:j/");
    let link = link(home.path());
    let bobs = bob(&link);
    alice.shows("* <Alice> let <Bob> in.");
    alice.types("before you came");
    alice.shows("<Alice> before you came");

    let mut bob = Chat::on_terminal(bobs.path(), &[]);
    bob.shows("In <Garden>: 2 members");
    bob.shows("<Alice>\u{1b}[0m before you came");
    alice.shows("* Read: “before you came”");
    bob.types("hello from a terminal");
    alice.shows("<Bob> hello from a terminal");
    bob.shows("Read: “hello from a terminal”");
    alice.types("hello from a pipe");
    bob.shows("<Alice>\u{1b}[0m hello from a pipe");
    alice.shows("* Read: “hello from a pipe”");
    alice.types("/receipts");
    alice.shows("read       <Bob>");

    // Pasted text of several lines is one message, and its lines cannot pass for somebody's.
    bob.presses("\u{1b}[200~one\n<Alice> two\u{1b}[201~\r");
    alice.shows("<Bob> one\n      <Alice> two\n");
    bob.types("/members");
    bob.shows("this device  <Bob>");

    // What comes while a line is half typed leaves that line alone.
    bob.presses("half");
    bob.shows("half");
    alice.types("meanwhile");
    bob.shows("meanwhile");
    bob.presses(" a line\r");
    alice.shows("<Bob> half a line");

    bob.presses("\u{4}");
    let (ended, _) = bob.until_ended();
    assert!(ended.success());
    alice.shows("* <Bob> is no longer connected");
    alice.types("are you there?");
    alice.shows("* Nobody else holds what you said yet");
    alice.end_input();
    let (ended, shown) = alice.until_ended();
    assert!(ended.success());
    assert!(shown.contains("What you said last is kept"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains("> \n"), "{shown}");
    assert_eq!(alice.complaints(), "");
    let said = ["before you came", "hello from a terminal", "hello from a pipe", "one\n<Alice> two", "meanwhile"];
    assert_eq!(texts(bobs.path()), [said.as_slice(), &["half a line"]].concat());
    assert_eq!(texts(home.path()), [said.as_slice(), &["half a line", "are you there?"]].concat());
}

#[test]
fn typed_lines_are_kept_for_their_author_alone_and_links_are_not() {
    use std::os::unix::fs::PermissionsExt;
    let home = alice();
    let mut alice = Chat::on_terminal(home.path(), &[]);
    alice.shows("In <Garden>");
    alice.types("remember this");
    alice.types("/join lanline:j/secret");
    alice.shows("copy it again");
    alice.types("/nonsense");
    alice.shows("There is no “/nonsense” like this");
    alice.types("/quit");
    assert!(alice.until_ended().0.success());
    let history = home.path().join("data").join("chat.history");
    assert_eq!(history.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(kept.contains("remember this") && !kept.contains("secret"), "{kept}");

    // Arrow up, in the next one.
    let mut again = Chat::on_terminal(home.path(), &[]);
    again.shows("> ");
    again.presses("\u{1b}[A\u{1b}[A\u{1b}[A\r");
    // Between two lines the terminal is as it was found, where Ctrl-C is a signal, and a lost one where it controls no
    // process, as here: so it is pressed until it is heard, with time to end between, since a second one that is heard
    // ends it without taking leave.
    let (begun, mut pressed) = (Instant::now(), 0);
    while again.child.try_wait().unwrap().is_none() && begun.elapsed() < SOON {
        if begun.elapsed() >= pressed * Duration::from_secs(5) {
            again.presses("\u{3}");
            pressed += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(again.until_ended().0.success());
    assert_eq!(texts(home.path()), ["remember this", "remember this"]);
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for signal in [Signal::INT, Signal::TERM] {
        let home = alice();
        let mut on_terminal = Chat::on_terminal(home.path(), &[]);
        on_terminal.shows("> ");
        on_terminal.presses("half a");
        on_terminal.shows("half a");
        kill_process(Pid::from_child(&on_terminal.child), signal).unwrap();
        assert!(on_terminal.until_ended().0.success());
        let mut piped = Chat::start(home.path(), &[]);
        piped.shows("In <Garden>");
        kill_process(Pid::from_child(&piped.child), signal).unwrap();
        assert!(piped.until_ended().0.success());
    }
}

#[test]
fn it_acts_through_the_process_that_runs_and_outlives_it() {
    let home = alice();
    let mut first = Chat::start(home.path(), &[]);
    first.shows("In <Garden>");
    let mut second = Chat::start(home.path(), &["gar"]);
    second.shows("In <Garden>");
    let sent = ask(home.path(), &["send", "Garden", "from", "outside"]);
    assert_eq!(sent["id"].as_str().unwrap().len(), 52);
    // What another terminal said through the same device.
    second.shows("<Alice> from outside");
    second.types("from the second");
    second.shows("<Alice> from the second");
    first.child.kill().unwrap();
    second.shows("has ended");
    second.shows("listens on");
    second.types("on its own");
    second.shows("<Alice> on its own");
    assert_eq!(texts(home.path()), ["from outside", "from the second", "on its own"]);
    let shown = second.all();
    for words in ["<Alice> from the second", "<Alice> on its own", "<Alice> from outside"] {
        assert_eq!(shown.matches(words).count(), 1, "{shown}");
    }
}

#[test]
fn lines_of_a_pipe_are_all_sent_before_it_ends() {
    let home = alice();
    let mut alice = Chat::start(home.path(), &[]);
    let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
    alice.presses(&format!("{}\n\n  \n/nonsense\n//slash\nlast", lines.join("\n")));
    alice.end_input();
    let (ended, shown) = alice.until_ended();
    assert!(ended.success());
    assert!(shown.contains("1002 messages are kept"), "{shown}");
    let page = ask(home.path(), &["messages", "Garden", "--limit", "500"]);
    let last: Vec<&str> =
        page["messages"].as_array().unwrap().iter().rev().take(3).map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(last, ["last", "/slash", "line 999"]);
    assert!(lines.iter().all(|line| shown.matches(&format!("<Alice> {line}\n")).count() == 1));
}

/// More than a device keeps for a reader that is behind.
const MANY: usize = 12_000;

#[test]
fn who_stood_still_for_long_catches_up_with_all_of_it_once_and_in_order() {
    let home = alice();
    let mut command = lanline(home.path(), &["rpc", "--port", "0"]);
    command.env("LANLINE_LISTEN", "127.0.0.1");
    let mut alices = Rpc::spawn(command);
    alices.ask("start_server", Value::Null);
    let bobs = bob(&link(home.path()));
    let mut alice = Chat::start(home.path(), &[]);
    alice.shows("let <Bob> in");
    kill_process(Pid::from_child(&alice.child), Signal::STOP).unwrap();

    let mut bob = lanline(bobs.path(), &["send", "Garden"]).spawn().unwrap();
    let lines: String = (0..MANY).map(|n| format!("line {n}.\n")).collect();
    std::io::Write::write_all(&mut bob.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let last = format!("line {}.", MANY - 1);
    assert!(ended(&mut bob).success());
    // What was not on its way when the input ended goes out when bob next runs.
    let _bob = Rpc::start(bobs.path(), &[]);
    while alices.read()["params"]["message"]["text"] != json!(last) {}
    kill_process(Pid::from_child(&alice.child), Signal::CONT).unwrap();
    alice.shows(&last);
    alice.types("there I am");
    alice.shows("<Alice> there I am");
    let shown = alice.all();
    let heard = shown.lines().filter_map(|line| line.split_once("<Bob> line ")).map(|(_, text)| text);
    assert!(heard.eq((0..MANY).map(|n| format!("{n}."))), "not each of them once and in order");
}

#[test]
fn what_a_peer_wrote_is_only_text() {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\n12:00 <Alice> I owe you\u{202e}txet\u{7f}";
    let home = alice();
    let mut alice = Chat::start(home.path(), &[]);
    alice.shows("In <Garden>");
    let evil = bob(&link(home.path()));
    let mut mallory = Rpc::start(evil.path(), &[]);
    let room = mallory.ask("rooms", Value::Null)["result"][0]["room"].clone();
    mallory.ask("send_message", json!({"room": room, "text": EVIL}));
    alice.shows("<Bob> ␛[2J␛]0;owned␇‹U+009B›31m\n      12:00 <Alice> I owe you‹U+202E›txet␡\n");
    for args in [["messages", "Garden"].as_slice(), &["messages", "Garden", "--json"]] {
        let output = String::from_utf8(run(home.path(), args).stdout).unwrap();
        assert!(!output.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{output:?}");
    }
    assert_eq!(texts(home.path()), [EVIL]);
    let pretty = run(home.path(), &["call", "messages", &json!({"room": room}).to_string()]).stdout;
    assert!(!String::from_utf8(pretty).unwrap().contains(['\u{9b}', '\u{7f}', '\u{1b}']));

    let mut on_terminal = Chat::on_terminal(home.path(), &[]);
    on_terminal.shows("<Bob>\u{1b}[0m ␛[2J␛]0;owned␇‹U+009B›31m\r\n      12:00 <Alice> I owe you‹U+202E›txet␡");
}

#[test]
fn a_taken_port_is_said_and_no_reason_to_stop() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = alice();
    let mut alice = Chat::start(home.path(), &["--port", &port]);
    alice.shows(&port);
    alice.shows("in use");
    alice.shows("In <Garden>");
    alice.types("/invite");
    alice.shows("An invite needs a running server");
    alice.types("/listen 0");
    alice.shows("This device listens on 127.0.0.1:");
    alice.types("/invite");
    alice.shows("lanline:j/");
    alice.end_input();
    assert!(alice.until_ended().0.success());
}

#[test]
fn without_a_room_it_takes_the_only_one_or_asks_or_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    assert_failed(&run(home.path(), &["chat"]), 2, &["lanline create", "lanline join"]);
    ask(home.path(), &["create", "Garden"]);
    assert!(run(home.path(), &["chat", "--port", "0"]).status.success());
    ask(home.path(), &["create", "Garage"]);
    assert_failed(&run(home.path(), &["chat"]), 2, &["<Garden>", "<Garage>"]);
    assert_failed(&run(home.path(), &["chat", "gar"]), 2, &["<Garden>", "<Garage>"]);
    assert_failed(&run(home.path(), &["chat", "kitchen"]), 2, &["kitchen", "<Garden>", "<Garage>"]);

    let mut asked = Chat::on_terminal(home.path(), &[]);
    asked.shows("<Garage>");
    asked.shows("Which room?");
    asked.types("kitchen");
    asked.shows("There is no room “kitchen”");
    asked.types("gard");
    asked.shows("In <Garden>");
    asked.types("/room garage");
    asked.shows("In <Garage>");
    asked.types("hello");
    asked.types("/leave");
    asked.shows("/leave yes");
    asked.types("/leave yes");
    asked.shows("You left this room");
    asked.presses("\u{4}");
    assert!(asked.until_ended().0.success());
    let page = ask(home.path(), &["messages", "Garage"]);
    assert!(page["messages"].as_array().unwrap().iter().any(|message| message["text"] == "hello"));
}

#[test]
fn it_ends_when_nobody_reads_what_it_shows() {
    let home = alice();
    let mut child = lanline(home.path(), &["chat", "--port", "0"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ended(&mut child).code(), Some(1), "what its input still holds is not sent");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "Nobody reads what this chat shows any more: it ended before its input.\n");
}
