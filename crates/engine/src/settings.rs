//! What a person may set: defaults, overridden by `./.env`, then the environment, then flags.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tracing::level_filters::LevelFilter;

use crate::{name::valid_name, net::parse_ip, platform};

/// The TCP port a device listens on when not told otherwise.
pub const DEFAULT_PORT: u16 = 12345;

/// The tests of this crate must not touch the key store of whoever runs them.
const DEFAULT_KEY_CHOICE: KeyChoice = if cfg!(test) { KeyChoice::File } else { KeyChoice::System };

/// What was given on the command line; it overrides every other source.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--name`
    pub name: Option<String>,
    /// `--port`
    pub port: Option<u16>,
    /// `--no-discovery`
    pub no_discovery: Option<bool>,
}

/// Where the device's key is to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// In the system's key store; where there is none, in a file of the data folder.
    System,
    /// In a file of the data folder.
    File,
}

/// How this device is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where everything is kept; absolute.
    pub data_dir: PathBuf,
    /// Where received files go; absolute.
    pub downloads_dir: PathBuf,
    /// The name others see, where one was set here: at start it replaces the one kept from before.
    pub name: Option<String>,
    /// The TCP port `start_server` takes when not told; 0 takes any free one.
    pub port: u16,
    /// The addresses to listen on, their ports 0; empty means all.
    pub listen: Vec<SocketAddr>,
    /// Whether to announce this device and look for others; known addresses are dialled in any case.
    pub discovery: bool,
    /// Where the device's key is to lie.
    pub key_store: KeyChoice,
    /// How much goes to the log: a level, or a list such as `lanline_engine=debug,warn`.
    pub log: String,
}

/// A setting that cannot be used: one sentence that names it and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A value that the setting does not take.
    #[error("{setting} must be {takes}, but it is {value:?}.")]
    Value {
        /// The variable's or flag's name.
        setting: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What it was given, as text, cut at 64 characters.
        value: String,
    },
    /// `./.env` cannot be read.
    #[error("The file .env here cannot be used ({reason}): correct or remove it.")]
    DotEnv {
        /// Why.
        reason: String,
    },
    /// The system names no folder for programs' data.
    #[error("This system names no folder for programs' data: set LANLINE_DATA_DIR to the folder to use.")]
    NoDataDir,
    /// A relative path cannot be made absolute.
    #[error("{setting} is a relative path, but the current folder cannot be found: give it as a full path.")]
    NoCurrentDir {
        /// The variable's or flag's name.
        setting: &'static str,
    },
}

impl Settings {
    /// Reads every source. The process's environment is not changed.
    ///
    /// # Errors
    /// A value that cannot be used, from whichever source it came; an unreadable `./.env`.
    pub fn load(flags: Flags) -> Result<Self, SettingError> {
        let file = read_dot_env(Path::new("./.env"))?;
        Self::resolve(flags, |name| {
            std::env::var_os(name).filter(|value| !value.is_empty()).or_else(|| file.get(name).map(OsString::from))
        })
    }

    /// From flags and a look-up of variables. An empty variable counts as not set.
    fn resolve(flags: Flags, variable: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, SettingError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let text = |name: &'static str, takes: &'static str| match variable(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(raw)) => Err(bad(name, takes, &raw)),
        };
        let data_dir = match flags.data_dir {
            Some(path) => absolute("--data-dir", path)?,
            None => match variable("LANLINE_DATA_DIR") {
                Some(path) => absolute("LANLINE_DATA_DIR", path.into())?,
                None => platform::default_data_dir().ok_or(SettingError::NoDataDir)?,
            },
        };
        let downloads_dir = match variable("LANLINE_DOWNLOADS_DIR") {
            Some(path) => absolute("LANLINE_DOWNLOADS_DIR", path.into())?,
            None => platform::default_downloads_dir().unwrap_or_else(|| data_dir.join("downloads")),
        };
        let name = match flags.name {
            Some(given) => Some(name_from("--name", &given)?),
            None => text("LANLINE_NAME", NAME_TAKES)?.map(|given| name_from("LANLINE_NAME", &given)).transpose()?,
        };
        let port = match flags.port {
            Some(port) => port,
            None => text("LANLINE_PORT", PORT_TAKES)?
                .map(|given| parse_port(&given).ok_or_else(|| bad("LANLINE_PORT", PORT_TAKES, given.as_ref())))
                .transpose()?
                .unwrap_or(DEFAULT_PORT),
        };
        let listen = text("LANLINE_LISTEN", LISTEN_TAKES)?
            .map(|given| parse_listen(&given).ok_or_else(|| bad("LANLINE_LISTEN", LISTEN_TAKES, given.as_ref())))
            .transpose()?
            .unwrap_or_default();
        let key_store = text("LANLINE_KEY_STORE", KEY_STORE_TAKES)?
            .map(|given| {
                parse_key_store(&given).ok_or_else(|| bad("LANLINE_KEY_STORE", KEY_STORE_TAKES, given.as_ref()))
            })
            .transpose()?
            .unwrap_or(DEFAULT_KEY_CHOICE);
        let log = text("LANLINE_LOG", LOG_TAKES)?
            .map(|given| parse_log(&given).ok_or_else(|| bad("LANLINE_LOG", LOG_TAKES, given.as_ref())))
            .transpose()?
            .unwrap_or_else(|| "warn".to_owned());
        let discovery = text("LANLINE_DISCOVERY", DISCOVERY_TAKES)?
            .map(|given| {
                parse_discovery(&given).ok_or_else(|| bad("LANLINE_DISCOVERY", DISCOVERY_TAKES, given.as_ref()))
            })
            .transpose()?
            .unwrap_or(true);
        let discovery = discovery && !flags.no_discovery.unwrap_or(false);
        Ok(Self { data_dir, downloads_dir, name, port, listen, discovery, key_store, log })
    }
}

const NAME_TAKES: &str = "a name of 1 to 128 bytes of text, not blank and without control characters";
const PORT_TAKES: &str = "a whole number from 0 to 65535";
const LISTEN_TAKES: &str =
    "IP addresses of this device separated by commas, those that begin with fe80 with their interface (fe80::1%eth0)";
const DISCOVERY_TAKES: &str = "on or off";
const KEY_STORE_TAKES: &str = "system or file";
const LOG_TAKES: &str = "off, error, warn, info, debug or trace, or a list such as lanline_engine=debug,warn";

fn bad(setting: &'static str, takes: &'static str, value: &OsStr) -> SettingError {
    let value = value.to_string_lossy().chars().take(64).collect();
    SettingError::Value { setting, takes, value }
}

fn absolute(setting: &'static str, path: PathBuf) -> Result<PathBuf, SettingError> {
    if path.as_os_str().is_empty() {
        return Err(bad(setting, "the path of a folder", path.as_os_str()));
    }
    std::path::absolute(path).map_err(|_| SettingError::NoCurrentDir { setting })
}

fn name_from(setting: &'static str, given: &str) -> Result<String, SettingError> {
    valid_name(given).ok_or_else(|| bad(setting, NAME_TAKES, given.as_ref()))
}

fn parse_port(given: &str) -> Option<u16> {
    given.trim().parse().ok()
}

fn parse_discovery(given: &str) -> Option<bool> {
    match given.trim() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn parse_key_store(given: &str) -> Option<KeyChoice> {
    match given.trim() {
        "system" => Some(KeyChoice::System),
        "file" => Some(KeyChoice::File),
        _ => None,
    }
}

/// Each once: the same address twice would be in use by itself.
fn parse_listen(given: &str) -> Option<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for part in given.split(',') {
        let address = parse_ip(part.trim())?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Some(addresses)
}

fn parse_log(given: &str) -> Option<String> {
    let known = given.split(',').all(|part| {
        let (target, level) = part.trim().rsplit_once('=').unwrap_or(("lanline", part.trim()));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        !target.is_empty() && target.chars().all(plain) && !level.is_empty() && level.parse::<LevelFilter>().is_ok()
    });
    known.then(|| given.split(',').map(str::trim).collect::<Vec<_>>().join(","))
}

/// The variables of a `.env` file that are Lanline's; none where there is no file.
fn read_dot_env(path: &Path) -> Result<BTreeMap<String, String>, SettingError> {
    let unusable = |reason: String| SettingError::DotEnv { reason: one_line(&reason) };
    let file = match std::fs::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unusable(error.to_string())),
    };
    // The file may be another program's, whose lines are none of ours, and written by an editor that marks UTF-8.
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
    let ours = |line: &&[u8]| {
        let line = line.trim_ascii_start();
        line.strip_prefix(b"export ").unwrap_or(line).trim_ascii_start().starts_with(b"LANLINE")
    };
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').filter(ours).collect();
    let pairs = dotenvy::from_read_iter(std::io::Cursor::new(lines.join(&b'\n')));
    pairs.collect::<Result<_, _>>().map_err(|error| unusable(error.to_string()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: Flags, variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        let flags = Flags { data_dir: flags.data_dir.or(Some("/data".into())), ..flags };
        Settings::resolve(flags, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults() {
        let settings = resolve(Flags::default(), &[]).unwrap();
        assert_eq!(settings.port, 12345);
        assert_eq!(settings.name, None);
        assert!(settings.listen.is_empty());
        assert!(settings.discovery);
        assert_eq!(settings.log, "warn");
    }

    #[test]
    fn flags_outrank_variables_and_an_empty_variable_is_none() {
        let flags = Flags { port: Some(0), name: Some(" Alice ".into()), no_discovery: Some(true), ..Flags::default() };
        let settings = resolve(flags, &[("LANLINE_PORT", "7"), ("LANLINE_NAME", "Bob"), ("LANLINE_LOG", "")]).unwrap();
        assert_eq!((settings.port, settings.name.as_deref()), (0, Some("Alice")));
        assert!(!settings.discovery);
        let settings = resolve(Flags::default(), &[("LANLINE_PORT", "7"), ("LANLINE_NAME", "Bob")]).unwrap();
        assert_eq!((settings.port, settings.name.as_deref()), (7, Some("Bob")));
    }

    #[test]
    fn listen_takes_addresses_of_both_families() {
        let given = "127.0.0.1, ::1,[fe80::1%1], fe80::1%2,::ffff:127.0.0.1,[::1]";
        let settings = resolve(Flags::default(), &[("LANLINE_LISTEN", given)]).unwrap();
        let expected = ["127.0.0.1:0", "[::1]:0", "[fe80::1%1]:0", "[fe80::1%2]:0"];
        assert_eq!(settings.listen, expected.map(|address| address.parse().unwrap()));
    }

    #[test]
    fn a_bad_value_is_one_sentence_that_names_the_setting_and_what_it_takes() {
        for (name, value, takes) in [
            ("LANLINE_PORT", "65536", PORT_TAKES),
            ("LANLINE_PORT", "-1", PORT_TAKES),
            ("LANLINE_PORT", "http", PORT_TAKES),
            ("LANLINE_NAME", "  ", NAME_TAKES),
            ("LANLINE_NAME", "a\u{7}b", NAME_TAKES),
            ("LANLINE_LISTEN", "0.0.0.0,", LISTEN_TAKES),
            ("LANLINE_LISTEN", "localhost", LISTEN_TAKES),
            ("LANLINE_LISTEN", "127.0.0.1:80", LISTEN_TAKES),
            ("LANLINE_LISTEN", "fe80::1", LISTEN_TAKES),
            ("LANLINE_LISTEN", "fe80::1%no such interface", LISTEN_TAKES),
            ("LANLINE_DISCOVERY", "no", DISCOVERY_TAKES),
            ("LANLINE_KEY_STORE", "keyutils", KEY_STORE_TAKES),
            ("LANLINE_LOG", "loud", LOG_TAKES),
            ("LANLINE_LOG", "lanline_engine=loud,warn", LOG_TAKES),
            ("LANLINE_LOG", "warn,", LOG_TAKES),
            ("LANLINE_LOG", "=warn", LOG_TAKES),
        ] {
            let error = resolve(Flags::default(), &[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name) && error.contains(takes), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let long = "x".repeat(129);
        assert!(resolve(Flags::default(), &[("LANLINE_NAME", &long)]).is_err());
        let flag = Flags { name: Some(long), ..Flags::default() };
        assert!(resolve(flag, &[]).unwrap_err().to_string().starts_with("--name"));
    }

    #[test]
    fn the_key_store_is_the_systems_or_a_file() {
        for (given, chosen) in [("system", KeyChoice::System), (" file ", KeyChoice::File)] {
            assert_eq!(resolve(Flags::default(), &[("LANLINE_KEY_STORE", given)]).unwrap().key_store, chosen);
        }
    }

    #[test]
    fn discovery_is_on_unless_the_flag_or_the_variable_says_otherwise() {
        let no_discovery = |flag| Flags { no_discovery: Some(flag), ..Flags::default() };
        for (flag, variable, on) in
            [(false, "", true), (false, "on", true), (false, " off ", false), (true, "on", false), (true, "off", false)]
        {
            let settings = resolve(no_discovery(flag), &[("LANLINE_DISCOVERY", variable)]).unwrap();
            assert_eq!(settings.discovery, on, "{flag} {variable}");
        }
    }

    #[test]
    fn log_takes_a_level_or_a_list() {
        for (given, kept) in [("INFO", "INFO"), ("lanline_engine=debug, warn", "lanline_engine=debug,warn")] {
            assert_eq!(resolve(Flags::default(), &[("LANLINE_LOG", given)]).unwrap().log, kept);
        }
    }

    #[cfg(unix)]
    #[test]
    fn text_that_is_not_utf_8_is_a_bad_value_and_a_path_may_hold_it() {
        use std::os::unix::ffi::OsStringExt;
        let raw = || OsString::from_vec(vec![b'/', 0xff]);
        let names =
            ["LANLINE_PORT", "LANLINE_LISTEN", "LANLINE_NAME", "LANLINE_DISCOVERY", "LANLINE_KEY_STORE", "LANLINE_LOG"];
        for name in names {
            let error = Settings::resolve(Flags { data_dir: Some("/d".into()), ..Flags::default() }, |asked| {
                (asked == name).then(raw)
            });
            assert!(error.unwrap_err().to_string().starts_with(name));
        }
        let settings = Settings::resolve(Flags::default(), |asked| (asked == "LANLINE_DATA_DIR").then(raw)).unwrap();
        assert_eq!(settings.data_dir.into_os_string(), raw());
    }

    #[test]
    fn dot_env_is_read_and_a_broken_one_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert_eq!(read_dot_env(&path), Ok(BTreeMap::new()));
        std::fs::write(&path, "# a comment\nLANLINE_PORT=4000\nLANLINE_NAME=\"Alice B\"\n").unwrap();
        let read = read_dot_env(&path).unwrap();
        assert_eq!(read.get("LANLINE_PORT").map(String::as_str), Some("4000"));
        assert_eq!(read.get("LANLINE_NAME").map(String::as_str), Some("Alice B"));
        for broken in [b"LANLINE NAME\n".as_slice(), b"LANLINE_NAME=\xff\n", b"LANLINE_NAME='x\n"] {
            std::fs::write(&path, broken).unwrap();
            let error = read_dot_env(&path).unwrap_err().to_string();
            assert!(error.contains(".env") && !error.contains('\n'), "{error}");
        }
    }
}
