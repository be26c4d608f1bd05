//! What a typed line means.

use crate::commands::vote::Wish;

/// A line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Blank.
    Nothing,
    /// Words for the others.
    Say(String),
    /// Lists the commands.
    Help,
    /// Lists the rooms.
    Rooms,
    /// Goes to another room.
    Room(String),
    /// Lists who is in this one.
    Members,
    /// Votes for something, or lists what is voted on.
    Vote(Option<Wish>),
    /// Compares with a device.
    Compare(String),
    /// Says whether what is compared is the same.
    Same(bool),
    /// Makes an invite.
    Invite,
    /// Lets other devices connect: on a port, or on the one that is set.
    Listen(Option<u16>),
    /// Joins a room by a link, or by an address and a code, and goes there.
    Join(String),
    /// Leaves this room for good; said twice.
    Leave {
        /// Whether it was confirmed.
        sure: bool,
    },
    /// Who holds and has read the last own message.
    Receipts,
    /// Ends.
    Quit,
    /// No such command, or not so.
    Unknown(String),
}

/// What `/help` says.
pub(crate) const HELP: &str = "Commands:
  /rooms            lists the rooms of this device
  /room ROOM        goes to another one
  /members          lists who is in this room
  /vote             lists what is voted on in this room
  /vote owner WHO   votes for that member as the owner
  /vote remove WHO  votes to remove that member
  /compare WHO      shows pictures to compare with a device: are you sure who it is?
  /same, /differ    says what you saw there
  /invite           makes a link that lets one device in, for 24 hours
  /listen [PORT]    lets other devices connect to this one; 0 for any free port
  /join LINK        joins a room by a link, and goes there; or /join ADDRESS CODE
  /receipts         says who holds and has read what you said last
  /leave            leaves this room for good
  /quit             ends, as Ctrl-D does
  //words           says what begins with a slash
Of what you said you are told: stored (another member holds it), delivered and read (every other member said so).";

/// Understands a line. One that goes over several is pasted, and never a command.
pub(crate) fn understand(line: &str) -> Typed {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    let Some(command) = line.strip_prefix('/').filter(|_| !line.contains('\n')) else {
        return Typed::Say(line.to_owned());
    };
    if command.starts_with('/') {
        return Typed::Say(command.to_owned());
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match (name, rest.trim()) {
        ("help" | "?", _) => Typed::Help,
        ("rooms", "") => Typed::Rooms,
        ("room", room) if !room.is_empty() => Typed::Room(room.to_owned()),
        ("members", "") => Typed::Members,
        ("vote", "") => Typed::Vote(None),
        ("vote", wish) => match wish.split_once(char::is_whitespace) {
            Some(("owner", who)) => Typed::Vote(Some(Wish::Owner(who.trim().to_owned()))),
            Some(("remove", who)) => Typed::Vote(Some(Wish::Remove(who.trim().to_owned()))),
            _ => Typed::Unknown(line.to_owned()),
        },
        ("compare", who) if !who.is_empty() => Typed::Compare(who.to_owned()),
        ("same", "") => Typed::Same(true),
        ("differ", "") => Typed::Same(false),
        ("invite", "") => Typed::Invite,
        ("listen", "") => Typed::Listen(None),
        ("listen", port) => {
            port.parse().map_or_else(|_| Typed::Unknown(line.to_owned()), |port| Typed::Listen(Some(port)))
        }
        ("join", link) if !link.is_empty() => Typed::Join(link.to_owned()),
        ("leave", "") => Typed::Leave { sure: false },
        ("leave", "yes") => Typed::Leave { sure: true },
        ("receipts", "") => Typed::Receipts,
        ("quit" | "exit", "") => Typed::Quit,
        _ => Typed::Unknown(line.to_owned()),
    }
}

/// Whether the line may be kept in the history of typed lines: a link is a secret.
pub(crate) fn may_be_kept(line: &str) -> bool {
    !matches!(understand(line), Typed::Join(_)) && !line.to_lowercase().contains("lanline:j/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_begins_a_command_and_everything_else_is_said() {
        for (line, typed) in [
            ("", Typed::Nothing),
            ("  \t", Typed::Nothing),
            ("hello", Typed::Say("hello".into())),
            ("  indented ", Typed::Say("  indented ".into())),
            ("//shrug", Typed::Say("/shrug".into())),
            ("/help\nme", Typed::Say("/help\nme".into())),
            ("a\nb\n", Typed::Say("a\nb".into())),
            ("/help", Typed::Help),
            ("/room The back yard ", Typed::Room("The back yard".into())),
            ("/room", Typed::Unknown("/room".into())),
            ("/join lanline:j/abc", Typed::Join("lanline:j/abc".into())),
            ("/vote", Typed::Vote(None)),
            ("/vote owner Carol Ann", Typed::Vote(Some(Wish::Owner("Carol Ann".into())))),
            ("/vote remove bob", Typed::Vote(Some(Wish::Remove("bob".into())))),
            ("/vote bob", Typed::Unknown("/vote bob".into())),
            ("/compare Carol Ann", Typed::Compare("Carol Ann".into())),
            ("/compare", Typed::Unknown("/compare".into())),
            ("/same", Typed::Same(true)),
            ("/differ", Typed::Same(false)),
            ("/listen", Typed::Listen(None)),
            ("/listen 0", Typed::Listen(Some(0))),
            ("/listen 65536", Typed::Unknown("/listen 65536".into())),
            ("/leave", Typed::Leave { sure: false }),
            ("/leave yes", Typed::Leave { sure: true }),
            ("/leave now", Typed::Unknown("/leave now".into())),
            ("/quit", Typed::Quit),
            ("/etc/passwd", Typed::Unknown("/etc/passwd".into())),
            ("/", Typed::Unknown("/".into())),
        ] {
            assert_eq!(understand(line), typed, "{line:?}");
        }
    }

    #[test]
    fn every_command_is_in_the_help() {
        for line in HELP.lines().filter_map(|line| line.trim_start().strip_prefix('/')) {
            let name = line.split([' ', '/', ',']).next().unwrap();
            let with = |argument: &str| understand(&format!("/{name}{argument}"));
            let is_known = |typed| !matches!(typed, Typed::Unknown(_));
            assert!(name.is_empty() || is_known(with("")) || is_known(with(" x")), "{name}");
        }
    }

    #[test]
    fn links_are_not_kept() {
        assert!(may_be_kept("hello") && may_be_kept("/rooms"));
        assert!(!may_be_kept("/join x") && !may_be_kept("take LANLINE:J/ABC"));
    }
}
