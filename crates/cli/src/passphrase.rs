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
            first_line(file).map(Some).map_err(unreadable)
        }
        Some(_) => from_input().map(Some),
        None if std::io::stdin().is_terminal() => Ok(None),
        None => from_input().map(Some),
    }
}

fn from_input() -> Result<Passphrase, Failure> {
    first_line(std::io::stdin()).map_err(|error| {
        Failure::input(format!("Standard input cannot be read ({error}): type the passphrase instead."))
    })
}

fn first_line(from: impl Read) -> std::io::Result<Passphrase> {
    // Of its full size from the start: a text that grows leaves a copy behind.
    let mut line = Zeroizing::new(String::with_capacity(MOST as usize));
    BufReader::new(from.take(MOST)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
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
            assert_eq!(first_line(given.as_bytes()).unwrap().as_str(), read);
        }
        assert!(first_line([0xff].as_slice()).is_err());
    }
}
