//! `greffe completions` and `greffe man`: made from the command line's own description.

use std::path::Path;

use serde_json::json;

use super::Context;
use crate::cli::{self, Completions, Man};
use crate::failure::Failure;
use crate::home;
use crate::text::say;

/// Prints completions for a shell.
pub(crate) fn completions(arguments: &Completions) -> Result<(), Failure> {
    let mut command = cli::localized();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "greffe",
        &mut std::io::stdout().lock(),
    );
    Ok(())
}

/// Writes a man page for the program and for each command.
pub(crate) fn man(context: &Context, arguments: &Man) -> Result<(), Failure> {
    std::fs::create_dir_all(&arguments.folder).map_err(|error| {
        Failure::new("can-not-write")
            .with("path", arguments.folder.as_path())
            .because(&error)
    })?;
    let mut written = Vec::new();
    pages(&cli::localized(), "greffe", &arguments.folder, &mut written)?;
    context.output.result(&json!({ "pages": written }), || {
        say!(
            "man-written",
            count = written.len(),
            folder = arguments.folder.as_path()
        )
    });
    Ok(())
}

fn pages(
    command: &clap::Command,
    name: &str,
    folder: &Path,
    written: &mut Vec<String>,
) -> Result<(), Failure> {
    let page = clap_mangen::Man::new(command.clone().name(name.to_owned()));
    let mut text = Vec::new();
    let file = format!("{name}.1");
    page.render(&mut text).map_err(|error| {
        Failure::new("can-not-write")
            .with("path", file.clone())
            .because(&error)
    })?;
    home::write_durably(&folder.join(&file), &text)?;
    written.push(file);
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .try_for_each(|sub| pages(sub, &format!("{name}-{}", sub.get_name()), folder, written))
}
