//! Writes `vectors/enrolment` and `vectors/plan`. Formats are for ever: it refuses to change one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;

fn main() {
    for (path, value) in cases::all() {
        let file = cases::folder().join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        match std::fs::read_to_string(&file) {
            Ok(found) => assert_eq!(found, text, "{path} is published"),
            Err(_) => std::fs::write(&file, text).unwrap(),
        }
    }
}
