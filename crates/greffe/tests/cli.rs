//! The program as its users meet it: every command over a real archive in a new folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const CHAT: &str = "[03/11/2026, 08:02:40] Anna Keller: Morning. The budget numbers come out at 10:30.\r\n\
[03/11/2026, 08:03:12] Tom Okafor: 40m of the 2031s for Halden Pension, limit 98.42\r\n\
[13/11/2026, 08:03:55] Priya Nair: Halden wants a firm price\r\nand the settlement calendar\r\n";

struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    fn new() -> Self {
        let archive = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(archive.path("passphrase"), "correct horse battery\n").unwrap();
        archive
    }

    fn founded() -> Self {
        let archive = Self::new();
        archive.good(&["init", "--name", "Test"]);
        archive
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("GREFFE_HOME")
            .env("GREFFE_LANG", "en")
            .env("GREFFE_PASSPHRASE_FILE", self.path("passphrase"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8(output.stdout).unwrap();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}{failed}");
        told
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let all = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.good(&all)).unwrap()
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        String::from_utf8(output.stderr).unwrap()
    }

    fn import(&self) -> Value {
        self.import_with(&[])
    }

    fn import_with(&self, further: &[&str]) -> Value {
        std::fs::write(self.path("WhatsApp Chat - Rates desk.txt"), CHAT).unwrap();
        let file = "WhatsApp Chat - Rates desk.txt";
        let import = [
            "import",
            file,
            "--me",
            "Anna Keller",
            "--zone",
            "Europe/London",
        ];
        self.json(&[&import, further].concat())
    }
}

#[test]
fn init_import_search_work_one_after_the_other_with_nothing_else_started() {
    let archive = Archive::founded();
    let imported = archive.import();
    assert_eq!(imported["imported"]["new"], 3);
    assert_eq!(imported["imported"]["losses"], 0);
    let found = archive.json(&["search", "budget"]);
    assert_eq!(found["total"], 1);
    assert_eq!(found["hits"][0]["sender_name"], "Anna Keller");
    let text = found["hits"][0]["text"].as_str().unwrap();
    let (from, to) = (
        usize::try_from(found["hits"][0]["highlights"][0][0].as_u64().unwrap()).unwrap(),
        usize::try_from(found["hits"][0]["highlights"][0][1].as_u64().unwrap()).unwrap(),
    );
    assert_eq!(&text[from..to], "budget");
    // Words are all wanted; people and dates narrow.
    assert_eq!(
        archive.json(&["search", "halden", "from:priya"])["total"],
        1
    );
    assert_eq!(
        archive.json(&["search", "halden", "before:2026-11-05"])["total"],
        1
    );
    assert!(
        archive
            .fails(&["search", "xylophone"], 3)
            .contains("Nothing matches")
    );
    assert!(
        archive
            .fails(&["search", "(halden"], 1)
            .contains("character")
    );
}

#[test]
fn the_same_export_twice_adds_nothing() {
    let archive = Archive::founded();
    archive.import();
    let again = archive.import();
    assert_eq!(again["imported"]["new"], 0);
    assert_eq!(again["imported"]["known"], 3);
    assert_eq!(archive.json(&["search", "halden"])["total"], 2);
}

#[test]
fn one_message_is_proved_and_the_proof_is_checked_in_an_empty_folder() {
    let archive = Archive::founded();
    archive.import();
    let found = archive.json(&["search", "limit"]);
    let record = found["hits"][0]["record"].as_str().unwrap().to_owned();
    let proof = archive.path("m.greffe-proof");
    // The first digits, as `search` shows them to people, are enough.
    archive.good(&["show", &record[..12]]);
    archive.fails(&["show", "0123456789"], 3);
    archive.good(&[
        "prove",
        &record[..12],
        "--output",
        proof.to_str().unwrap(),
        "--withhold",
        "original",
    ]);
    let fingerprint = archive.json(&["status"])["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();

    let court = Archive::new();
    std::fs::copy(&proof, court.path("m.greffe-proof")).unwrap();
    let report = court.json(&["verify", "m.greffe-proof", "--archive", &fingerprint]);
    assert_eq!(report["verified"], true);
    assert_eq!(
        report["witnessed"], false,
        "no independent witness took part"
    );
    assert_eq!(report["record"], record.as_str());
    assert!(report["text"].as_str().unwrap().contains("limit 98.42"));
    let original = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["part"] == "original");
    assert_eq!(original.unwrap()["shown"], false);

    let other = "00".repeat(32);
    court.fails(&["verify", "m.greffe-proof", "--archive", &other], 5);
    let mut bytes = std::fs::read(&proof).unwrap();
    let mut unheeded = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 24) {
        bytes[at] ^= 1;
        std::fs::write(court.path("altered.greffe-proof"), &bytes).unwrap();
        let altered = court.run(&[
            "verify",
            "altered.greffe-proof",
            "--archive",
            &fingerprint,
            "--json",
        ]);
        if altered.status.success() {
            // A cosignature of a witness that does not count may be broken; what is proved stays.
            let mut told: Value = serde_json::from_slice(&altered.stdout).unwrap();
            told["file"] = report["file"].clone();
            assert_eq!(told, report, "byte {at}");
            unheeded += 1;
        } else {
            assert_eq!(altered.status.code(), Some(5), "byte {at}");
        }
        bytes[at] ^= 1;
    }
    assert!(
        unheeded <= 3,
        "{unheeded} of 24 altered places changed nothing"
    );
}

#[test]
fn verify_names_the_place_of_a_flipped_byte() {
    let archive = Archive::founded();
    archive.import();
    assert!(archive.good(&["verify"]).contains("verifies"));
    let mirror = archive.path("greffe/vault/mirror");
    for file in files(&mirror) {
        let whole = std::fs::read(&file).unwrap();
        let mut altered = whole.clone();
        altered[whole.len() / 2] ^= 4;
        std::fs::write(&file, &altered).unwrap();
        let told = archive.fails(&["verify"], 5);
        let name = file.strip_prefix(&mirror).unwrap().to_str().unwrap();
        assert!(told.contains(name), "{name}: {told}");
        std::fs::write(&file, &whole).unwrap();
    }
    archive.good(&["verify"]);
}

#[test]
fn a_room_stays_open_until_it_is_locked() {
    let archive = Archive::founded();
    archive.import();
    archive.good(&["unlock"]);
    std::fs::remove_file(archive.path("passphrase")).unwrap();
    assert_eq!(
        archive.json(&["search", "budget"])["total"],
        1,
        "no passphrase is asked"
    );
    assert!(archive.good(&["status"]).contains("Unlocked"));
    archive.good(&["lock"]);
    assert!(archive.good(&["status"]).contains("Locked"));
    assert!(!archive.path("greffe/vault/room.sock").exists());
    archive.fails(&["search", "budget"], 3);
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let archive = Archive::founded();
    archive.import();
    std::fs::write(archive.path("passphrase"), "another horse battery").unwrap();
    let told = archive.fails(&["search", "budget"], 4);
    assert!(told.contains("passphrase"), "{told}");
}

#[test]
fn holders_open_it_together_and_not_alone() {
    let archive = Archive::new();
    archive.good(&["init", "--holders", "2/3", "--shares", "shares", "--paper"]);
    archive.import();
    let share = |index: u8| format!("shares/share-{index}-of-3.txt");
    let (one, two, three) = (share(1), share(2), share(3));
    archive.fails(&["search", "budget", "--share", &one], 4);
    assert_eq!(
        archive.json(&["search", "budget", "--share", &three, "--share", &two])["total"],
        1
    );
    let text = std::fs::read_to_string(archive.path(&one)).unwrap();
    let words = text
        .lines()
        .find(|line| line.split(' ').count() == 43)
        .unwrap();
    std::fs::write(archive.path("by-hand.txt"), words).unwrap();
    assert_eq!(
        archive.json(&[
            "search",
            "budget",
            "--share",
            "by-hand.txt",
            "--share",
            &two
        ])["total"],
        1
    );
}

/// SHARE-6: a share's file opens with its own passphrase, and can be put on paper.
#[test]
fn share_6_sealed_share_files_need_their_passphrases() {
    let archive = Archive::new();
    let made = archive.json(&["init", "--holders", "2/3", "--shares", "shares"]);
    let passphrases = made["passphrases"].as_array().unwrap().clone();
    assert_eq!(passphrases.len(), 3);
    for (index, passphrase) in passphrases.iter().enumerate() {
        let name = format!("p{}", index + 1);
        std::fs::write(archive.path(&name), passphrase.as_str().unwrap()).unwrap();
        let file = archive.path(&format!("shares/share-{}-of-3.greffe-share", index + 1));
        let bytes = std::fs::read(file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("greffe-share:"));
    }
    let with = |one: &str, two: &str| {
        [
            "--share",
            "shares/share-1-of-3.greffe-share",
            "--share-passphrase-file",
            one,
            "--share",
            "shares/share-3-of-3.greffe-share",
            "--share-passphrase-file",
            two,
        ]
        .map(str::to_owned)
    };
    let arguments = with("p1", "p3");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    archive.import_with(&arguments);
    let search = |shares: [String; 8]| {
        let mut all = vec!["search".to_owned(), "budget".to_owned()];
        all.extend(shares);
        all
    };
    let right = search(with("p1", "p3"));
    let right: Vec<&str> = right.iter().map(String::as_str).collect();
    assert_eq!(archive.json(&right)["total"], 1);
    let wrong = search(with("p1", "p2"));
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    let told = archive.fails(&wrong, 4);
    assert!(told.contains("passphrase"), "{told}");
    // On paper: words, which are taken as they are.
    let paper = archive.good(&[
        "share",
        "paper",
        "--share",
        "shares/share-2-of-3.greffe-share",
        "--share-passphrase-file",
        "p2",
    ]);
    std::fs::write(archive.path("paper.txt"), paper).unwrap();
    let arguments = [
        "search",
        "budget",
        "--share",
        "paper.txt",
        "--share",
        "shares/share-1-of-3.greffe-share",
        "--share-passphrase-file",
        "p1",
    ];
    assert_eq!(archive.json(&arguments)["total"], 1);
}

/// RING-11: a store that is given up holds nothing of the archive any more.
#[test]
fn ring_11_a_store_is_removed_with_what_it_holds() {
    let archive = Archive::founded();
    for name in ["bank", "safe"] {
        std::fs::create_dir(archive.path(name)).unwrap();
        archive.good(&["keys", "stores", "add", name, name]);
    }
    std::fs::write(archive.path("bank/other.txt"), "another's").unwrap();
    archive.good(&["keys", "stores", "remove", "bank"]);
    let left: Vec<_> = std::fs::read_dir(archive.path("bank"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(left, ["other.txt"]);
    archive.fails(&["keys", "stores", "remove", "bank"], 3);
    // A folder that is lost is forgotten by the owner's word only.
    std::fs::rename(archive.path("safe"), archive.path("elsewhere")).unwrap();
    archive.fails(&["keys", "stores", "remove", "safe"], 1);
    archive.good(&["keys", "stores", "remove", "safe", "--gone"]);
    assert_eq!(
        archive.json(&["keys", "stores", "list"])["stores"],
        serde_json::json!([])
    );
    archive.good(&["keys", "make-ahead", "--periods", "13"]);
}

#[test]
fn people_resolve_what_messages_name() {
    let archive = Archive::founded();
    archive.import();
    let list = "id,name,network,account,from,to\nE-17,Thomas Okafor,whatsapp,name:Tom Okafor,2026-01-01,\n";
    std::fs::write(archive.path("people.csv"), list).unwrap();
    archive.good(&["people", "import", "people.csv"]);
    let people = archive.json(&["people"]);
    assert_eq!(people["people"][0]["name"], "Thomas Okafor");
    assert_eq!(
        archive.json(&["search", "from:\"Thomas Okafor\""])["total"],
        1
    );
}

#[test]
fn keys_are_listed_made_ahead_and_kept_until_their_date() {
    let archive = Archive::founded();
    let before = archive.json(&["keys", "list"]);
    assert_eq!(
        before["epochs"].as_array().unwrap().len(),
        14,
        "twelve months, reserve, governance"
    );
    assert_eq!(
        archive.json(&["keys", "make-ahead", "--periods", "14"])["made"],
        2
    );
    assert_eq!(
        archive.json(&["keys", "make-ahead", "--periods", "14"])["made"],
        0
    );
    assert_eq!(
        archive.json(&["keys", "list"])["epochs"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
    archive.import();
    assert_eq!(archive.json(&["search", "budget"])["total"], 1);
    let epoch = before["epochs"][0]["epoch"].as_str().unwrap();
    let told = archive.fails(&["keys", "destroy", epoch, "--confirm", epoch], 1);
    assert!(told.contains("must be kept until"), "{told}");
    archive.fails(&["keys", "destroy", &"ab".repeat(32)], 3);
}

#[test]
fn up_serves_commands_and_says_when_the_port_is_taken() {
    let archive = Archive::founded();
    let up = Up::start(&archive);
    assert_eq!(archive.import()["imported"]["new"], 3);
    assert_eq!(archive.json(&["search", "budget"])["total"], 1);
    assert_eq!(archive.json(&["status"])["status"]["up"], true);
    let told = archive.fails(&["up", "--listen", "127.0.0.1:0"], 6);
    assert!(told.contains("Another greffe command"), "{told}");

    let second = Archive::founded();
    let told = second.fails(&["up", "--listen", &up.address], 6);
    assert!(told.contains("listens at"), "{told}");
    drop(up);
    assert_eq!(archive.json(&["status"])["status"]["up"], false);
}

#[test]
fn what_is_missing_is_said_with_what_to_do_next() {
    let archive = Archive::new();
    let told = archive.fails(&["search", "x"], 3);
    assert!(told.contains("greffe init"), "{told}");
    assert!(archive.fails(&["doctor"], 1).contains("attention"));
    archive.good(&["init"]);
    assert!(archive.fails(&["init"], 1).contains("already"));
    archive.good(&["doctor"]);
    archive.fails(&["import", "no-such-file.zip"], 3);
    std::fs::write(archive.path("letter.txt"), "Dear Sir,\nno chat here.\n").unwrap();
    let told = archive.fails(&["import", "letter.txt", "--zone", "UTC"], 1);
    assert!(told.contains("no chat export"), "{told}");
    let told = archive.fails(&["import", "letter.txt", "--zone", "Mars/Base"], 1);
    assert!(told.contains("Europe/Zurich"), "{told}");
    assert!(archive.fails(&["serach"], 2).contains("serach"));
    std::fs::remove_file(archive.path("greffe/vault/signer.key")).unwrap();
    assert_eq!(archive.run(&["doctor"]).status.code(), Some(1));
}

#[test]
fn a_damaged_export_says_where_and_imports_the_rest() {
    let archive = Archive::founded();
    let mut bytes = CHAT.as_bytes().to_vec();
    let at = CHAT.find("40m").unwrap();
    bytes[at] = 0xff;
    std::fs::write(archive.path("WhatsApp Chat - Broken.txt"), &bytes).unwrap();
    let output = archive.run(&[
        "import",
        "WhatsApp Chat - Broken.txt",
        "--zone",
        "UTC",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["imported"]["losses"], 1);
    assert!(told["imported"]["places"][0]["place"].is_string());
    assert_eq!(archive.json(&["search", "budget"])["total"], 1);
}

#[test]
fn the_interface_speaks_french_and_explains_itself() {
    let archive = Archive::new();
    let mut command = archive.command(&["search", "x", "--lang", "fr"]);
    let output = command.output().unwrap();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("Aucune archive")
    );
    let help = archive.good(&["import", "--help"]);
    assert!(
        help.contains("Examples") && help.contains("--zone"),
        "{help}"
    );
    archive.good(&["man", "man"]);
    assert!(archive.path("man/greffe-keys-destroy.1").is_file());
    assert!(archive.good(&["completions", "bash"]).contains("greffe"));
}

/// The network's own bytes and an attachment come out as they went in, to a pipe, a file, and JSON.
#[test]
fn originals_and_attachments_come_out_as_they_went_in() {
    let archive = Archive::founded();
    let photo: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let chat = "[03/11/2026, 08:02:40] Anna Keller: The plan\r\n\
                [03/11/2026, 08:03:00] Anna Keller: \u{200e}<attached: 00000002-PHOTO.jpg>\r\n";
    let mut zip = zip::ZipWriter::new(
        std::fs::File::create(archive.path("WhatsApp Chat - Desk.zip")).unwrap(),
    );
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in [
        ("_chat.txt", chat.as_bytes()),
        ("00000002-PHOTO.jpg", &photo),
    ] {
        zip.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut zip, bytes).unwrap();
    }
    zip.finish().unwrap();
    archive.good(&["import", "WhatsApp Chat - Desk.zip", "--zone", "UTC"]);
    let record = |query: &str| {
        let found = archive.json(&["search", query]);
        found["hits"][0]["record"].as_str().unwrap().to_owned()
    };
    let plan = record("plan");
    let piped = archive.good(&["show", "--original", &plan]);
    assert!(piped.contains("Anna Keller: The plan"), "{piped}");
    let told = archive.json(&["show", "--original", &plan]);
    assert_eq!(told["text"].as_str().unwrap(), piped);
    assert_eq!(told["length"], piped.len());
    let written = archive.json(&["show", &plan, "--original", "--out", "original.txt"]);
    assert_eq!(written["length"], piped.len());
    assert_eq!(
        std::fs::read_to_string(archive.path("original.txt")).unwrap(),
        piped
    );
    // Nothing is written over.
    archive.fails(&["show", &plan, "--original", "--out", "original.txt"], 1);

    let photo_record = record("has:image");
    archive.good(&[
        "show",
        &photo_record,
        "--attachment",
        "1",
        "--out",
        "photo.jpg",
    ]);
    assert_eq!(std::fs::read(archive.path("photo.jpg")).unwrap(), photo);
    let piped = archive.run(&["show", &photo_record, "--attachment", "1"]);
    assert_eq!(piped.stdout, photo);
    let told = archive.json(&["show", &photo_record, "--attachment", "1"]);
    let bytes = data_encoding::BASE64.decode(told["base64"].as_str().unwrap().as_bytes());
    assert_eq!(bytes.unwrap(), photo);
    archive.fails(&["show", &photo_record, "--attachment", "2"], 3);
    assert!(!archive.path("none").exists());
    archive.fails(&["show", &plan, "--attachment", "1", "--out", "none"], 3);
    assert!(!archive.path("none").exists(), "no half a file stays");
    archive.fails(&["show", &plan, "--out", "x"], 2);
}

/// RING-8: every change goes to every store; what is out of reach is told by name and finished later.
#[test]
fn the_keyring_lies_in_every_store_and_what_is_pending_is_told_and_finished() {
    let archive = Archive::founded();
    std::fs::create_dir(archive.path("bank")).unwrap();
    std::fs::create_dir(archive.path("usb")).unwrap();
    assert!(archive.good(&["doctor"]).contains("owner's folder alone"));
    archive.good(&["keys", "stores", "add", "bank", "bank"]);
    archive.good(&["keys", "stores", "add", "usb", "usb"]);
    archive.fails(&["keys", "stores", "add", "usb", "bank"], 1);
    archive.fails(&["keys", "stores", "add", "other", "no-such-folder"], 1);
    archive.fails(&["keys", "stores", "add", "Bad Name", "usb"], 2);
    let listed = archive.json(&["keys", "stores", "list"]);
    assert_eq!(listed["stores"].as_array().unwrap().len(), 2);
    let own = || std::fs::read(archive.path("greffe/owner/keyring.cbor")).unwrap();
    let stored = |name: &str| {
        let found = files(&archive.path(name));
        assert_eq!(found.len(), 1);
        std::fs::read(&found[0]).unwrap()
    };
    assert_eq!((stored("bank"), stored("usb")), (own(), own()));

    // A change while one is away.
    std::fs::rename(archive.path("usb"), archive.path("away")).unwrap();
    archive.good(&["keys", "make-ahead", "--periods", "13"]);
    assert_eq!(stored("bank"), own());
    assert_ne!(stored("away"), own());
    let told = archive.fails(&["keys", "stores", "check"], 1);
    assert!(told.contains("pending at usb"), "{told}");
    assert!(archive.fails(&["doctor"], 1).contains("attention"));
    archive.fails(&["keys", "destroy", "--finish"], 1);
    // It is back: the next unlock brings it up, without being asked to.
    std::fs::rename(archive.path("away"), archive.path("usb")).unwrap();
    archive.import();
    archive.good(&["search", "budget"]);
    assert_eq!(stored("usb"), own());
    archive.good(&["keys", "stores", "check"]);
    archive.good(&["doctor"]);
    let told = archive.json(&["keys", "destroy", "--finish"]);
    assert_eq!(told["complete"], true);

    // A store's file that was altered, and then the owner's, put back from a copy.
    let file = &files(&archive.path("usb"))[0];
    std::fs::write(file, b"something else").unwrap();
    archive.fails(&["keys", "stores", "check"], 1);
    archive.good(&["keys", "destroy", "--finish"]);
    assert_eq!(stored("usb"), own());
    let old = own();
    archive.good(&["keys", "make-ahead", "--periods", "14"]);
    std::fs::write(archive.path("greffe/owner/keyring.cbor"), old).unwrap();
    let told = archive.fails(&["keys", "make-ahead", "--periods", "15"], 1);
    assert!(told.contains("put back from a copy"), "{told}");
}

/// SHARE-5: two of three holders, each on a machine of their own, open the archive together.
#[test]
fn holders_elsewhere_open_it_by_texts_that_travel() {
    let archive = Archive::new();
    archive.good(&["init", "--holders", "2/3", "--shares", "shares", "--paper"]);
    archive.import_with(&[
        "--share",
        "shares/share-1-of-3.txt",
        "--share",
        "shares/share-2-of-3.txt",
    ]);
    // Each holder's own machine has the share and nothing of the archive.
    let holders: Vec<Archive> = (1..=3)
        .map(|index| {
            let holder = Archive::new();
            let file = format!("shares/share-{index}-of-3.txt");
            std::fs::rename(archive.path(&file), holder.path("my-share.txt")).unwrap();
            holder
        })
        .collect();
    let give = |holder: &Archive, request: &str, digits: &str| {
        std::fs::write(holder.path("request.txt"), request).unwrap();
        let told = holder.json(&[
            "share",
            "give",
            "request.txt",
            "--share",
            "my-share.txt",
            "--fingerprint",
            digits,
        ]);
        told["answer"].as_str().unwrap().to_owned()
    };

    let mut asking = Asking::start(&archive, &["search", "budget", "--ask-holders", "--json"]);
    let told = asking.hear();
    let asked = &told["asks_holders"];
    assert_eq!(asked["needed"], 2);
    let request = asked["request"].as_str().unwrap().to_owned();
    let digits = asked["fingerprint"].as_str().unwrap().to_owned();
    // A holder who was told other digits gives nothing; nor one who was told none.
    std::fs::write(holders[0].path("request.txt"), &request).unwrap();
    let mut others = digits.clone().into_bytes();
    others[0] = if others[0] == b'0' { b'1' } else { b'0' };
    let others = String::from_utf8(others).unwrap();
    let plain = ["share", "give", "request.txt", "--share", "my-share.txt"];
    let told = holders[0].fails(&[&plain[..], &["--fingerprint", &others]].concat(), 5);
    assert!(told.contains("not given"), "{told}");
    holders[0].fails(&plain, 2);

    let first = give(&holders[2], &request, &digits);
    asking.say("greffe-sealed-share:NONSENSE");
    assert_eq!(asking.hear()["error"], "answer-wrong");
    asking.say(&first);
    assert_eq!(asking.hear()["have"], 1);
    asking.say(&first);
    assert_eq!(asking.hear()["twice"], 3);
    // The second comes as a file.
    let second = give(&holders[0], &request, &digits);
    std::fs::write(archive.path("answer.txt"), second).unwrap();
    asking.say("answer.txt");
    assert_eq!(asking.hear()["have"], 2);
    let found: Value = serde_json::from_str(&asking.end(0)).unwrap();
    assert_eq!(found["total"], 1);

    // An answer to one unlock is of no use to another, and one holder is not enough.
    let mut asking = Asking::start(&archive, &["unlock", "--ask-holders", "--json"]);
    let told = asking.hear();
    let request = told["asks_holders"]["request"].as_str().unwrap().to_owned();
    let digits = told["asks_holders"]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    asking.say(&first);
    assert_eq!(asking.hear()["error"], "answer-wrong");
    asking.say(&give(&holders[1], &request, &digits));
    assert_eq!(asking.hear()["have"], 1);
    asking.end(4);
    assert!(archive.good(&["status"]).contains("Locked"));
}

/// RING-7: after a holder has left, the former shares open nothing, and everything else goes on.
#[test]
fn holders_are_replaced_and_former_shares_open_nothing() {
    let archive = Archive::new();
    archive.good(&["init", "--holders", "2/3", "--shares", "old", "--paper"]);
    std::fs::create_dir(archive.path("bank")).unwrap();
    let old = [
        "--share",
        "old/share-1-of-3.txt",
        "--share",
        "old/share-2-of-3.txt",
    ];
    let new = [
        "--share",
        "new/share-3-of-4.txt",
        "--share",
        "new/share-1-of-4.txt",
    ];
    let with = |arguments: &[&'static str], shares: &[&'static str]| [arguments, shares].concat();
    archive.import_with(&old);
    archive.good(&with(&["keys", "stores", "add", "bank", "bank"], &old));
    archive.good(&with(&["unlock"], &old));
    archive.good(&with(
        &[
            "keys", "holders", "replace", "2/4", "--shares", "new", "--paper",
        ],
        &old,
    ));
    // The open room of the former holders is closed.
    assert!(archive.good(&["status"]).contains("Locked"));
    let told = archive.fails(&with(&["search", "budget"], &old), 4);
    assert!(told.contains("no holder"), "{told}");
    assert_eq!(archive.json(&with(&["search", "budget"], &new))["total"], 1);
    // The root's key turned over too: it still signs.
    let made = archive.json(&with(&["keys", "make-ahead", "--periods", "13"], &new));
    assert_eq!(made["made"], 1);
    archive.good(&["keys", "stores", "check"]);
    let listed = archive.json(&["keys", "holders", "list"]);
    assert_eq!(listed["holders"].as_array().unwrap().len(), 1);
    assert_eq!(listed["holders"][0]["holders"], 4);
    // A folder that holds something takes no shares.
    archive.fails(
        &with(
            &["keys", "holders", "replace", "2/2", "--shares", "old"],
            &new,
        ),
        1,
    );
}

/// A command that asks on standard error and listens on standard input.
struct Asking {
    child: Child,
    told: std::io::BufReader<std::process::ChildStderr>,
}

impl Asking {
    fn start(archive: &Archive, arguments: &[&str]) -> Self {
        let mut child = archive
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = std::io::BufReader::new(child.stderr.take().unwrap());
        Self { child, told }
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.told, &mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, format!("{line}\n").as_bytes()).unwrap();
    }

    /// Says no more; gives what the command prints.
    #[track_caller]
    fn end(mut self, code: i32) -> String {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.told, &mut rest).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{rest}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// `greffe up` on a free port; ended when dropped.
struct Up {
    child: Child,
    address: String,
}

impl Up {
    fn start(archive: &Archive) -> Self {
        let mut child = archive
            .command(&["up", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
            &mut line,
        )
        .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["relay"]
            .as_str()
            .unwrap()
            .trim_start_matches("https://")
            .to_owned();
        Self { child, address }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}
