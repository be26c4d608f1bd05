//! The six digits that somebody reads out and somebody else types.

use core::fmt;
use core::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::replica::Random;

/// How many digits a code has.
const DIGITS: usize = 6;

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// The text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is six digits; type it as the other device shows it")]
pub struct CodeError;

/// Six digits, of which only the two devices that are to meet know. Erased from memory when dropped, and never shown by
/// `Debug`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Code([u8; DIGITS]);

impl Code {
    /// Draws one, each as likely as any other.
    pub fn draw(random: &mut dyn Random) -> Self {
        // What is left over would make the low ones likelier.
        let whole = u32::MAX - u32::MAX % CODES;
        let drawn = loop {
            let mut bytes = [0; 4];
            random.fill(&mut bytes);
            let drawn = u32::from_be_bytes(bytes);
            bytes.zeroize();
            if drawn < whole {
                break drawn % CODES;
            }
        };
        let mut digits = [b'0'; DIGITS];
        let mut rest = drawn;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self(digits)
    }

    /// What the exchange of [`crate::pake`] takes for the password.
    pub(crate) fn digits(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, digit) in self.0.iter().enumerate() {
            if index == DIGITS / 2 {
                f.write_str(" ")?;
            }
            write!(f, "{}", char::from(*digit))?;
        }
        Ok(())
    }
}

impl FromStr for Code {
    type Err = CodeError;

    /// White space and dashes are for reading and count nothing.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > 64 {
            return Err(CodeError);
        }
        let mut digits = Vec::with_capacity(DIGITS);
        for character in text.chars().filter(|character| !character.is_whitespace() && *character != '-') {
            let digit = u8::try_from(character).ok().filter(u8::is_ascii_digit).ok_or(CodeError)?;
            digits.push(digit);
        }
        let code = digits.as_slice().try_into().map(Self).map_err(|_| CodeError);
        digits.zeroize();
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these numbers, one after the other.
    struct Numbers(Vec<u32>);

    impl Random for Numbers {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.remove(0).to_be_bytes());
        }
    }

    #[test]
    fn codes_are_drawn_evenly_and_keep_their_noughts() {
        let draw = |number| Code::draw(&mut Numbers(vec![number])).to_string();
        assert_eq!(draw(7), "000 007");
        assert_eq!(draw(4_293_999_999), "999 999");
        assert_eq!(Code::draw(&mut Numbers(vec![u32::MAX, 4_294_000_000, 1_042_042])).to_string(), "042 042");
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        let code: Code = "042042".parse().unwrap();
        for typed in ["042 042", " 042-042 ", "0 4 2 0 4 2"] {
            assert_eq!(typed.parse(), Ok(code.clone()));
        }
        assert_eq!(code.to_string().parse(), Ok(code.clone()));
        for wrong in ["", "04204", "0420422", "04204a", "٠٤٢٠٤٢", "+42042", &"1 ".repeat(40)] {
            assert_eq!(wrong.parse::<Code>(), Err(CodeError), "{wrong}");
        }
        assert!(!format!("{code:?}").contains("042"));
    }
}
