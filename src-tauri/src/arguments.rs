//! The command line. A part of it may come from outside: systems start the app with a link that somebody chose.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use lanline_engine::Flags;
use lanline_engine::api::LINK_MAX;

/// How a link begins, in capitals or not.
const SCHEME: &str = "lanline:";

/// What the app was started with.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The device.
    pub(crate) flags: Flags,
    /// A link that was opened: it begins as one and is no longer than one. Whether it is one the engine says.
    pub(crate) link: Option<String>,
}

/// Messages and files between the devices on one private network.
#[derive(Debug, Parser)]
#[command(name = "lanline-app", version)]
struct Line {
    /// The folder with this device's key and messages; made when missing
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The name that others see
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The TCP port that the server listens on; 0 for any free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// An invite's link, to be asked whether to join by it; the last argument
    // Where a system's handler is `app "%1"`, a link with a quote in it becomes more than one argument. So nothing
    // after the first that is no flag is a flag, whatever it looks like.
    #[arg(value_name = "LINK", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

impl Arguments {
    /// Reads the command line, the program's name first.
    ///
    /// # Errors
    /// Help was asked for; or one sentence about what cannot be understood.
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, Stop> {
        let Line { data_dir, name, port, rest } = Line::try_parse_from(line).map_err(|error| {
            if error.use_stderr() { Stop::Wrong(sentence(&error.to_string())) } else { Stop::Help(error) }
        })?;
        let link = match rest.as_slice() {
            [] => None,
            [link] => Some(as_link(link).ok_or_else(|| {
                Stop::Wrong(format!(
                    "There is an argument that is neither a flag nor a link, which begins with `{SCHEME}` and has up \
                     to {LINK_MAX} bytes: see `lanline-app --help`."
                ))
            })?),
            _ => {
                return Err(Stop::Wrong(
                    "Nothing may follow the link, or what is taken for one: see `lanline-app --help`.".to_owned(),
                ));
            }
        };
        Ok(Self { flags: Flags { data_dir, name, port, no_discovery: None }, link })
    }
}

/// Why there is nothing to start.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help or the version was asked for.
    Help(clap::Error),
    /// One sentence.
    Wrong(String),
}

fn as_link(argument: &OsString) -> Option<String> {
    let text = argument.to_str().filter(|text| text.len() <= LINK_MAX)?;
    let scheme = text.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| text.to_owned())
}

/// The first paragraph of clap's message, on one line.
fn sentence(message: &str) -> String {
    let first = message.split("\n\n").next().unwrap_or(message);
    let words = first.trim_start_matches("error:").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = words.chars();
    let begin = letters.next().map(char::to_uppercase).into_iter().flatten().collect::<String>();
    format!("{begin}{}: see `lanline-app --help`.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const LINK: &str = "lanline:j/mfrggzdfmztwq2lk";

    fn read(arguments: &[&str]) -> Result<Arguments, Stop> {
        Arguments::read(["lanline-app"].iter().chain(arguments).map(OsString::from))
    }

    /// What is said where it cannot be understood.
    fn said(arguments: &[&str]) -> String {
        match read(arguments) {
            Err(Stop::Wrong(sentence)) => sentence,
            other => panic!("{arguments:.80?}: {other:.80?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Line::command().debug_assert();
    }

    #[test]
    fn a_link_comes_last_and_alone() {
        assert_eq!(read(&[]).unwrap().link, None);
        assert_eq!(read(&[LINK]).unwrap().link.as_deref(), Some(LINK));
        assert_eq!(read(&["--", LINK]).unwrap().link.as_deref(), Some(LINK));
        let capitals = LINK.to_uppercase();
        assert_eq!(read(&[&capitals]).unwrap().link, Some(capitals));
        let both = read(&["--data-dir", "alice", "--port=0", "--name", "Alice", LINK]).unwrap();
        assert_eq!(both.link.as_deref(), Some(LINK));
        assert_eq!(both.flags.data_dir, Some("alice".into()));
        assert_eq!((both.flags.port, both.flags.name.as_deref()), (Some(0), Some("Alice")));
    }

    #[test]
    fn what_is_in_a_link_stays_in_it() {
        for link in [
            "lanline:",
            "lanline:--data-dir=elsewhere",
            "lanline:j/x --data-dir elsewhere",
            "lanline:j/x\" --data-dir \"elsewhere",
            "lanline:j/x\n--port 0",
            "lanline:\u{202e}\u{feff}",
            "LanLine:$(reboot);`reboot`%00",
            "lanline:@/etc/passwd",
        ] {
            let read = read(&[link]).unwrap();
            assert_eq!(read.link.as_deref(), Some(link));
            assert_eq!((read.flags.data_dir, read.flags.port, read.flags.name), (None, None, None));
        }
    }

    #[test]
    fn what_follows_a_link_is_no_flag() {
        for rest in [
            ["--data-dir", "elsewhere"].as_slice(),
            &["--data-dir=elsewhere"],
            &["--port=0"],
            &["--help"],
            &["--version"],
            &["-h"],
            &["--"],
            &[""],
            &[LINK],
            &["--", "--name", "Mallory"],
        ] {
            let all = [&[LINK], rest].concat();
            let said = said(&all);
            assert!(said.contains("follow the link"), "{all:?}: {said}");
        }
    }

    #[test]
    fn anything_else_is_one_line() {
        let long = format!("lanline:{}", "a".repeat(LINK_MAX));
        for wrong in [
            ["hello"].as_slice(),
            &[""],
            &["-"],
            &["-x"],
            &["--colour"],
            &["--data-dri=x"],
            &["lanline"],
            &[" lanline:j/x"],
            &["\"lanline:j/x\""],
            &["https://example.org/lanline:"],
            &["xlanline:"],
            &["łanline:"],
            &["lanlin\u{e9}:"],
            &[&long],
            &["hello\nworld", LINK],
            &["hello", "--data-dir", "x"],
            &["--port", "x"],
            &["--port", "65536"],
            &["--data-dir"],
            &["--port", LINK],
        ] {
            let said = said(wrong);
            assert!(!said.contains('\n') && said.ends_with('.') && said.len() < 300, "{wrong:.80?}: {said}");
        }
        assert!(matches!(read(&["--help"]), Err(Stop::Help(_))));
    }

    #[test]
    fn packages_register_the_scheme_and_pass_the_link_on() {
        let config: serde_json::Value = serde_json::from_str(include_str!("../../tauri.conf.json")).unwrap();
        let scheme = serde_json::json!([SCHEME.trim_end_matches(':')]);
        let links = &config["plugins"]["deep-link"];
        assert_eq!((&links["desktop"]["schemes"], &links["mobile"][0]["scheme"]), (&scheme, &scheme));
        for package in ["deb", "rpm"] {
            assert_eq!(config["bundle"]["linux"][package]["desktopTemplate"], "src-tauri/lanline.desktop");
        }
        let entry = include_str!("../lanline.desktop");
        for line in ["Exec={{exec}} %u", "MimeType={{mime_type}}"] {
            assert!(entry.lines().any(|found| found == line), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_no_link() {
        use std::os::unix::ffi::OsStringExt;
        let raw = OsString::from_vec([LINK.as_bytes(), b"\xff\xfe"].concat());
        assert!(matches!(Arguments::read(["lanline-app".into(), raw]), Err(Stop::Wrong(_))));
    }
}
