//! What is typed, line by line: edited on a terminal, read as it comes elsewhere.

use std::{
    io::{self, BufRead, IsTerminal, Read},
    path::PathBuf,
};

use rustyline::{Config, Editor, ExternalPrinter, history::FileHistory};
use tokio::sync::mpsc;

use super::{screen::Printer, terminal::Terminal, typed};

/// The file in the data folder that keeps the typed lines.
const HISTORY_FILE: &str = "chat.history";
/// How many lines it keeps.
const HISTORY: usize = 1000;
/// The most bytes of a line that is not typed on a terminal: more than a message may have.
const LINE_MAX: u64 = 64 * 1024;
const PROMPT: &str = "> ";

/// What came of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// It was typed.
    Line(String),
    /// It is no text that could be sent; a sentence that says why.
    Bad(&'static str),
    /// There will be no more.
    End,
}

/// Where lines are typed. Reads the next one only when told to, so that nothing is half typed at the end.
#[derive(Debug)]
pub(crate) struct Keyboard {
    keys: mpsc::Receiver<Key>,
    next: mpsc::UnboundedSender<()>,
    /// Whether a line is being waited for.
    reading: bool,
    /// Gives the terminal back as it was, in whatever state the thread is left behind.
    _terminal: Option<Terminal>,
}

impl Keyboard {
    /// The keyboard of a terminal, with a printer for what is to be shown meanwhile; `None` where standard input and
    /// output are not both one, or it is one that cannot move its cursor.
    pub(crate) fn of_terminal(folder: PathBuf) -> Option<(Self, Printer)> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return None;
        }
        let terminal = Terminal::remember();
        let config = Config::builder().max_history_size(HISTORY).ok()?.bracketed_paste(true).build();
        let mut editor: Editor<(), FileHistory> = Editor::with_config(config).ok()?;
        let mut printer = editor.create_external_printer().ok()?;
        let print = Box::new(move |text| printer.print(text).map_err(io::Error::other));
        let history = folder.join(HISTORY_FILE);
        // It is not there the first time.
        let _ = editor.load_history(&history);
        let keyboard = Self::new(Some(terminal), move || {
            match editor.readline(PROMPT) {
                Ok(line) => {
                    if typed::may_be_kept(&line)
                        && editor.add_history_entry(line.as_str()).is_ok_and(|added| added)
                        && let Err(error) = editor.append_history(&history)
                    {
                        tracing::debug!(%error, "the typed line was not kept");
                    }
                    Key::Line(line)
                }
                // Ctrl-C, Ctrl-D, or no terminal any more.
                Err(_) => Key::End,
            }
        });
        Some((keyboard, print))
    }

    /// Standard input, whatever it is.
    pub(crate) fn of_input() -> Self {
        let mut input = io::BufReader::new(io::stdin());
        Self::new(None, move || read(&mut input))
    }

    fn new(terminal: Option<Terminal>, mut read: impl FnMut() -> Key + Send + 'static) -> Self {
        let (typed, keys) = mpsc::channel(1);
        let (next, mut told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            while told.blocking_recv().is_some() {
                let key = read();
                let ended = key == Key::End;
                if typed.blocking_send(key).is_err() || ended {
                    return;
                }
            }
        });
        Self { keys, next, reading: false, _terminal: terminal }
    }

    /// The next line. May be dropped while waiting; the line is then given the next time.
    pub(crate) async fn next(&mut self) -> Key {
        if !self.reading {
            self.reading = self.next.send(()).is_ok();
        }
        let key = self.keys.recv().await.unwrap_or(Key::End);
        self.reading = false;
        key
    }
}

fn read(input: &mut impl BufRead) -> Key {
    let mut line = Vec::new();
    match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => return Key::End,
        Ok(_) if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") => {
            // The rest of it is not to be taken for lines of its own.
            return match skip_line(input) {
                Ok(()) => Key::Bad("A line was longer than a message may be and was not sent: send it in parts."),
                Err(_) => Key::End,
            };
        }
        Ok(_) => {}
    }
    match String::from_utf8(line) {
        Ok(line) => Key::Line(line.trim_end_matches(['\r', '\n']).to_owned()),
        Err(_) => Key::Bad("A line was not text in UTF-8 and was not sent."),
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let part = input.fill_buf()?;
        let (used, ended) = match part.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (part.len(), part.is_empty()),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_a_bad_one_spoils_no_other() {
        let long = "x".repeat(200_000);
        let input = [b"one\r\n\n\xff\xfe\n".as_slice(), long.as_bytes(), b"\ntwo\nthree"].concat();
        let mut input = input.as_slice();
        let keys: Vec<Key> = std::iter::repeat_with(|| read(&mut input)).take(7).collect();
        let line = |text: &str| Key::Line(text.to_owned());
        assert_eq!(keys[..2], [line("one"), line("")]);
        assert!(matches!(&keys[2..4], [Key::Bad(_), Key::Bad(_)]));
        assert_eq!(keys[4..], [line("two"), line("three"), Key::End]);
    }

    #[tokio::test]
    async fn nothing_is_read_before_it_is_asked_for_and_nothing_is_lost() {
        let mut lines = ["one", "two"].into_iter();
        let (asked, were) = std::sync::mpsc::channel();
        let mut keyboard = Keyboard::new(None, move || {
            asked.send(()).unwrap();
            lines.next().map_or(Key::End, |line| Key::Line(line.to_owned()))
        });
        assert!(were.try_recv().is_err());
        // Asked and given up: the line is kept.
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, keyboard.next()).await;
        if given_up.is_err() {
            assert_eq!(keyboard.next().await, Key::Line("one".into()));
        }
        assert_eq!(were.iter().take(1).count(), 1);
        assert!(were.try_recv().is_err());
        assert_eq!(keyboard.next().await, Key::Line("two".into()));
        assert_eq!(keyboard.next().await, Key::End);
        assert_eq!(keyboard.next().await, Key::End);
    }
}
