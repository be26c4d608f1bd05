//! What `--help` says beyond the arguments: groups and examples.

use std::fmt::Write;

use clap::{Command, CommandFactory, builder::styling::Styles};

use super::Args;

/// The subcommands by what they are for, in the order in which one needs them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Talk", &["chat", "send", "messages"]),
    ("Rooms", &["rooms", "create", "invite", "join", "members", "admit", "hand-over", "vote", "leave"]),
    (
        "This device",
        &["serve", "status", "settings", "export", "import", "peers", "nearby", "devices", "compare", "doctor"],
    ),
    ("For programs and shells", &["rpc", "call", "bridge", "completions", "man"]),
];

const MAIN: &str = "\
Examples:
  lanline create Garden --name Alice     makes a room
  lanline chat Garden                    talks there; /invite lets others in
  lanline join lanline:j/…               on another device, by the link
  make 2>&1 | lanline send Garden        sends what a program prints

What is running already is used: a chat, `serve` or the app with the same data folder. `lanline help chat` says more
about chat, and so for the others.";

pub(super) const CHAT: &str = "\
Examples:
  lanline chat                 talks in the only room, or asks which
  lanline chat Garden          talks in that one
  lanline chat g < notes.txt   says what a file holds, line by line

What you type is said with Enter; a pasted text of many lines is one message. A line that begins with / is a command:
/help lists them. Ctrl-D or /quit ends. Where nothing runs yet with the data folder, chat runs the device itself and
lets others connect while it lasts.";

pub(super) const SEND: &str = "\
Examples:
  lanline send Garden on my way
  lanline send Garden -- --not-a-flag
  tail -f log | lanline send Garden      one message a line

The message is on this device's disk when the command ends, and reaches the others when they meet.";

pub(super) const MESSAGES: &str = "\
Examples:
  lanline messages Garden --limit 10
  lanline messages Garden --json --before ID   what stands before that message";

pub(super) const CREATE: &str = "\
Examples:
  lanline create Garden
  lanline create \"The back yard\" --json";

pub(super) const INVITE: &str = "\
Examples:
  lanline invite Garden
  lanline invite Garden --ttl 7d --uses 10

Whoever has the link can join: get it across by a way you trust. The code may be read out: it lasts two minutes, and
whoever does not know it has one guess. A server must be running: `lanline serve`, a chat, or the app.";

pub(super) const JOIN: &str = "\
Examples:
  lanline join lanline:j/uiaviz… --name Bob
  lanline join 192.168.1.5 042 137       by the code that the device there shows";

pub(super) const VOTE: &str = "\
Examples:
  lanline vote Garden                    lists what is voted on
  lanline vote Garden --owner Carol
  lanline vote Garden --remove KFBWEXA

It is done once more than half of those who may vote said the same: whom the owner let in or confirmed. So a room whose
owner is gone for good gets another.";

pub(super) const EXPORT: &str = "\
Examples:
  lanline export lanline.export
  lanline export /media/stick/lanline.export --passphrase-file secret.txt

The file holds all that this device is: on another machine, `lanline import` goes on from it under the same id. Only the
passphrase opens it, and nobody can tell it again.";

pub(super) const IMPORT: &str = "\
Examples:
  lanline import lanline.export
  lanline import lanline.export --data-dir elsewhere

What was said after the export comes from the members. End the device that was exported, or leave it off: members see
both as one.";

pub(super) const DEVICES: &str = "\
Examples:
  lanline devices                        lists them, with how and when each was verified
  lanline devices Bob --rename Robert
  lanline devices KFBWEXA --block

What a blocked device says in rooms of both still comes through others: to stop that, have it removed from the room.";

pub(super) const NEARBY: &str = "\
Examples:
  lanline nearby                         who is there, where, and by which way it was found
  lanline nearby --watch                 tells who comes and goes until Ctrl-C
  lanline nearby --probe                 asks each address of the network

Who it is stands there only where this device knows it: a device shows its name to strangers only while its person asks for
that. Nothing here is proved; `lanline join` and the app make sure who answers.";

pub(super) const COMPARE: &str = "\
Examples:
  lanline compare Bob

Both devices show seven pictures. Ask the other person, in sight or by telephone, whether theirs are the same in the same
order: then nobody stands between the two devices. Both need to be connected; a chat asks as well, by /compare.";

pub(super) const DOCTOR: &str = "\
Examples:
  lanline doctor                          why others do not find this device
  lanline doctor 192.168.1.5              why that one is not reached
  lanline doctor laptop.local:12345 --json
  lanline doctor --report > report.txt    to be passed on, without names

It reads what the system says of its network and firewall, and changes nothing. Run it on both devices, and as
administrator where it says that rules are hidden. It ends with 1 where something is in the way.";

pub(super) const CALL: &str = "\
Examples:
  lanline call status
  lanline call start_server '{\"port\": 12345}'";

pub(super) const BRIDGE: &str = "\
Examples:
  lanline bridge --plain 7000 --room Garden
  nc 127.0.0.1 7000

Every line that a program writes there is said in the room by this device, and what others say is written to it:
`<name> text`, further lines of a text indented. What begins with ! is the bridge's own. There is neither encryption nor
a password: give an address of the network only where everybody in it may read and write.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  lanline completions bash > ~/.local/share/bash-completion/completions/lanline
  lanline completions fish > ~/.config/fish/completions/lanline.fish
  lanline completions zsh > \"${fpath[1]}/_lanline\"";

pub(super) const MAN: &str = "\
Examples:
  lanline man | man -l -
  lanline man ~/.local/share/man/man1";

/// The command line with its help.
pub(crate) fn command() -> Command {
    let command = Args::command().after_help(MAIN);
    let template = template(&command);
    command.help_template(template)
}

fn template(command: &Command) -> String {
    let (head, name) = (*Styles::styled().get_header(), *Styles::styled().get_literal());
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (group, members) in GROUPS {
        // Writing to a string does not fail.
        let _ = write!(template, "\n{head}{group}:{head:#}\n");
        for member in members.iter().filter_map(|member| command.find_subcommand(member)) {
            let (called, about) = (member.get_name(), member.get_about().map(ToString::to_string).unwrap_or_default());
            let _ = writeln!(template, "  {name}{called:12}{name:#} {about}");
        }
    }
    let _ = write!(template, "\n{head}Options:{head:#}\n{{options}}{{after-help}}");
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_is_in_one_group_and_in_the_help() {
        let mut command = command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, members)| members.iter().copied()).collect();
        let mut all: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
        let about = |one: &Command| format!("  {:12} {}", one.get_name(), one.get_about().unwrap());
        let lines: Vec<String> = command.get_subcommands().map(about).collect();
        let help = command.render_help().to_string();
        assert!(lines.iter().all(|line| help.contains(line)), "{help}");
        assert!(help.contains("Examples:") && !help.contains('{'), "{help}");
    }

    #[test]
    fn the_examples_are_command_lines_that_work() {
        for text in [
            MAIN,
            CHAT,
            SEND,
            MESSAGES,
            CREATE,
            INVITE,
            JOIN,
            VOTE,
            EXPORT,
            IMPORT,
            DEVICES,
            NEARBY,
            COMPARE,
            DOCTOR,
            CALL,
            COMPLETIONS,
            MAN,
        ] {
            for line in text.lines().filter_map(|line| line.strip_prefix("  ")) {
                let line = line.split("   ").next().unwrap();
                let line = line.get(line.find("lanline ").unwrap()..).unwrap().split(['|', '<', '>']).next().unwrap();
                let words = line.replace("'{\"port\": 12345}'", "{}").replace("\"The back yard\"", "Yard");
                super::super::parse_from(words.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
