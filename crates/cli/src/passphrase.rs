//! Passphrases: typed unseen at a terminal, or the first line of a file or of standard input. Never an argument, which
//! every process of the machine can read.

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::Path,
};

use lanline_engine::api::Passphrase;
use zeroize::Zeroizing;

use crate::{exit::Failure, print};

/// Below this many characters a person is told that it is few.
const SHORT: usize = 12;
/// The longest line that is read.
const MOST: u64 = 4096;

/// The passphrase of an export that there is.
pub(crate) fn known(file: Option<&Path>) -> Result<Passphrase, Failure> {
    match from_elsewhere(file)? {
        Some(passphrase) => Ok(passphrase),
        None => typed("Passphrase of the export: "),
    }
}

/// The passphrase of an export to be made.
pub(crate) fn new(file: Option<&Path>) -> Result<Passphrase, Failure> {
    let passphrase = match from_elsewhere(file)? {
        Some(passphrase) => passphrase,
        None => {
            let passphrase = typed("Passphrase for the export: ")?;
            if typed("The same once more: ")? != passphrase {
                return Err(Failure::input("The two are not the same: try again."));
            }
            passphrase
        }
    };
    if (1..SHORT).contains(&passphrase.as_str().chars().count()) {
        print::aside(
            "This passphrase is short: whoever gets the file can try many of them. A handful of words is better.",
        );
    }
    Ok(passphrase)
}

/// From a file, `-` being standard input; or from standard input where that is no terminal.
fn from_elsewhere(file: Option<&Path>) -> Result<Option<Passphrase>, Failure> {
    match file {
        Some(path) if path != Path::new("-") => {
            let unreadable = |error| {
                let path = path.display();
                Failure::input(format!("The file {path} cannot be read ({error}): check the path."))
            };
            let file = File::open(path).map_err(unreadable)?;
            first_line(file).map_err(unreadable)?.map(Some).ok_or_else(too_long)
        }
        Some(_) => from_input().map(Some),
        None if std::io::stdin().is_terminal() => Ok(None),
        None => from_input().map(Some),
    }
}

fn from_input() -> Result<Passphrase, Failure> {
    let read = first_line(std::io::stdin()).map_err(|error| {
        Failure::input(format!("Standard input cannot be read ({error}): type the passphrase instead."))
    })?;
    read.ok_or_else(too_long)
}

fn too_long() -> Failure {
    Failure::input(format!("The passphrase is the first line, which may have {MOST} bytes: choose a shorter one."))
}

/// The first line; `None`: it is too long, and what is left of one that was cut would be another passphrase.
fn first_line(from: impl Read) -> std::io::Result<Option<Passphrase>> {
    const END: u64 = "\r\n".len() as u64;
    // Of its full size from the start: a text that grows leaves a copy behind.
    let mut line = Zeroizing::new(Vec::with_capacity((MOST + END) as usize));
    BufReader::new(from.take(MOST + END)).read_until(b'\n', &mut line)?;
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line.truncate(end);
    if line.len() as u64 > MOST {
        return Ok(None);
    }
    let line =
        std::str::from_utf8(&line).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    Ok(Some(line.to_owned().into()))
}

fn typed(prompt: &str) -> Result<Passphrase, Failure> {
    let typed = rpassword::prompt_password(prompt);
    typed.map(Into::into).map_err(|error| {
        Failure::input(format!("The passphrase cannot be read ({error}): give it with --passphrase-file."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_as_it_is() {
        for (given, read) in [("a b \n", "a b "), ("x\r\ny\n", "x"), ("", ""), ("\n", ""), ("höre", "höre")] {
            assert_eq!(first_line(given.as_bytes()).unwrap().unwrap().as_str(), read);
        }
        assert!(first_line([0xff].as_slice()).is_err());
    }

    #[test]
    fn a_passphrase_that_is_too_long_is_refused_and_never_cut() {
        let longest = "p".repeat(MOST as usize);
        for end in ["", "\n", "\r\n", "\r\nmore"] {
            let read = first_line(format!("{longest}{end}").as_bytes()).unwrap();
            assert_eq!(read.unwrap().as_str(), longest);
        }
        for longer in [format!("{longest}p"), format!("{longest}p\n"), format!("x{}", "ö".repeat(MOST as usize))] {
            assert_eq!(first_line(longer.as_bytes()).unwrap(), None);
        }
    }
}
