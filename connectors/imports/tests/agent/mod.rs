//! An agent's side that takes everything and forgets nothing, to run the connector against.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashSet;
use std::io::pipe;
use std::path::Path;

use canonical::Milliseconds;
use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Done, Field, Hello, Position, Start, Trouble, Up};
use record::{Attachment, Record};

/// Late in November 2026.
pub(crate) const NOW: Milliseconds = Milliseconds::new(1_795_600_000_000);

pub(crate) struct Import {
    pub(crate) hello: Option<Hello>,
    pub(crate) records: Vec<Record>,
    /// Bytes of the attachments of each record.
    pub(crate) files: Vec<Vec<Vec<u8>>>,
    pub(crate) positions: Vec<(usize, Position)>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) done: Option<Done>,
}

pub(crate) fn import(path: &Path, settings: &[(&str, &str)]) -> Import {
    import_from(path, settings, None)
}

pub(crate) fn import_from(
    path: &Path,
    settings: &[(&str, &str)],
    position: Option<Position>,
) -> Import {
    let folder = tempfile::tempdir().unwrap();
    let mut fields = vec![Field("path".into(), path.to_str().unwrap().into())];
    fields.extend(
        settings
            .iter()
            .map(|(name, value)| Field((*name).into(), (*value).into())),
    );
    let start = Start {
        version: 1,
        account: "tel:+41790000001".into(),
        custodian: "c-1".into(),
        folder: folder.path().to_str().unwrap().into(),
        settings: fields,
        position,
    };
    let (input, mut to) = pipe().unwrap();
    let (mut from, mut output) = pipe().unwrap();
    let (mut side, first) = AgentSide::new(start, Milliseconds::new(0)).unwrap();
    let child = std::thread::spawn(move || imports::run(input, &mut output, || NOW));
    write_frame(&mut to, &first.to_frame()).unwrap();
    let mut import = Import {
        hello: None,
        records: Vec::new(),
        files: Vec::new(),
        positions: Vec::new(),
        troubles: Vec::new(),
        done: None,
    };
    let mut content = Vec::new();
    while read_frame(&mut from, &mut content).unwrap() {
        match side.receive(Up::from_frame(&content).unwrap()).unwrap() {
            Up::Hello(hello) => import.hello = Some(hello),
            Up::Trouble(trouble) => import.troubles.push(trouble),
            Up::Done(done) => import.done = Some(done),
            Up::Event(event) => {
                for incoming in event.records {
                    let (parts, files) = incoming.into_parts();
                    let attachments: Vec<Attachment> = parts[4..]
                        .iter()
                        .map(|part| canonical::from_bytes(part).unwrap())
                        .collect();
                    let slices = [&parts[0][..], &parts[1], &parts[2], &parts[3]];
                    let record = Record::from_parts(slices, attachments).unwrap();
                    let mut bytes = vec![Vec::new(); record.attachments().len()];
                    for file in files {
                        let path = folder.path().join(&file.name);
                        bytes[file.attachment as usize] = std::fs::read(&path).unwrap();
                        std::fs::remove_file(path).unwrap();
                    }
                    for (bytes, attachment) in bytes.iter().zip(record.attachments()) {
                        assert_eq!(bytes.len() as u64, attachment.size);
                        assert_eq!(&canonical::sha256(bytes), attachment.sha256.as_bytes());
                    }
                    import.records.push(record);
                    import.files.push(bytes);
                }
                if let Some(position) = event.position {
                    import.positions.push((import.records.len(), position));
                }
                let durable = side.durable(event.number).unwrap();
                write_frame(&mut to, &durable.to_frame()).unwrap();
            }
            _ => {}
        }
    }
    drop(to);
    let outcome = child.join().unwrap();
    assert_eq!(outcome.is_ok(), import.done.is_some());
    if let Some(done) = &import.done {
        assert_eq!(done.records, import.records.len() as u64);
        let ids: HashSet<_> = import.records.iter().map(Record::id).collect();
        assert_eq!(ids.len(), import.records.len(), "two records with one id");
        // RECORD-8, CONN-3: nothing is left in the folder.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    import
}

impl Import {
    pub(crate) fn losses(&self) -> u64 {
        self.done.as_ref().unwrap().losses
    }

    pub(crate) fn trouble_keys(&self) -> Vec<&str> {
        self.troubles.iter().map(|t| t.key.as_str()).collect()
    }
}
