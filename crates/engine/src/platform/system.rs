//! Which system this is, for what is asked of each in its own way.

/// A kind of system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    Windows,
    MacOs,
    Other,
}

/// This one.
pub(crate) const SYSTEM: System = if cfg!(target_os = "linux") {
    System::Linux
} else if cfg!(windows) {
    System::Windows
} else if cfg!(target_os = "macos") {
    System::MacOs
} else {
    System::Other
};

/// What to do where the system does not let this program use the local network.
pub(crate) const PERMISSION_ADVICE: &str = if cfg!(target_os = "macos") {
    "Allow Lanline in System Settings, Privacy & Security, Local Network, then start it again."
} else if cfg!(target_os = "ios") {
    "Allow Lanline in Settings, Privacy & Security, Local Network."
} else if cfg!(target_os = "android") {
    "Allow Lanline in Settings, Apps, Lanline, Permissions, to find and connect to devices on the local network."
} else if cfg!(windows) {
    "See whether a security program on this device keeps Lanline from the network, and allow it there."
} else {
    "See whether a sandbox or a security policy keeps Lanline from the network (its unit, snap or container), and allow it."
};

/// Whether the system says, of what it does not let this program do on the local network, that nobody is there
/// (`EHOSTUNREACH`) and not that it is forbidden.
pub(crate) const HIDES_REFUSALS: bool = cfg!(any(target_os = "macos", target_os = "ios"));

/// Whether an error says that a device is down, for which the standard library has no word: `EHOSTDOWN`.
pub(crate) fn is_host_down(error: &std::io::Error) -> bool {
    const HOST_DOWN: i32 = if cfg!(windows) {
        10_064
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        112
    } else {
        64
    };
    error.raw_os_error() == Some(HOST_DOWN)
}

/// Whether an interface is a tunnel, as far as the system says: one that it carries no Ethernet on.
#[cfg(target_os = "linux")]
pub(crate) fn is_tunnel(interface: &str) -> bool {
    // Interfaces of types without addresses of their own: PPP, IP in IP, SIT, GRE, and none at all (tun, WireGuard).
    const TYPES: [&str; 7] = ["512", "768", "769", "776", "778", "823", "65534"];
    if interface.contains('/') {
        return false;
    }
    let about = std::path::Path::new("/sys/class/net").join(interface);
    let kind = std::fs::read_to_string(about.join("type")).unwrap_or_default();
    TYPES.contains(&kind.trim()) || about.join("tun_flags").exists() && !about.join("master").exists()
}

/// Whether an interface is a tunnel, by its name.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_tunnel(interface: &str) -> bool {
    const NAMES: [&str; 9] = ["utun", "tun", "tap", "ppp", "wg", "ipsec", "wireguard", "openvpn", "tailscale"];
    let name = interface.to_lowercase();
    NAMES.iter().any(|prefix| name.starts_with(prefix))
}
