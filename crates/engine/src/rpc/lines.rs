use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The most bytes of a line, its end not counted.
pub(crate) const LINE_MAX: usize = 1024 * 1024;

/// The lines of a stream, each of bounded length.
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it, without its end.
    Whole(&'a [u8]),
    /// It was over the limit and has been skipped.
    TooLong,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input), line: Vec::new() }
    }

    /// The next line; what follows the last line end counts as one. `None` at the end of the input. Not to be dropped
    /// while waiting if reading is to go on.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // A long line must not hold its memory for ever.
        self.line.shrink_to(64 * 1024);
        let mut too_long = false;
        loop {
            let read = self.input.fill_buf().await?;
            if read.is_empty() {
                let nothing = self.line.is_empty() && !too_long;
                return Ok((!nothing).then(|| self.ended(too_long)));
            }
            let (part, consumed, ended) = match read.iter().position(|byte| *byte == b'\n') {
                Some(end) => (read.get(..end).unwrap_or_default(), end + 1, true),
                None => (read, read.len(), false),
            };
            too_long |= self.line.len() + part.len() > LINE_MAX;
            if too_long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            self.input.consume(consumed);
            if ended {
                return Ok(Some(self.ended(too_long)));
            }
        }
    }

    fn ended(&self, too_long: bool) -> Line<'_> {
        if too_long { Line::TooLong } else { Line::Whole(&self.line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_split_and_one_over_the_limit_is_skipped_whole() {
        let longest = "a".repeat(LINE_MAX);
        let input = format!("one\n\n{longest}\n{longest}a\ntwo\r\n{longest}{longest}{longest}\nlast");
        let mut lines = Lines::new(input.as_bytes());
        for expected in [
            Line::Whole(b"one"),
            Line::Whole(b""),
            Line::Whole(longest.as_bytes()),
            Line::TooLong,
            Line::Whole(b"two\r"),
            Line::TooLong,
            Line::Whole(b"last"),
        ] {
            assert!(lines.next().await.unwrap() == Some(expected));
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_endless_line_is_told_of_when_the_input_ends() {
        let input = "a".repeat(3 * LINE_MAX);
        let mut lines = Lines::new(input.as_bytes());
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
