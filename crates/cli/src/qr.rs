//! A link as a QR code that a phone reads from the terminal.

use lanline_engine::api::CallError;
use serde::{Deserialize, Serialize};

use crate::{device::Device, print};

/// How many light modules stand around the code: the standard's four.
const QUIET: usize = 4;
/// White on black, whatever the terminal's own colours: a light module is drawn, and so is a dark one.
const WHITE_ON_BLACK: &str = "\u{1b}[38;5;231;48;5;16m";
const RESET: &str = "\u{1b}[0m";

/// Parameters of `qr_code`.
#[derive(Debug, Serialize)]
struct QrCode {
    text: String,
}

/// A QR code.
#[derive(Debug, Deserialize)]
pub(crate) struct Qr {
    /// Its rows, each a text of `0` (light) and `1` (dark), without the quiet zone.
    modules: Vec<String>,
}

impl Qr {
    /// The code of a link, drawn; `None` where the device draws none, or it would not fit on the terminal.
    pub(crate) async fn drawn(device: &Device, link: &str) -> Option<String> {
        // In capitals it is the same link, and a much smaller code.
        let params = QrCode { text: link.to_ascii_uppercase() };
        let made: Result<Self, CallError> = device.call("qr_code", params).await;
        match made {
            Ok(qr) if print::columns().is_none_or(|columns| qr.columns() <= columns) => {
                Some(qr.draw(print::has_colours()))
            }
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, "no QR code");
                None
            }
        }
    }

    fn columns(&self) -> usize {
        self.modules.len() + 2 * QUIET
    }

    /// Two rows of modules a line, in half blocks. Without colours light modules are drawn in the terminal's own ink:
    /// right where that is light, and readable for most phones where it is not.
    fn draw(&self, colours: bool) -> String {
        let size = self.columns();
        let is_light = |row: usize, column: usize| {
            let module = row
                .checked_sub(QUIET)
                .and_then(|row| self.modules.get(row))
                .and_then(|row| row.as_bytes().get(column.checked_sub(QUIET)?));
            module != Some(&b'1')
        };
        let line = |pair: usize| {
            let cells: String = (0..size)
                .map(|column| match (is_light(2 * pair, column), is_light(2 * pair + 1, column)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect();
            if colours { format!("{WHITE_ON_BLACK}{cells}{RESET}") } else { cells }
        };
        (0..size.div_ceil(2)).map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qr() -> Qr {
        serde_json::from_str(r#"{"modules": ["110", "010", "001"]}"#).unwrap()
    }

    #[test]
    fn light_modules_are_drawn_with_a_quiet_zone_around() {
        let drawn = qr().draw(false);
        let lines: Vec<&str> = drawn.split('\n').collect();
        assert_eq!(lines, ["███████████", "███████████", "████▄ █████", "██████▄████", "███████████", "███████████",]);
    }

    #[test]
    fn both_colours_are_set_and_reset_on_every_line() {
        for line in qr().draw(true).split('\n') {
            assert!(line.starts_with(WHITE_ON_BLACK) && line.ends_with(RESET));
        }
        assert!(!qr().draw(false).contains('\u{1b}'));
    }
}
