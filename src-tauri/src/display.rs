//! Whether there is a display to open a window on.

/// Asks GTK, which the window is made with: a name in the environment may be that of a display long gone, and
/// the event loop panics where there is none.
#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
pub(crate) fn is_there() -> bool {
    gtk::init().is_ok()
}

/// Elsewhere than on X11 and Wayland there always is one.
#[cfg(not(all(unix, not(any(target_vendor = "apple", target_os = "android")))))]
pub(crate) fn is_there() -> bool {
    true
}
