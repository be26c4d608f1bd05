use std::path::PathBuf;

/// The folder the app and the terminal share unless told otherwise. Mobile systems name none: the app's shell passes
/// its own as a flag.
pub(crate) fn default_data_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "lanline").map(|dirs| dirs.data_local_dir().to_owned())
}

/// The person's folder for downloads, where the system names one.
pub(crate) fn default_downloads_dir() -> Option<PathBuf> {
    directories::UserDirs::new()?.download_dir().map(|dir| dir.join("Lanline"))
}
