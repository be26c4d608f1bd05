use fast_qr::{ECL, QRBuilder};

use crate::{
    Node,
    api::{ApiError, ErrorCode, QR_CAPITALS_MAX, QR_TEXT_MAX, QrCode, QrPicture},
};

impl Node {
    /// A text, such as an invite's link, as a QR code.
    pub async fn qr_code(&self, params: QrCode) -> Result<QrPicture, ApiError> {
        picture(&params.text)
    }
}

/// The code with the least redundancy: a screen has no dirt on it, and fewer modules are larger ones.
fn picture(text: &str) -> Result<QrPicture, ApiError> {
    if text.is_empty() {
        return Err(ApiError::invalid("A QR code needs a text: give the link it is to say."));
    }
    let code = QRBuilder::new(text).ecl(ECL::L).build().map_err(|_| {
        ApiError::new(
            ErrorCode::TooLarge,
            format!(
                "A QR code holds {QR_TEXT_MAX} bytes of text, or {QR_CAPITALS_MAX} capitals and digits: give less of it."
            ),
        )
    })?;
    // Rows, by `chunks` and not by the code's own index, which panics out of its range.
    let modules = code
        .data
        .get(..code.size * code.size)
        .unwrap_or_default()
        .chunks(code.size.max(1))
        .map(|row| row.iter().map(|module| if module.value() { '1' } else { '0' }).collect());
    Ok(QrPicture { modules: modules.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera reads in the picture, drawn as the page draws it.
    fn scanned(text: &str) -> String {
        const SCALE: usize = 4;
        const QUIET: usize = 4;
        let modules = picture(text).unwrap().modules;
        assert!(modules.iter().all(|row| row.len() == modules.len()), "it is a square");
        let dark = |x: usize, y: usize| {
            let (x, y) = ((x / SCALE).checked_sub(QUIET)?, (y / SCALE).checked_sub(QUIET)?);
            modules.get(y)?.as_bytes().get(x).map(|module| *module == b'1')
        };
        let side = (modules.len() + 2 * QUIET) * SCALE;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(
                side,
                side,
                |x, y| {
                    if dark(x, y) == Some(true) { 0 } else { 255 }
                },
            );
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code is found");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn what_was_put_in_is_read_out() {
        let link = format!("lanline:j/{}", "mfrggzdfmztwq2lk".repeat(15));
        for text in ["x", "0123456789", "Grüße an 🦊 und \"alle\"\n", &link, &link.to_uppercase()] {
            assert_eq!(scanned(text), text);
        }
    }

    #[test]
    fn capitals_make_a_smaller_picture() {
        let link = format!("lanline:j/{}", "mfrggzdfmztwq2lk".repeat(15));
        let side = |text: &str| picture(text).unwrap().modules.len();
        assert!(side(&link.to_uppercase()) < side(&link));
    }

    #[test]
    fn the_largest_text_fits_and_a_larger_one_is_said_to_be_too_large() {
        for text in ["ä".repeat(QR_TEXT_MAX / 2), "A:/".repeat(QR_CAPITALS_MAX / 3)] {
            assert_eq!(scanned(&text), text);
        }
        for text in ["a".repeat(QR_TEXT_MAX + 1), "A".repeat(QR_CAPITALS_MAX + 1), "1".repeat(1 << 20)] {
            let error = picture(&text).unwrap_err();
            assert_eq!(error.code, ErrorCode::TooLarge);
            assert!(error.message.contains("2953 bytes"), "{error}");
        }
        assert_eq!(picture("").unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
