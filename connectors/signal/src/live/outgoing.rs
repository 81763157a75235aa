//! What signal-cli keeps of the messages that this device has sent, to be able to send them again:
//! for a day, or until the other side has said that it has them. What stands there was sent; what
//! does not may have been sent all the same.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::entries::GROUP;

/// signal-cli writes in short turns.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most messages that are looked at, the newest first.
const MESSAGES: u32 = 1_000;
/// So much of a text is compared: a longer one is sent as a file beside its beginning.
const COMPARED: usize = 1_000;

/// When that text was sent to that conversation, which is the message's id.
///
/// # Errors
///
/// When there is no such database, or none of the form that signal-cli gives it today.
pub(crate) fn sent(
    database: &Path,
    conversation: &str,
    text: &str,
) -> Result<Option<i64>, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let group = conversation.strip_prefix(GROUP).map(|id| {
        data_encoding::BASE64
            .decode(id.as_bytes())
            .unwrap_or_default()
    });
    let address = match conversation.split_once(':') {
        Some(("pni", id)) => format!("PNI:{id}"),
        Some((_, id)) => id.to_owned(),
        None => conversation.to_owned(),
    };
    let mut statement = connection.prepare(
        "SELECT timestamp, content FROM message_send_log_content AS sent
         WHERE group_id IS ?1 AND (?1 IS NOT NULL OR EXISTS (
             SELECT 1 FROM message_send_log WHERE content_id = sent._id AND address = ?2))
         ORDER BY timestamp DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![group, address, MESSAGES])?;
    let wanted = text.as_bytes().get(..COMPARED).unwrap_or(text.as_bytes());
    while let Some(row) = rows.next()? {
        let content = row.get_ref(1)?.as_blob()?;
        if contains(content, wanted) {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && content.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: &str = "92b3d80b-e2bd-44e1-a9a2-85c0486a0589";
    const GROUP_ID: &str = "iYvpLTBq/jXvLJ69HrmPkKpWnXobPu3u5UAurlw+uMs=";
    const TEXT: &str = "Diese Unterhaltung wird archiviert.";

    /// As signal-cli 0.13.19 made it when it had sent both.
    fn database(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("account.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE message_send_log (
                   _id INTEGER PRIMARY KEY,
                   content_id INTEGER NOT NULL REFERENCES message_send_log_content (_id) ON DELETE CASCADE,
                   address TEXT NOT NULL,
                   device_id INTEGER NOT NULL
                 ) STRICT;
                 CREATE TABLE message_send_log_content (
                   _id INTEGER PRIMARY KEY,
                   group_id BLOB,
                   timestamp INTEGER NOT NULL,
                   content BLOB NOT NULL,
                   content_hint INTEGER NOT NULL,
                   urgent INTEGER NOT NULL
                 ) STRICT;",
            )
            .unwrap();
        let group = data_encoding::BASE64.decode(GROUP_ID.as_bytes()).unwrap();
        let content = [b"\ns\n#".as_slice(), TEXT.as_bytes(), b"\xb8\x01\x01"].concat();
        let add = |id: i64, group: Option<&[u8]>, at: i64, content: &[u8]| {
            connection
                .execute(
                    "INSERT INTO message_send_log_content VALUES (?1, ?2, ?3, ?4, 1, 1)",
                    params![id, group, at, content],
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO message_send_log VALUES (NULL, ?1, ?2, 1)",
                    params![id, BOB],
                )
                .unwrap();
        };
        add(1, None, 1_795_547_027_936, &content);
        add(2, Some(&group), 1_795_547_029_232, &content);
        add(3, None, 1_795_547_030_000, b"\n\x05\n\x03abc");
        path
    }

    #[test]
    fn what_was_sent_is_found_where_it_was_sent() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let found = |conversation: &str, text: &str| sent(&database, conversation, text).unwrap();
        let bob = format!("aci:{BOB}");
        assert_eq!(found(&bob, TEXT), Some(1_795_547_027_936));
        assert_eq!(
            found(&format!("group:{GROUP_ID}"), TEXT),
            Some(1_795_547_029_232)
        );
        assert_eq!(found(&bob, "another text"), None);
        assert_eq!(found(&bob, ""), None);
        assert_eq!(found("aci:somebody-else", TEXT), None);
        assert_eq!(found("group:AAAA", TEXT), None);
        assert_eq!(found("group:no base64", TEXT), None);
    }

    #[test]
    fn where_nothing_can_be_read_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sent(&folder.path().join("account.db"), "aci:b", TEXT).is_err());
        let other = folder.path().join("other.db");
        std::fs::write(&other, b"no database").unwrap();
        assert!(sent(&other, "aci:b", TEXT).is_err());
    }
}
