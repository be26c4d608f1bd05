//! The terminal's own state, which must be the same after a chat as before it.

/// Gives the terminal back as it was when dropped: a line may be half typed when the program is told to end.
#[derive(Debug)]
pub(crate) struct Terminal {
    #[cfg(unix)]
    was: Option<rustix::termios::Termios>,
}

impl Terminal {
    /// As it is now.
    #[cfg(unix)]
    pub(crate) fn remember() -> Self {
        Self { was: rustix::termios::tcgetattr(std::io::stdin()).ok() }
    }

    /// As it is now: the system itself gives a console back.
    #[cfg(not(unix))]
    pub(crate) fn remember() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        use std::io::Write;

        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let Some(was) = &self.was else { return };
        let is_raw = tcgetattr(std::io::stdin()).is_ok_and(|now| now.local_modes != was.local_modes);
        if is_raw && tcsetattr(std::io::stdin(), OptionalActions::Now, was).is_ok() {
            // Ends the bracketed pasting that goes with a line being typed, and that line.
            let _ = writeln!(std::io::stdout(), "\u{1b}[?2004l").and_then(|()| std::io::stdout().flush());
        }
    }
}
