use if_addrs::IfOperStatus;

/// What to do where the system does not let this user listen on a port.
pub(crate) const PORT_ADVICE: &str = if cfg!(unix) {
    "choose one of 1024 or above"
} else {
    // Windows keeps ranges of ports to itself, high ones too.
    "choose another one"
};

/// Whether connections of the last run that are not over yet would hold a port, unless it is asked for in spite of
/// them. Elsewhere than on Unix to ask for that would let another program take the port away.
pub(crate) const REUSES_ADDRESSES: bool = cfg!(unix);

/// Whether an interface works. On Unix `if-addrs` knows of one that it runs, or nothing: what is not known to run is
/// down, or its cable is out. On Windows not to know is the driver's answer, and the interface may well work.
pub(crate) fn is_up(status: &IfOperStatus) -> bool {
    match status {
        IfOperStatus::Up => true,
        IfOperStatus::Unknown => !cfg!(unix),
        _ => false,
    }
}
