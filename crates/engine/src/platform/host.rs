use crate::name::valid_name;

/// The system's host name, without its domain; "Device" where it has none that can be shown.
pub(crate) fn host_name() -> String {
    let name = gethostname::gethostname();
    let name = name.to_string_lossy();
    let short = name.split('.').next().unwrap_or_default();
    valid_name(short).unwrap_or_else(|| "Device".to_owned())
}
