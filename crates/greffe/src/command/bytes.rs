//! `greffe show --original` and `--attachment N`: bytes of a record, streamed out of the room.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};
use vault::room::protocol::Ask;

use super::Context;
use super::look::looking;
use crate::cli::Show;
use crate::failure::{Exit, Failure};
use crate::room::{Given, Room};
use crate::text::{printable, say};

/// Most bytes that are held in memory, to be shown on a terminal or inside JSON.
const IN_MEMORY: usize = 1 << 20;

/// Writes the bytes to a file, or to standard output.
pub(crate) fn give(context: &Context, arguments: &Show) -> Result<(), Failure> {
    let record = arguments.message.clone();
    let ask = match arguments.attachment {
        Some(number) => Ask::Attachment {
            record,
            index: number.saturating_sub(1),
        },
        None => Ask::Original { record },
    };
    if let Some(path) = &arguments.out {
        let given = looking(context, |room| to_file(room, ask, path))?;
        let value = described(&given, &json!({ "file": path }));
        context.output.result(&value, || {
            say!("bytes-written", count = given.length, path = path.as_path())
        });
        return Ok(());
    }
    if !context.output.json() && !io::stdout().is_terminal() {
        return looking(context, |room| {
            let mut out = io::stdout().lock();
            room.fetch(ask, &mut out)?;
            out.flush().map_err(|error| written(Path::new("-"), &error))
        });
    }
    let (given, bytes) = looking(context, |room| {
        let mut bytes = Bounded(Vec::new());
        let given = room.fetch(ask, &mut bytes)?;
        Ok((given, std::mem::take(&mut bytes.0)))
    })?;
    if given.length > IN_MEMORY as u64 {
        return Err(Failure::new("bytes-too-many")
            .with("count", given.length)
            .exit(Exit::Failed));
    }
    let text = std::str::from_utf8(&bytes).ok();
    let content = match text {
        Some(text) => json!({ "text": text }),
        None => json!({ "base64": BASE64.encode(&bytes) }),
    };
    if text.is_none() && !context.output.json() {
        return Err(Failure::new("bytes-no-text").with("count", given.length));
    }
    context.output.result(&described(&given, &content), || {
        let lines = text.unwrap_or_default().lines().map(printable);
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// A file is there whole or not at all, and none is written over.
fn to_file(room: &mut Room, ask: Ask, path: &Path) -> Result<Given, Failure> {
    let failed = |error: io::Error| written(path, &error);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    if path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let mut draft = tempfile::Builder::new()
        .prefix(".draft-")
        .tempfile_in(folder)
        .map_err(failed)?;
    let given = room.fetch(ask, &mut draft)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft
        .persist_noclobber(path)
        .map_err(|error| failed(error.error))?;
    Ok(given)
}

fn described(given: &Given, content: &Value) -> Value {
    let mut value = json!({
        "name": given.name, "media_type": given.media_type, "length": given.length,
    });
    if let (Some(all), Some(content)) = (value.as_object_mut(), content.as_object()) {
        all.extend(content.clone());
    }
    value
}

fn written(path: &Path, error: &io::Error) -> Failure {
    Failure::new("can-not-write")
        .with("path", path)
        .because(error)
}

/// Keeps the first mebibyte.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = IN_MEMORY.saturating_sub(self.0.len()).min(bytes.len());
        self.0
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}
