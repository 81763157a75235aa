//! The vectors of invitations, enrolment requests and plans: what others must reproduce.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../examples/write_enrolment_vectors/cases.rs"]
mod cases;

/// INVITE-1, INVITE-2, ENROL-1 to ENROL-4, PLAN-4's format: the bytes are for ever.
#[test]
fn vectors_are_what_the_program_makes() {
    let mut seen = 0;
    for (path, value) in cases::all() {
        let file = cases::folder().join(&path);
        let found = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{path} is missing"));
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found, value, "{path}");
        seen += 1;
    }
    assert_eq!(seen, 8);
}

/// PLAN-12, FILE-1: what is not a plan is refused, and the files open as they say.
#[test]
fn refused_plans_and_files_are_refused() {
    let read = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(cases::folder().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let bytes = |value: &serde_json::Value| {
        let text = value.as_str().unwrap();
        let mut bytes = vec![0; text.len() / 2];
        canonical::hex_into(text, &mut bytes).unwrap();
        bytes
    };
    for case in read("plan/refused.json")["cases"].as_array().unwrap() {
        let refused = seal::Plan::from_bytes(&bytes(&case["plan"]));
        let limit = case["check"] == "PLAN-limit";
        match refused {
            Err(seal::PlanError::Limit(_)) => assert!(limit, "{case}"),
            Err(_) => assert!(!limit, "{case}"),
            Ok(_) => panic!("{case}"),
        }
    }
    let files = read("file/sealed.json");
    let passphrase = files["passphrase"].as_str().unwrap();
    let open = |value| {
        let file = seal::SealedFile::from_bytes(&bytes(value))?;
        file.open(seal::SealedFileKind::Share, passphrase)
    };
    assert_eq!(*open(&files["file"]).unwrap(), bytes(&files["secret"]));
    for refused in files["refused"].as_array().unwrap() {
        assert!(open(refused).is_err());
    }
}

/// A text with one wrong character, a request with one wrong bit: the vectors say that they are refused.
#[test]
fn refused_vectors_are_refused() {
    let text = std::fs::read_to_string(cases::folder().join("enrolment/refused.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let wrong = value["invitation"].as_str().unwrap();
    assert!(matches!(
        seal::Invitation::from_text(wrong),
        Err(seal::InvitationError::Checksum)
    ));
    let mut sealed = vec![0; value["request"].as_str().unwrap().len() / 2];
    canonical::hex_into(value["request"].as_str().unwrap(), &mut sealed).unwrap();
    assert!(matches!(
        seal::EnrolmentRequest::open(&sealed, &cases::ARCHIVE, &cases::code()),
        Err(seal::EnrolmentError::Open)
    ));
}
