//! Exports by somebody who means harm, imported and shown by the real program: archives that inflate
//! without end, names that are paths, text that plays with the terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use scenarios::markers::files;
use serde_json::Value;
use zip::write::SimpleFileOptions;

/// What may not reach a terminal: control characters, and characters that turn or hide what follows.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2067}'
            | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Names and texts with escape sequences, bells, line ends, marks of direction and invisible letters:
/// what the terminal gets has none of them, and right-to-left text can not reorder what is around it.
#[test]
fn control_and_bidi_characters_do_not_reach_the_terminal() {
    let archive = Archive::founded();
    let evil = "gnp\u{202e}exe.photo \u{1b}[2J\u{1b}]0;owned\u{7} \u{9b}31m \u{61c}\u{2066}hidden \
                \u{200b}\u{feff}\u{e0041}\u{2028}second line\r\u{8}\u{7f}";
    let right_to_left = "שלום עולם";
    let chat = format!(
        "[14/11/2026, 09:00:00] Eve {evil}: planted {evil}\r\n\
         [14/11/2026, 09:00:01] {right_to_left}: planted {right_to_left} 5\r\n\
         [14/11/2026, 09:00:02] Anna: planted plain words\r\n"
    );
    archive.write("WhatsApp Chat - Desk.txt", chat.as_bytes());
    archive.import("WhatsApp Chat - Desk.txt");
    let found: Value =
        serde_json::from_slice(&archive.good(&["search", "planted", "--json"]).stdout).unwrap();
    assert_eq!(found["total"], 3, "{found}");
    let record = |at: usize| found["hits"][at]["record"].as_str().unwrap()[..12].to_owned();
    let mut shown = Vec::new();
    shown.push(archive.good(&["search", "planted"]));
    for at in 0..3 {
        shown.push(archive.good(&["show", &record(at)]));
    }
    for output in &shown {
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(stream.clone()).unwrap();
            let bad: Vec<char> = text.chars().filter(|c| is_harmful(*c)).collect();
            assert!(bad.is_empty(), "{bad:?} in {text:?}");
        }
    }
    let text = String::from_utf8(shown[0].stdout.clone()).unwrap();
    let isolated = format!("\u{2068}{right_to_left}\u{2069}");
    assert!(text.contains(&isolated), "{text:?}");
    assert_eq!(
        text.matches('\u{2068}').count(),
        text.matches('\u{2069}').count()
    );
    // The evidence itself is kept as it was written.
    let original = found.to_string();
    assert!(original.contains("exe.photo"), "{original}");
}

/// Names in an archive that climb out of it, that are absolute, that are devices, that are too long,
/// that are the same twice: nothing is written outside, and the chat arrives.
#[test]
fn names_in_an_archive_are_never_paths() {
    let archive = Archive::founded();
    let outside = archive.path("outside");
    std::fs::create_dir(&outside).unwrap();
    let target = outside.join("planted.jpg");
    let long = format!("{}.jpg", "n".repeat(300));
    let names = [
        "../outside/planted.jpg".to_owned(),
        "../../../../../../../../tmp/greffe-planted.jpg".to_owned(),
        target.to_str().unwrap().to_owned(),
        "..\\outside\\planted.jpg".to_owned(),
        "C:\\planted.jpg".to_owned(),
        "a/../../outside/planted.jpg".to_owned(),
        "/dev/stdout".to_owned(),
        "CON.jpg".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "new\nline.jpg".to_owned(),
        "null\0byte.jpg".to_owned(),
        long,
    ];
    let mut chat = String::from("[14/11/2026, 09:00:00] Eve: planted words\r\n");
    for (minute, name) in names.iter().enumerate() {
        chat += &format!(
            "[14/11/2026, 09:{:02}:00] Eve: \u{200e}<attached: {name}>\r\n",
            minute + 1
        );
    }
    let attached: Vec<(String, Vec<u8>)> = names
        .iter()
        .map(|name| (name.clone(), b"harm".to_vec()))
        .collect();
    archive.write_zip("WhatsApp Chat - Desk.zip", &chat, &attached);
    let before = files(archive.folder.path());
    archive.import_whatever("WhatsApp Chat - Desk.zip");
    assert!(!target.exists() && !Path::new("/tmp/greffe-planted.jpg").exists());
    let new: Vec<PathBuf> = files(archive.folder.path())
        .into_iter()
        .filter(|path| !before.contains(path) && !path.starts_with(archive.path("greffe")))
        .collect();
    assert_eq!(new, Vec::<PathBuf>::new());
    assert_eq!(archive.total("words"), 1);
    archive.good(&["verify"]);
}

/// A picture of four gigabytes in four megabytes, and an archive within an archive: told as a loss,
/// nothing of it is inflated to the end, the chat and the honest picture arrive.
#[test]
fn an_archive_that_inflates_without_end_is_a_loss() {
    let archive = Archive::founded();
    let zeros = vec![0_u8; 600 << 20];
    let mut inner = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    inner
        .start_file("zeros", SimpleFileOptions::default())
        .unwrap();
    inner.write_all(&zeros).unwrap();
    let inner = inner.finish().unwrap().into_inner();
    let chat = "[14/11/2026, 09:00:00] Eve: planted words\r\n\
        [14/11/2026, 09:01:00] Eve: \u{200e}<attached: 00000001-PHOTO.jpg>\r\n\
        [14/11/2026, 09:02:00] Eve: \u{200e}<attached: 00000002-nested.zip>\r\n\
        [14/11/2026, 09:03:00] Eve: \u{200e}<attached: 00000003-PHOTO.jpg>\r\n";
    archive.write_zip(
        "WhatsApp Chat - Desk.zip",
        chat,
        &[
            ("00000001-PHOTO.jpg".to_owned(), zeros),
            ("00000002-nested.zip".to_owned(), inner),
            (
                "00000003-PHOTO.jpg".to_owned(),
                b"an honest picture".to_vec(),
            ),
        ],
    );
    assert!(
        std::fs::metadata(archive.path("WhatsApp Chat - Desk.zip"))
            .unwrap()
            .len()
            < 4 << 20
    );
    let told = archive.import_whatever("WhatsApp Chat - Desk.zip");
    assert_eq!(told["imported"]["losses"], 1, "{told}");
    assert_eq!(archive.total("planted"), 1);
    // The message that the picture hung on is there, and says what it was to be.
    assert_eq!(archive.total("has:attachment"), 3);
    let kept: u64 = files(&archive.path("greffe"))
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(kept < 32 << 20, "{kept} bytes are kept");
    archive.good(&["verify"]);
}

struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    fn founded() -> Self {
        let archive = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        archive.write("passphrase", b"correct horse battery\n");
        archive.good(&["init", "--name", "Test"]);
        archive
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn write_zip(&self, name: &str, chat: &str, files: &[(String, Vec<u8>)]) {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(self.path(name)).unwrap());
        let all = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        for (name, bytes) in std::iter::once(("_chat.txt", chat.as_bytes())).chain(all) {
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greffe"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("GREFFE_HOME")
            .env("GREFFE_LANG", "en")
            .env("GREFFE_PASSPHRASE_FILE", self.path("passphrase"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    fn import(&self, file: &str) {
        self.good(&["import", file, "--me", "Anna", "--zone", "UTC"]);
    }

    /// Losses are told and are no failure here.
    fn import_whatever(&self, file: &str) -> Value {
        let output = self.run(&["import", file, "--me", "Anna", "--zone", "UTC", "--json"]);
        assert!(matches!(output.status.code(), Some(0 | 7)), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn total(&self, query: &str) -> u64 {
        let output = self.good(&["search", query, "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["total"].as_u64().unwrap()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = self.run(&["lock"]);
    }
}
