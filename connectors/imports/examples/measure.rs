//! For measurements from outside: writes a generated chat, or reads one.
//!
//! `measure write FORM SEED EVENTS FILE`, `measure survey FILE`, `measure parse FILE`,
//! `measure records FILE`: time and memory are told by `/usr/bin/time -v`.
#![expect(clippy::print_stdout, reason = "it is a tool for the command line")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, pipe};

use canonical::Milliseconds;
use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Field, Start, Up};
use imports::whatsapp::{Blocks, survey};
use testkit::chats::{FORMS, TrueChat, telegram_export, whatsapp_export};

const NOW: Milliseconds = Milliseconds::new(1_795_600_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["write", name, seed, events, file] => {
            let mut output = BufWriter::new(File::create(file)?);
            let telegram = file.ends_with(".json");
            let form = FORMS.iter().find(|form| form.name == *name);
            let form = form.ok_or("no form of that name")?;
            let chat = TrueChat::new(form, seed.parse()?, events.parse()?);
            if telegram {
                telegram_export(chat, &mut output)?;
            } else {
                whatsapp_export(chat, &mut output)?;
            }
        }
        ["survey", file] => {
            let found = survey(File::open(file)?, NOW)?.ok_or("no chat")?;
            println!("{} messages, {} bytes", found.messages, found.bytes);
        }
        ["parse", file] => parse(file)?,
        ["records", file] => records(file)?,
        _ => return Err("write FORM SEED EVENTS FILE, or survey, parse, records FILE".into()),
    }
    Ok(())
}

/// Cuts and takes apart every message, as fast as the bytes come.
fn parse(file: &str) -> Result<(), Box<dyn Error>> {
    let form = survey(File::open(file)?, NOW)?.ok_or("no chat")?.form;
    let mut blocks = Blocks::new(File::open(file)?, Some(form));
    let (mut messages, mut bytes) = (0_u64, 0);
    while let Some(block) = blocks.next_block()? {
        let (author, text) = block.author_and_text();
        messages += u64::from(block.stamp.is_some());
        bytes += author.map_or(0, <[u8]>::len) + text.len();
    }
    println!("{messages} messages, {bytes} bytes of names and text");
    Ok(())
}

/// Runs the whole connector against an agent that forgets everything.
fn records(file: &str) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let start = Start {
        version: 1,
        account: "tel:+41790000001".into(),
        custodian: "c-1".into(),
        folder: folder.path().to_string_lossy().into_owned(),
        settings: vec![
            Field("path".into(), file.into()),
            Field("zone".into(), "Europe/Zurich".into()),
        ],
        position: None,
    };
    let (input, mut to) = pipe()?;
    let (mut from, mut output) = pipe()?;
    let (mut side, first) = AgentSide::new(start, NOW)?;
    let child = std::thread::spawn(move || imports::run(input, &mut output, || NOW));
    write_frame(&mut to, &first.to_frame())?;
    let mut content = Vec::new();
    while read_frame(&mut from, &mut content)? {
        match side.receive(Up::from_frame(&content)?)? {
            Up::Event(event) => write_frame(&mut to, &side.durable(event.number)?.to_frame())?,
            Up::Done(done) => println!("{} records, {} losses", done.records, done.losses),
            Up::Trouble(trouble) => println!("trouble: {}", trouble.key),
            _ => {}
        }
    }
    drop(to);
    child.join().map_err(|_| "the connector")??;
    Ok(())
}
