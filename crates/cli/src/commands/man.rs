use std::path::Path;

use crate::{args, exit::Failure, print};

/// Prints the manual page, or writes that of every subcommand into a folder.
pub(crate) fn run(dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(args::command()).render(&mut page).map_err(Failure::input)?;
        print::bytes(&page);
        return Ok(());
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(args::command(), dir));
    written.map_err(|error| {
        Failure::input(format!(
            "The manual pages cannot be written into {} ({error}): choose another folder.",
            dir.display()
        ))
    })?;
    print::text(&format!("The manual pages are in {}.", dir.display()));
    Ok(())
}
