use serde::{Deserialize, Serialize};

/// Parameters of `qr_code`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QrCode {
    /// What the code is to say: at least one character, and up to [`QR_TEXT_MAX`](super::QR_TEXT_MAX) bytes, or
    /// [`QR_CAPITALS_MAX`](super::QR_CAPITALS_MAX) where all of it is capitals and digits. A link in capitals is the
    /// same link, and a much smaller picture.
    pub text: String,
}

/// A QR code, for whoever draws it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct QrPicture {
    /// Its rows from the top, each a string of as many modules as there are rows: `1` is dark, `0` is light. The quiet
    /// zone, four light modules on each side, is not among them.
    pub modules: Vec<String>,
}
