//! What a chore needs of the system, how to find out whether it is there, and how to get it.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{output, program, run, succeeds};

/// One thing that has to be installed, with the names of its packages.
pub(crate) struct Need {
    found_by: FoundBy,
    debian: &'static str,
    fedora: &'static str,
    arch: &'static str,
}

enum FoundBy {
    Program(&'static str),
    /// A library's name for pkg-config.
    Library(&'static str),
    /// Any font at all: without one every page is blank.
    Font,
    /// A Python of the version that `tests/interop` is written for, which can make environments.
    Python,
}

/// What the terminal client and the checks need to be built.
pub(crate) const COMPILER: &[Need] =
    &[Need { found_by: FoundBy::Program("cc"), debian: "build-essential", fedora: "gcc", arch: "base-devel" }];

/// What the app needs to be built and to run.
pub(crate) const APP: &[Need] = &[
    Need {
        found_by: FoundBy::Program("pkg-config"),
        debian: "pkg-config",
        fedora: "pkgconf-pkg-config",
        arch: "pkgconf",
    },
    Need {
        found_by: FoundBy::Library("webkit2gtk-4.1"),
        debian: "libwebkit2gtk-4.1-dev",
        fedora: "webkit2gtk4.1-devel",
        arch: "webkit2gtk-4.1",
    },
    Need {
        found_by: FoundBy::Font,
        debian: "fontconfig fonts-dejavu-core",
        fedora: "fontconfig dejavu-sans-fonts",
        arch: "fontconfig ttf-dejavu",
    },
];

/// Fails where Python is too old, or where Debian left the modules to another package.
const PYTHON: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// What the tests need besides: a screen, a driver for the windows, and what runs the page's logic without a window and
/// the client in Python.
pub(crate) const TESTS: &[Need] = &[
    Need { found_by: FoundBy::Program("node"), debian: "nodejs", fedora: "nodejs", arch: "nodejs" },
    Need {
        found_by: FoundBy::Program("Xvfb"),
        debian: "xvfb",
        fedora: "xorg-x11-server-Xvfb",
        arch: "xorg-server-xvfb",
    },
    Need {
        found_by: FoundBy::Program("WebKitWebDriver"),
        debian: "webkit2gtk-driver",
        fedora: "webkit2gtk-driver",
        arch: "webkit2gtk-4.1",
    },
    Need { found_by: FoundBy::Python, debian: "python3 python3-venv", fedora: "python3", arch: "python" },
    Need { found_by: FoundBy::Program("nc"), debian: "netcat-openbsd", fedora: "netcat", arch: "openbsd-netcat" },
];

/// A key store to keep keys in: the tests start one of their own.
pub(crate) const KEY_STORE: &[Need] = &[
    Need { found_by: FoundBy::Program("dbus-run-session"), debian: "dbus", fedora: "dbus-daemon", arch: "dbus" },
    Need {
        found_by: FoundBy::Program("gnome-keyring-daemon"),
        debian: "gnome-keyring",
        fedora: "gnome-keyring",
        arch: "gnome-keyring",
    },
];

/// What keeps devices apart that are tortured, and what makes their disk fail.
pub(crate) const TORTURE: &[Need] = &[
    Need { found_by: FoundBy::Program("ip"), debian: "iproute2", fedora: "iproute", arch: "iproute2" },
    Need { found_by: FoundBy::Program("unshare"), debian: "util-linux", fedora: "util-linux", arch: "util-linux" },
    Need { found_by: FoundBy::Program("strace"), debian: "strace", fedora: "strace", arch: "strace" },
];

/// What the networks are made of that devices are tried on, beside [`TORTURE`] and the Python of [`TESTS`].
pub(crate) const NETWORKS: &[Need] = &[
    Need { found_by: FoundBy::Program("tc"), debian: "iproute2", fedora: "iproute-tc", arch: "iproute2" },
    Need { found_by: FoundBy::Program("nft"), debian: "nftables", fedora: "nftables", arch: "nftables" },
];

/// What asks for known vulnerabilities.
pub(crate) const AUDIT: &[Need] =
    &[Need { found_by: FoundBy::Program("curl"), debian: "curl ca-certificates", fedora: "curl", arch: "curl" }];

/// What libFuzzer is built with.
pub(crate) const FUZZ: &[Need] =
    &[Need { found_by: FoundBy::Program("c++"), debian: "g++", fedora: "gcc-c++", arch: "gcc" }];

/// What the checks of the pages and of the committed files need.
pub(crate) const CHECKS: &[Need] = &[
    Need { found_by: FoundBy::Program("git"), debian: "git", fedora: "git", arch: "git" },
    Need { found_by: FoundBy::Program("node"), debian: "nodejs", fedora: "nodejs", arch: "nodejs" },
    Need { found_by: FoundBy::Program("npm"), debian: "npm", fedora: "npm", arch: "npm" },
];

impl Need {
    fn is_met(&self) -> bool {
        match self.found_by {
            FoundBy::Program(name) => is_on_path(name),
            FoundBy::Library(name) => succeeds(&mut program("pkg-config", &["--exists", name])),
            FoundBy::Python => succeeds(&mut program("python3", &["-c", PYTHON])),
            FoundBy::Font => output(&mut program("fc-list", &[])).is_ok_and(|fonts| !fonts.trim().is_empty()),
        }
    }
}

/// Sees to it that all `needs` are met: installs them by apt as root or through a sudo that asks nothing, on
/// Debian and its kin. Elsewhere the error says what to install.
pub(crate) fn meet(needs: &[&[Need]]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return elsewhere();
    }
    let missing: Vec<&Need> = needs.iter().copied().flatten().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let debian = is_on_path("apt-get");
    let sudo: Option<&[&str]> = if is_root() {
        Some(&[])
    } else if succeeds(&mut program("sudo", &["-n", "true"])) {
        Some(&["sudo", "-n"])
    } else {
        None
    };
    match sudo {
        Some(sudo) if debian => install(sudo, &missing),
        _ => bail!("{}", advice(&missing, debian)),
    }
}

fn install(sudo: &[&str], missing: &[&Need]) -> Result<()> {
    let packages = names(missing, |need| need.debian);
    eprintln!("xtask: installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let words = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"], arguments].concat();
        words.split_first().map(|(first, rest)| run(&mut program(first, rest))).context("no command to run")?
    };
    // A list that cannot be renewed may still do.
    if let Err(error) = apt(&["update"]) {
        eprintln!("xtask: {error:#}");
    }
    apt(&[&["install", "-y", "--no-install-recommends"], &packages[..]].concat())?;
    if let Some(need) = missing.iter().find(|need| !need.is_met()) {
        bail!("{} is installed, but what Lanline needs of it was not found", need.debian);
    }
    Ok(())
}

fn advice(missing: &[&Need], debian: bool) -> String {
    let apt = format!("sudo apt-get install {}", names(missing, |need| need.debian).join(" "));
    if debian {
        return format!(
            "Some packages are missing and may not be installed from here. Run this, then try again:\n  {apt}"
        );
    }
    format!(
        "Some packages are missing. Install them with your system's own command, then try again:\n  \
         Debian, Ubuntu: {apt}\n  \
         Fedora:         sudo dnf install {}\n  \
         Arch:           sudo pacman -S {}",
        names(missing, |need| need.fedora).join(" "),
        names(missing, |need| need.arch).join(" "),
    )
}

/// macOS and Windows bring the web view along; what they lack is a compiler.
fn elsewhere() -> Result<()> {
    if cfg!(target_os = "macos") && !is_on_path("cc") {
        bail!("There is no C compiler. Install one with `xcode-select --install`, then try again.");
    }
    Ok(())
}

fn names(needs: &[&Need], name: fn(&Need) -> &'static str) -> Vec<&'static str> {
    let mut names: Vec<&str> = needs.iter().flat_map(|need| name(need).split(' ')).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn is_root() -> bool {
    output(&mut program("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// Whether `name` is a program on the path, or where the system keeps the administrator's own.
pub(crate) fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| Path::new(&folder).join(name).is_file())
}
