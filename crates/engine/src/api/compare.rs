use lanline_protocol::{comparing::CompareOver, comparison};
use serde::{Deserialize, Serialize};

/// Parameters of `compare`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// A connected device of a room of both.
    pub device_id: String,
}

/// Parameters of `confirm_compare`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmCompare {
    /// The device.
    pub device_id: String,
    /// Whether it shows the same pictures in the same order.
    pub same: bool,
    /// The words of the pictures that the person saw on this device, as they came: where others are shown by now, that
    /// these are the same is said of nothing. Absent: it is meant for whatever is shown, which a person may not have seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<String>>,
}

/// Seven pictures: the same on both devices, unless somebody stands between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pictures {
    /// The word for each, in English: one of 64, such as `dog`. For people it is shown in their language.
    pub words: Vec<String>,
    /// The emoji of each, in the same order.
    pub emoji: Vec<String>,
}

impl From<comparison::Pictures> for Pictures {
    fn from(pictures: comparison::Pictures) -> Self {
        let (words, emoji) = pictures.iter().map(|(word, emoji)| (word.to_owned(), emoji.to_owned())).unzip();
        Self { words, emoji }
    }
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CompareEnd {
    /// It was said on this device that both show the same.
    Same,
    /// It was said on this device that they differ: somebody may stand between. The other is verified no more.
    Differ,
    /// It was said on the other device that they differ: somebody may stand between. The other is verified no more.
    TheyDiffer,
    /// Nobody said anything for two minutes.
    TimeOver,
    /// The connection ended.
    Gone,
    /// The other device did not keep to the exchange: it, or somebody between, tried to choose what is shown.
    Broken,
    /// The other device ended it.
    Withdrawn,
}

impl From<CompareOver> for CompareEnd {
    fn from(how: CompareOver) -> Self {
        match how {
            CompareOver::Same => Self::Same,
            CompareOver::Differ => Self::Differ,
            CompareOver::TheyDiffer => Self::TheyDiffer,
            CompareOver::TimeOver => Self::TimeOver,
            CompareOver::Gone => Self::Gone,
            CompareOver::Broken => Self::Broken,
            CompareOver::Refused(_) => Self::Withdrawn,
        }
    }
}
