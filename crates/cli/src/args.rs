mod help;
mod ttl;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{FromArgMatches, Parser, error::ErrorKind};
use clap_complete::Shell;
use lanline_engine::Flags;

use crate::print;

pub(crate) use help::command;

/// Messages and files between the devices on one private network.
#[derive(Debug, Parser)]
#[command(name = "lanline", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Talks in a room, line by line.
    #[command(after_help = help::CHAT)]
    Chat {
        #[command(flatten)]
        device: DeviceArgs,
        /// The room: its name, its id, or the beginning of either. Asked for where there are several.
        room: Option<String>,
        /// Line by line rather than full screen; the only way so far.
        #[arg(long)]
        plain: bool,
        /// Draws the QR code of an invite even where standard output is no terminal.
        #[arg(long)]
        qr: bool,
    },
    /// Sends a message, or one a line of standard input.
    #[command(after_help = help::SEND)]
    Send {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// What to say; none, or `-`, for the lines of standard input.
        text: Vec<String>,
    },
    /// Shows the messages of a room, oldest first.
    #[command(after_help = help::MESSAGES)]
    Messages {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// How many of the newest, 1 to 500; 50 unless told.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: Option<u32>,
        /// Only what stands before the message of this id.
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Lists the rooms of this device.
    Rooms(Common),
    /// Makes a room whose owner is this device.
    #[command(after_help = help::CREATE)]
    Create {
        #[command(flatten)]
        common: Common,
        /// The room's name.
        #[arg(value_name = "NAME")]
        called: String,
    },
    /// Makes an invite: a link that lets one other device in, for 24 hours, and a code to type in place of it.
    #[command(after_help = help::INVITE)]
    Invite {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// How long it lives, such as 30m, 24h or 7d; at most 30d.
        #[arg(long, value_name = "TIME", value_parser = ttl::parse)]
        ttl: Option<u64>,
        /// How many devices may join by it; 1 unless told.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// Draws the QR code even where standard output is no terminal.
        #[arg(long, conflicts_with = "json")]
        qr: bool,
    },
    /// Joins a room by an invite's link, or by the address of a device and the code that it shows.
    #[command(after_help = help::JOIN)]
    Join {
        #[command(flatten)]
        common: Common,
        /// The link, `lanline:j/…`, or the address of the device that shows a code.
        #[arg(value_name = "LINK|ADDRESS")]
        invite: String,
        /// The six digits that it shows; a space in their middle does no harm.
        #[arg(num_args = 0..=2)]
        code: Vec<String>,
    },
    /// Lists who is in a room.
    Members {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
    },
    /// Confirms a member whom another member let in, so that it may vote; for the owner.
    Admit {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// The member: its name, its id, or the beginning of either.
        member: String,
    },
    /// Makes another member the owner of a room; for the owner.
    HandOver {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// The member: its name, its id, or the beginning of either.
        member: String,
    },
    /// Votes to remove somebody or for another owner, or lists what is voted on.
    #[command(after_help = help::VOTE)]
    Vote {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
        /// The member to remove: its name, its id, or the beginning of either.
        #[arg(long, value_name = "MEMBER", conflicts_with = "owner")]
        remove: Option<String>,
        /// The member to be the owner: its name, its id, or the beginning of either.
        #[arg(long, value_name = "MEMBER")]
        owner: Option<String>,
    },
    /// Leaves a room for good; what was said stays readable.
    Leave {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        room: RoomArg,
    },
    /// Runs a device that listens, until it is told to stop (Ctrl-C).
    Serve(DeviceArgs),
    /// Lets programs that can only open a socket write and read in a room, line by line.
    #[command(after_help = help::BRIDGE)]
    Bridge {
        #[command(flatten)]
        device: DeviceArgs,
        /// Where to listen, without encryption: a port, which only this machine reaches, or IP:PORT.
        #[arg(long, value_name = "ADDRESS", value_parser = crate::bridge::address)]
        plain: SocketAddr,
        /// The room: its name, its id, or the beginning of either.
        #[arg(long)]
        room: String,
    },
    /// Says who this device is and how it is doing.
    Status(Common),
    /// Shows what you chose for this device, or changes it.
    Settings {
        #[command(flatten)]
        common: Common,
        /// Whether others are told what is read here.
        #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
        tell_read: Option<bool>,
    },
    /// Writes this device, its key and its rooms, to an encrypted file.
    #[command(after_help = help::EXPORT)]
    Export {
        #[command(flatten)]
        common: Common,
        /// The file to write; nothing may be there.
        file: PathBuf,
        /// A file whose first line is the passphrase, or - for standard input; asked for unless told.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Makes this device the one in an exported file; only where it has no rooms.
    #[command(after_help = help::IMPORT)]
    Import {
        #[command(flatten)]
        common: Common,
        /// The file that `lanline export` wrote.
        file: PathBuf,
        /// A file whose first line is the passphrase, or - for standard input; asked for unless told.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Lists the devices connected now.
    Peers(Common),
    /// Lists the devices found on this network now, connected or not.
    #[command(after_help = help::NEARBY)]
    Nearby {
        #[command(flatten)]
        common: Common,
        /// Goes on, and tells who comes and goes.
        #[arg(long)]
        watch: bool,
        /// Asks each address of the local network, too: for networks that let nothing else through.
        #[arg(long)]
        probe: bool,
    },
    /// Looks for why others do not find or reach this device, or why it does not reach another.
    #[command(after_help = help::DOCTOR)]
    Doctor {
        #[command(flatten)]
        common: Common,
        /// Writes the report alone, to be passed on: plain text without names of people, rooms or devices.
        #[arg(long, conflicts_with = "json")]
        report: bool,
        /// What is not reached: a host's name or its IP address, with or without a port.
        address: Option<String>,
    },
    /// Lists the devices that this one has met, or changes what is kept of one.
    #[command(after_help = help::DEVICES)]
    Devices {
        #[command(flatten)]
        common: Common,
        /// The device: its name, its id, or the beginning of either.
        #[arg(value_name = "DEVICE", requires = "change")]
        which: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Has the person of a connected device and you see the same pictures, unless somebody stands between.
    #[command(after_help = help::COMPARE)]
    Compare {
        #[command(flatten)]
        device: DeviceArgs,
        /// The device: its name, its id, or the beginning of either.
        #[arg(value_name = "DEVICE")]
        which: String,
    },
    /// Speaks JSON-RPC 2.0 over standard input and output, one object a line.
    Rpc(DeviceArgs),
    /// Calls one command, and prints what it answers as JSON.
    #[command(after_help = help::CALL)]
    Call {
        #[command(flatten)]
        device: DeviceArgs,
        /// The command's name.
        method: String,
        /// Its arguments, as a JSON object.
        params: Option<String>,
    },
    /// Prints a script that completes Lanline's commands in a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page, or writes all of them into a folder.
    #[command(after_help = help::MAN)]
    Man {
        /// The folder, made when missing.
        dir: Option<PathBuf>,
    },
}

/// Under which heading the help lists what says which device it is about.
const DEVICE: &str = "Device";

/// Which device.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// The folder with the device's key and messages; made when missing.
    #[arg(long, value_name = "DIR", help_heading = DEVICE)]
    data_dir: Option<PathBuf>,
    /// The TCP port that the server listens on; 0 for any free one.
    #[arg(long, value_name = "PORT", value_parser = port, allow_negative_numbers = true, help_heading = DEVICE)]
    port: Option<u16>,
    /// The name that others see.
    #[arg(long, value_name = "NAME", help_heading = DEVICE)]
    name: Option<String>,
    /// Neither announces this device nor looks for others.
    #[arg(long, help_heading = DEVICE)]
    no_discovery: bool,
}

/// What every subcommand takes that asks the device for something and prints the answer.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    device: DeviceArgs,
    /// Prints JSON: one value on one line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is to be kept of a device.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "change", multiple = false, requires = "which")]
pub(crate) struct Change {
    /// Calls it otherwise on this device; an empty name, what it calls itself.
    #[arg(long, value_name = "NAME")]
    pub(crate) rename: Option<String>,
    /// Neither dials it nor lets it in.
    #[arg(long)]
    pub(crate) block: bool,
    /// Dials it and lets it in again.
    #[arg(long)]
    pub(crate) unblock: bool,
    /// Forgets its name here, whether it is verified or blocked, and where it was met.
    #[arg(long)]
    pub(crate) forget: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RoomArg {
    /// The room: its name, its id, or the beginning of either.
    pub(crate) room: String,
}

impl Args {
    /// Which device it concerns; `None` where it concerns none.
    pub(crate) fn device(&self) -> Option<&DeviceArgs> {
        use Subcommand as S;
        match &self.subcommand {
            S::Rpc(device)
            | S::Serve(device)
            | S::Compare { device, .. }
            | S::Call { device, .. }
            | S::Chat { device, .. }
            | S::Bridge { device, .. } => Some(device),
            S::Status(common) | S::Rooms(common) | S::Peers(common) => Some(&common.device),
            S::Send { common, .. }
            | S::Messages { common, .. }
            | S::Create { common, .. }
            | S::Invite { common, .. }
            | S::Join { common, .. }
            | S::Members { common, .. }
            | S::Settings { common, .. }
            | S::Devices { common, .. }
            | S::Nearby { common, .. }
            | S::Doctor { common, .. }
            | S::Export { common, .. }
            | S::Import { common, .. }
            | S::Admit { common, .. }
            | S::HandOver { common, .. }
            | S::Vote { common, .. }
            | S::Leave { common, .. } => Some(&common.device),
            S::Completions { .. } | S::Man { .. } => None,
        }
    }
}

impl DeviceArgs {
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            data_dir: self.data_dir.clone(),
            name: self.name.clone(),
            port: self.port,
            no_discovery: Some(self.no_discovery),
        }
    }
}

fn yes_or_no(given: &str) -> Result<bool, String> {
    match given {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("it must be yes or no".to_owned()),
    }
}

fn port(given: &str) -> Result<u16, String> {
    given.parse().map_err(|_| "it must be a whole number from 0 to 65535".to_owned())
}

/// The command line; or else how to end, having said why.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    parse_from(std::env::args_os()).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Whoever closed standard output does not want to read it.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            print::aside(&sentence(&error.to_string()));
            ExitCode::from(2)
        }
    })
}

fn parse_from<T: Into<OsString> + Clone>(line: impl IntoIterator<Item = T>) -> Result<Args, clap::Error> {
    Args::from_arg_matches(&command().try_get_matches_from(line)?)
}

/// The first paragraph of clap's message, on one line.
fn sentence(message: &str) -> String {
    let first = message.split("\n\n").next().unwrap_or(message);
    let words = first.trim_start_matches("error:").split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}: see `lanline --help`.", crate::plain::line(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_complaint_is_one_line() {
        for line in [
            ["lanline", "rpc", "--port", "x"].as_slice(),
            &["lanline", "rpc", "--port", "-1"],
            &["lanline", "rpc", "--port", "65536"],
            &["lanline", "rpc", "--colour"],
            &["lanline", "call"],
            &["lanline", "dance"],
            &["lanline", "\u{1b}[2J"],
            &["lanline", "settings", "--tell-read", "perhaps"],
            &["lanline", "send"],
            &["lanline", "invite", "Garden", "--ttl", "1y"],
            &["lanline", "invite", "Garden", "--uses", "0"],
            &["lanline", "messages", "Garden", "--limit", "501"],
            &["lanline", "completions", "cobol"],
            &["lanline", "bridge", "--plain", "garden", "--room", "Garden"],
            &["lanline", "bridge", "--plain", "7000"],
        ] {
            let said = sentence(&parse_from(line).unwrap_err().to_string());
            assert!(!said.chars().any(char::is_control) && said.ends_with('.'), "{said}");
        }
    }

    #[test]
    fn words_and_flags_mix_and_a_dash_says_where_flags_end() {
        let words = |line: &[&str]| match parse_from(line).unwrap().subcommand {
            Subcommand::Send { common, text, .. } => (text.join(" "), common.json),
            other => panic!("{other:?}"),
        };
        assert_eq!(words(&["lanline", "send", "Garden", "on", "my", "way", "--json"]), ("on my way".into(), true));
        assert_eq!(words(&["lanline", "send", "Garden", "--", "--json"]), ("--json".into(), false));
        assert_eq!(words(&["lanline", "send", "Garden", "-"]), ("-".into(), false));
        assert_eq!(words(&["lanline", "send", "Garden"]), (String::new(), false));
    }
}
