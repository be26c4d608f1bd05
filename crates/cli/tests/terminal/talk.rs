//! A running `lanline chat` and what it showed.

use std::{
    io::{Read, Write},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcgetattr, tcsetwinsize},
};

use crate::process::{SOON, ended, lanline};

/// One that ends when dropped.
pub(crate) struct Chat {
    pub(crate) child: Child,
    input: Option<Box<dyn Write + Send>>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    /// How much of it was looked at.
    seen: usize,
    /// The terminal's other end, which the process has.
    terminal: Option<OwnedFd>,
}

#[derive(Default)]
struct Shown {
    text: String,
    ended: bool,
}

impl Chat {
    /// Over pipes.
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        let mut command = lanline(home, &[&["chat"], args].concat());
        let mut child = command.env("LANLINE_LISTEN", "127.0.0.1").env("LANLINE_PORT", "0").spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::of(child, Box::new(input), output, None)
    }

    /// On a terminal of its own, 80 columns wide.
    pub(crate) fn on_terminal(home: &Path, args: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = lanline(home, &[&["chat"], args].concat());
        command.env("LANLINE_PORT", "0");
        let end = || Stdio::from(theirs.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        command.env("LANLINE_LISTEN", "127.0.0.1").env("TERM", "xterm").env_remove("NO_COLOR");
        let child = command.spawn().unwrap();
        let (input, output) = (std::fs::File::from(ours.try_clone().unwrap()), std::fs::File::from(ours));
        Self::of(child, Box::new(input), output, Some(theirs))
    }

    fn of(
        child: Child,
        input: Box<dyn Write + Send>,
        mut output: impl Read + Send + 'static,
        terminal: Option<OwnedFd>,
    ) -> Self {
        let shown = Arc::new((Mutex::new(Shown::default()), Condvar::new()));
        let showing = Arc::clone(&shown);
        std::thread::spawn(move || {
            let (shown, changed) = &*showing;
            let (mut part, mut rest) = ([0; 4096], Vec::new());
            // A terminal whose other end is closed is an error to read.
            while let Ok(read @ 1..) = output.read(&mut part) {
                rest.extend_from_slice(&part[..read]);
                let whole = rest.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                shown.lock().unwrap().text.push_str(std::str::from_utf8(&rest[..whole]).unwrap());
                rest.drain(..whole);
                changed.notify_all();
            }
            shown.lock().unwrap().ended = true;
            changed.notify_all();
        });
        Self { child, input: Some(input), shown, seen: 0, terminal }
    }

    /// Types a line, Enter included.
    pub(crate) fn types(&mut self, line: &str) {
        let enter = if self.terminal.is_some() { "\r" } else { "\n" };
        self.presses(&format!("{line}{enter}"));
    }

    /// Types as it is.
    pub(crate) fn presses(&mut self, keys: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Waits until these words are shown, after those that were waited for before.
    #[track_caller]
    pub(crate) fn shows(&mut self, words: &str) {
        let deadline = Instant::now() + SOON;
        let (shown, changed) = &*self.shown;
        let mut shown = shown.lock().unwrap();
        loop {
            if let Some(at) = shown.text[self.seen..].find(words) {
                self.seen += at + words.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !shown.ended, "{words:?} is not shown:\n{}", shown.text);
            shown = changed.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Everything that was shown so far.
    pub(crate) fn all(&self) -> String {
        self.shown.0.lock().unwrap().text.clone()
    }

    /// Closes its input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Nobody reads what it shows any more; over pipes, the thread that does ends with the process.
    pub(crate) fn until_ended(&mut self) -> (ExitStatus, String) {
        let status = ended(&mut self.child);
        if let Some(terminal) = &self.terminal {
            let modes = tcgetattr(terminal).unwrap();
            assert!(modes.local_modes.contains(rustix::termios::LocalModes::ECHO), "it left the terminal raw");
        }
        // The last other end of the terminal: what was shown is then read to its end.
        self.terminal = None;
        let (shown, changed) = &*self.shown;
        let read = changed.wait_timeout_while(shown.lock().unwrap(), SOON, |shown| !shown.ended).unwrap().0;
        (status, read.text.clone())
    }

    /// What it said on standard error, once it has ended; over pipes.
    pub(crate) fn complaints(&mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
