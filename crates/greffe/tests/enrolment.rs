//! Custodians enrol, are approved, refused, revoked, restored from copies, and get plans: the program
//! as its users meet it, over a running `greffe up` with a real relay and vault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A founded archive whose parts run.
struct House {
    folder: tempfile::TempDir,
    up: Child,
    relay: String,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passphrase"), "correct horse battery\n").unwrap();
        let init = command(folder.path(), &["init", "--name", "Bank"]).output();
        assert!(init.unwrap().status.success());
        let mut up = command(folder.path(), &["up", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(up.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let relay = said["relay"].as_str().unwrap().to_owned();
        Self { folder, up, relay }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).output().unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let failed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {failed}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The key of the failure that a command ends with.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        let last = line.lines().last().unwrap();
        let value: Value = serde_json::from_str(last).unwrap();
        value["error"].as_str().unwrap().to_owned()
    }

    /// What a failing command says.
    #[track_caller]
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// No file of the office holds any of these words.
    #[track_caller]
    fn office_holds_nothing(&self, words: &[&str]) {
        for folder in ["invitations", "agents", "."] {
            for file in std::fs::read_dir(self.path("greffe/office").join(folder)).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    continue;
                }
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                for word in words {
                    assert!(!text.contains(word), "{} in {}", word, path.display());
                }
            }
        }
    }

    fn invite(&self, further: &[&str]) -> String {
        let invite = ["invite", "--relay", &self.relay];
        let value = self.json(&[&invite, further].concat());
        value["invitation"].as_str().unwrap().to_owned()
    }

    fn enrol(&self, folder: &str, invitation: &str, further: &[&str]) -> Value {
        let enrol = [
            "agent",
            "--folder",
            folder,
            "enrol",
            invitation,
            "--consent",
            "Anna Keller",
            "--device",
            "desk-7",
        ];
        self.json(&[&enrol, further].concat())
    }

    /// Enrols in `folder` and approves; gives the agent's id.
    fn enrolled(&self, folder: &str, further: &[&str]) -> String {
        let invitation = self.invite(&["--person", "p-17"]);
        let left = self.enrol(folder, &invitation, further);
        assert_eq!(left["state"], "waiting");
        let listed = self.json(&["enrolments"]);
        let request = listed["waiting"][0]["request"].as_str().unwrap().to_owned();
        let approved = self.json(&["enrolments", "approve", &request[..12]]);
        assert_eq!(approved["check"], left["check"], "ENROL-4");
        assert_eq!(self.enrol(folder, &invitation, &[])["state"], "enrolled");
        approved["approved"].as_str().unwrap().to_owned()
    }

    fn agent(&self, id: &str) -> Value {
        let listed = self.json(&["enrolments"]);
        let agents = listed["agents"].as_array().unwrap();
        agents
            .iter()
            .find(|row| row["agent"] == id)
            .unwrap()
            .clone()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("GREFFE_HOME")
        .env_remove("GREFFE_AGENT")
        .env("GREFFE_LANG", "en")
        .env("GREFFE_PASSPHRASE_FILE", folder.join("passphrase"))
        .stdin(Stdio::null());
    command
}

/// ENROL-4, ENROL-5, ENROL-6, ENROL-8: invited, asked, compared, approved, and the consent is in the archive.
#[test]
fn a_custodian_enrols_and_is_approved() {
    let house = House::new();
    let letter = house.path("letter.pdf");
    let invitation = house.invite(&["--person", "p-17", "--letter", letter.to_str().unwrap()]);
    assert!(invitation.starts_with("greffe-invite:"));
    assert!(std::fs::read(letter).unwrap().starts_with(b"%PDF-"));

    // Without a terminal and without a name nothing is made.
    let enrol = ["agent", "--folder", "anna", "enrol", &invitation];
    assert_eq!(house.fails(&enrol), "consent-no-terminal");
    assert!(!house.path("anna").exists());
    let mut mistyped = invitation.clone();
    mistyped.replace_range(40..41, if &mistyped[40..41] == "A" { "B" } else { "A" });
    let wrong = ["agent", "--folder", "anna", "enrol", &mistyped];
    assert_eq!(house.fails(&wrong), "invitation-wrong");

    let left = house.enrol("anna", &invitation, &[]);
    assert_eq!(left["state"], "waiting");
    let listed = house.json(&["enrolments"]);
    let waiting = &listed["waiting"][0];
    assert_eq!(waiting["name"], "Anna Keller");
    assert_eq!(waiting["device"], "desk-7");
    assert_eq!(waiting["person"], "p-17");
    assert_eq!(waiting["check"], left["check"]);
    // The same command again leaves no second request.
    house.enrol("anna", &invitation, &[]);
    assert_eq!(
        house.json(&["enrolments"])["waiting"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let request = waiting["request"].as_str().unwrap();
    house.json(&["enrolments", "approve", request]);
    let done = house.enrol("anna", &invitation, &[]);
    assert_eq!(done["state"], "enrolled");
    assert_eq!(
        house.agent(done["agent"].as_str().unwrap())["person"],
        "p-17"
    );
    // ENROL-1: neither side keeps the code.
    assert!(!house.path("anna").join("enrolment.toml").exists());
    let office = house.path("greffe/office/invitations");
    assert_eq!(std::fs::read_dir(office).unwrap().count(), 0);

    // ENROL-9: what was typed is sealed into the log, not kept by the office.
    house.office_holds_nothing(&["Keller", "desk-7"]);
    // ENROL-6.
    let found = house.json(&["search", "kind:consent"]);
    assert_eq!(found["total"], 1, "{found}");
    // Approved once: the invitation enrols nobody else (ENROL-8).
    let other = house.enrol("other", &invitation, &[]);
    assert_eq!(other["state"], "waiting");
    assert!(
        house.json(&["enrolments"])["waiting"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_invitation_may_approve_by_itself_and_a_request_may_be_refused() {
    let house = House::new();
    let invitation = house.invite(&["--auto-approve"]);
    let done = house.enrol("anna", &invitation, &["--wait", "60"]);
    assert_eq!(done["state"], "enrolled");

    let invitation = house.invite(&[]);
    house.enrol("tom", &invitation, &[]);
    let listed = house.json(&["enrolments"]);
    let request = listed["waiting"][0]["request"].as_str().unwrap().to_owned();
    house.json(&["enrolments", "refuse", &request]);
    let again = ["agent", "--folder", "tom", "enrol", &invitation];
    assert_eq!(house.fails(&again), "enrol-refused");
    assert_eq!(house.fails(&["enrolments", "approve", &request]), "up-says");
}

/// INVITE-3, ENROL-7: what has ended, or names another archive than the relay's, enrols nobody.
#[test]
fn invitations_that_ended_or_name_another_archive_are_refused() {
    let house = House::new();
    let good = seal::Invitation::from_text(&house.invite(&[])).unwrap();
    let ended = seal::Invitation {
        until: canonical::Milliseconds::new(1),
        ..good.clone()
    };
    let foreign = seal::Invitation {
        archive: wire::ArchiveId::from_bytes([7; 32]),
        ..good.clone()
    };
    let unknown = seal::Invitation {
        code: seal::InvitationCode::from_bytes([7; 16]),
        ..good
    };
    for (invitation, error) in [
        (ended, "invitation-ended"),
        (foreign, "invitation-not-standing"),
        (unknown, "invitation-not-standing"),
    ] {
        let text = invitation.to_text();
        let enrol = [
            "agent",
            "--folder",
            "anna",
            "enrol",
            &text,
            "--consent",
            "Anna",
        ];
        assert_eq!(house.fails(&enrol), error);
        assert!(!house.path("anna").exists());
    }
}

/// CHAIN-4 as the command line shows it.
#[test]
fn agents_are_revoked() {
    let house = House::new();
    let agent = house.enrolled("anna", &[]);
    house.json(&["revoke", &agent[..16], "--retired-until", "2031-01-01"]);
    assert_eq!(house.agent(&agent)["retired"], 1_924_992_000_000_i64);
    house.json(&["revoke", &agent[..16], "--compromised-from", "5"]);
    assert_eq!(house.agent(&agent)["compromised"], 5);
    // `greffe status` says so, and a later retirement takes nothing back (CHAIN-4).
    house.json(&["revoke", &agent[..16], "--retired-until", "2032-01-01"]);
    let status = house.json(&["status"]);
    let row = status["agents"].as_array().unwrap().iter();
    let row = row
        .filter(|row| row["signer"] == agent.as_str())
        .collect::<Vec<_>>();
    assert_eq!(row[0]["distrusted_from"], 5);
    let told = house.run(&["status"]).stdout;
    assert!(
        String::from_utf8(told)
            .unwrap()
            .contains("compromised from number 5")
    );
}

/// CLONE-2: a copy enrols anew, its old chain is named and ended.
#[test]
fn a_restored_copy_enrols_anew_and_names_its_old_chain() {
    let house = House::new();
    let old = house.enrolled("anna", &[]);
    let copy = Command::new("cp")
        .args(["-a", "anna", "copy"])
        .current_dir(house.folder.path())
        .status();
    assert!(copy.unwrap().success());
    let again = ["agent", "--folder", "copy", "enrol", &house.invite(&[])];
    assert_eq!(house.fails(&again), "agent-enrolled-already");

    let new = house.enrolled("copy", &["--follows"]);
    assert_ne!(new, old);
    assert_eq!(house.agent(&new)["follows"], old.as_str());
    // The old chain has one entry, the consent: it counts up to number 0.
    assert_eq!(house.agent(&old)["compromised"], 1);
    let aside = house.path(&format!("copy.old-{}", &old[..16]));
    assert!(aside.join("signer.seed").exists());
    // Both consents are in the archive, and nothing of the old spool was lost.
    assert_eq!(house.json(&["search", "kind:consent"])["total"], 2);
    assert_eq!(house.fails(&["search", "kind:loss"]), "search-nothing");
}

/// PLAN-1, PLAN-3, PLAN-6, PLAN-8.
#[test]
fn a_plan_reaches_the_agent_and_a_private_one_needs_two_persons() {
    let house = House::new();
    let agent = house.enrolled("anna", &[]);
    let shown = house.json(&["agent", "--folder", "anna", "plan"]);
    assert_eq!(
        (&shown["number"], &shown["otherwise"]),
        (&0.into(), &"capture".into())
    );

    let plan = "otherwise = \"exclude\"\nheartbeat = 900\n[[rule]]\ndecision = \"capture\"\n\
                network = \"signal\"\nlabel = \"Deal*\"\n[[notice]]\nlanguage = \"en\"\n\
                text = \"This conversation is archived.\"\n";
    std::fs::write(house.path("plan.toml"), plan).unwrap();
    let set = ["plan", "set", "--agent", &agent, "--file", "plan.toml"];
    assert_eq!(house.json(&set)["plan"], 1);
    let shown = house.json(&["agent", "--folder", "anna", "plan"]);
    assert_eq!(shown, house.json(&["plan", "show", "--agent", "p-17"]));
    assert_eq!(shown["number"], 1);
    assert_eq!(shown["rules"][0]["label"], "Deal*");
    assert_eq!(shown["heartbeat"], 900);

    // PLAN-11: the office keeps nothing of it in the clear.
    house.office_holds_nothing(&["Deal", "archived"]);

    let private = "[[rule]]\ndecision = \"private\"\nconversation = \"family\"\n";
    std::fs::write(house.path("plan.toml"), private).unwrap();
    assert_eq!(house.fails(&set), "up-says");
    house.json(&["plan", "approver", "second.key"]);
    let with = [set.as_slice(), &["--second", "second.key"]].concat();
    let sent = house.json(&with);
    assert_eq!((&sent["plan"], &sent["private"]), (&2.into(), &1.into()));
    let shown = house.json(&["agent", "--folder", "anna", "plan"]);
    assert_eq!(
        (&shown["number"], &shown["rules"][0]["decision"]),
        (&2.into(), &"private".into())
    );
    assert_eq!(house.agent(&agent)["private"], 1, "it is reported");
    // ENROL-9 and PLAN-11, opened in the reading room.
    let people = house.json(&["people", "agents"]);
    let anna = people["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["agent"] == agent.as_str())
        .unwrap();
    assert_eq!(anna["bound"]["name"], "Anna Keller");
    assert_eq!(anna["bound"]["device"], "desk-7");
    assert_eq!(anna["plan"]["number"], 2);
}

/// PLAN-10: a class that has no keys is refused before anything is sent.
#[test]
fn plan_10_a_class_without_keys_is_refused() {
    let house = House::new();
    let agent = house.enrolled("anna", &[]);
    std::fs::write(house.path("plan.toml"), "class = 9\n").unwrap();
    let set = ["plan", "set", "--agent", &agent, "--file", "plan.toml"];
    let told = house.told(&set);
    assert!(told.contains("retention class 9"), "{told}");
    assert_eq!(house.agent(&agent)["plan"], 0);
}

/// The agent that was made with the archive gets plans as others do; one of an archive that was made
/// before it had a mailbox key is given its key first (CONTROL-5, tested in `wire` and `relay`).
#[test]
fn the_founding_agent_gets_a_plan() {
    let house = House::new();
    let listed = house.json(&["enrolments"]);
    let agent = listed["agents"][0]["agent"].as_str().unwrap().to_owned();
    std::fs::write(house.path("plan.toml"), "otherwise = \"exclude\"\n").unwrap();
    let set = ["plan", "set", "--agent", &agent, "--file", "plan.toml"];
    assert_eq!(house.json(&set)["plan"], 1);
    let shown = house.json(&["plan", "show", "--agent", &agent]);
    assert_eq!(shown["otherwise"], "exclude");
    // PLAN-6: it has taken it.
    assert_eq!(house.json(&["search", "kind:account"])["total"], 1);
}

/// PLAN-12: three of three sign, each with a folder of their own, and nothing less is enough.
#[test]
fn plan_12_a_plan_is_proposed_signed_elsewhere_and_submitted() {
    let house = House::new();
    let agent = house.enrolled("anna", &[]);
    let key = |name: &str| {
        let made = house.json(&["plan", "key", name]);
        made["key"].as_str().unwrap().to_owned()
    };
    let (bea, carl) = (key("bea.key"), key("carl.key"));
    let approver = ["plan", "approver", &bea, &carl, "--threshold"];
    assert_eq!(
        house.fails(&[&approver[..], &["4"]].concat()),
        "plan-threshold"
    );
    house.json(&[&approver[..], &["3"]].concat());
    std::fs::write(
        house.path("plan.toml"),
        "[[rule]]\ndecision = \"exclude\"\nlabel = \"Choir\"\n",
    )
    .unwrap();
    // The former delegation, with which the office alone was enough, is over.
    let set = ["plan", "set", "--agent", &agent, "--file", "plan.toml"];
    let told = house.told(&set);
    assert!(told.contains("1 of 3"), "{told}");

    std::fs::write(house.path("secret"), "a passphrase told by phone\n").unwrap();
    let secret = ["--proposal-passphrase-file", "secret"];
    let propose = [
        "plan",
        "propose",
        "--agent",
        &agent,
        "--file",
        "plan.toml",
        "--out",
        "proposal",
    ];
    house.json(&[&propose[..], &secret].concat());
    let bytes = std::fs::read(house.path("proposal")).unwrap();
    assert!(!bytes.windows(5).any(|part| part == b"Choir"), "sealed");

    // Bea's machine: the proposal and her key, no archive. Without a terminal she has to say so.
    let sign = |name: &str, agree: &[&str]| {
        let elsewhere = tempfile::tempdir().unwrap();
        for file in ["proposal", "secret", name] {
            std::fs::copy(house.path(file), elsewhere.path().join(file)).unwrap();
        }
        let arguments = [
            &["plan", "sign", "proposal", "--key", name][..],
            &secret,
            agree,
        ]
        .concat();
        let signed = command(elsewhere.path(), &arguments).output().unwrap();
        std::fs::copy(elsewhere.path().join("proposal"), house.path("proposal")).unwrap();
        (
            signed.status.success(),
            String::from_utf8(signed.stderr).unwrap(),
        )
    };
    assert!(!sign("bea.key", &[]).0);
    let (signed, told) = sign("bea.key", &["--agree"]);
    assert!(signed && told.contains("Choir"), "it is shown: {told}");
    let submit = [&["plan", "submit", "proposal"][..], &secret].concat();
    let told = house.told(&submit);
    assert!(told.contains("2 of 3"), "{told}");
    assert!(sign("carl.key", &["--agree"]).0);
    let sent = house.json(&submit);
    assert_eq!((&sent["plan"], &sent["signatures"]), (&1.into(), &3.into()));
    let shown = house.json(&["agent", "--folder", "anna", "plan"]);
    assert_eq!(shown["rules"][0]["label"], "Choir");
    // The same again is out of date.
    assert!(house.told(&submit).contains("out of date"));
}
