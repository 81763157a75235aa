//! Whose business connections are whose. Anybody may connect a bot to his account: only the
//! custodian's chats are captured, a stranger's are neither kept nor looked at.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connector::normal;
use serde_json::Value;

use super::api::{Api, CallError};

/// Ids of connections and of their users; no names, no content.
const FILE: &str = "connections.json";
/// Connections that are remembered.
const MOST: usize = 10_000;

/// Connections that are known, on disk.
#[derive(Clone)]
pub(crate) struct Owners {
    own: i64,
    file: PathBuf,
    known: Arc<Mutex<BTreeMap<String, Option<i64>>>>,
}

/// Whom an update concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The account that is captured.
    Own,
    /// Somebody else: the user's id, or the connection's where nobody is told.
    Stranger(String),
}

/// What an update says of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// It is about the connection, and names whose it is.
    Told(String, i64),
    /// It came over that connection.
    Over(String),
    /// It names none.
    None,
}

impl Owners {
    pub(crate) fn open(own: i64, folder: &std::path::Path) -> Self {
        let file = folder.join(FILE);
        let known = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            own,
            file,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Whom the update concerns; asks the Bot API for a connection that is not known.
    pub(crate) async fn of(&self, api: &Api, update: &[u8]) -> Result<Owner, CallError> {
        let (connection, user) = match connection(update) {
            Connection::None => return Ok(Owner::Own),
            Connection::Told(connection, user) => {
                self.learn(&connection, Some(user));
                (connection, Some(user))
            }
            Connection::Over(connection) => {
                let known = self.lock().get(&connection).copied();
                let user = match known {
                    Some(user) => user,
                    None => {
                        let user = api.owner(&connection).await?;
                        self.learn(&connection, user);
                        user
                    }
                };
                (connection, user)
            }
        };
        Ok(match user {
            Some(user) if user == self.own => Owner::Own,
            Some(user) => Owner::Stranger(format!("user:{user}")),
            None => Owner::Stranger(connection),
        })
    }

    fn learn(&self, connection: &str, user: Option<i64>) {
        let mut known = self.lock();
        if known.len() >= MOST {
            let own = self.own;
            known.retain(|_, user| *user == Some(own));
        }
        if known.insert(connection.to_owned(), user) == Some(user) {
            return;
        }
        // What is lost with a crash is asked for again.
        if let Ok(bytes) = serde_json::to_vec(&*known) {
            let fresh = self.file.with_extension("new");
            let written = std::fs::write(&fresh, bytes);
            let _ = written.and_then(|()| std::fs::rename(&fresh, &self.file));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<i64>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the update says of its connection.
pub(crate) fn connection(update: &[u8]) -> Connection {
    let Ok(value) = normal::parse(update) else {
        return Connection::None;
    };
    if let Some(told) = value.get("business_connection") {
        let id = told.get("id").and_then(Value::as_str);
        let user = told.pointer("/user/id").and_then(Value::as_i64);
        if let (Some(id), Some(user)) = (id, user) {
            return Connection::Told(id.to_owned(), user);
        }
    }
    let Some(update) = value.as_object() else {
        return Connection::None;
    };
    update
        .values()
        .find_map(|body| body.get("business_connection_id")?.as_str())
        .map_or(Connection::None, |id| Connection::Over(id.to_owned()))
}

impl std::fmt::Debug for Owners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Owners")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_found() {
        let told = br#"{"update_id":1,"business_connection":{"id":"bc-1","user":{"id":100}}}"#;
        assert_eq!(connection(told), Connection::Told("bc-1".into(), 100));
        let over = br#"{"update_id":2,"business_message":{"business_connection_id":"bc-1"}}"#;
        assert_eq!(connection(over), Connection::Over("bc-1".into()));
        assert_eq!(connection(br#"{"update_id":3,"new":{}}"#), Connection::None);
        assert_eq!(connection(b"x"), Connection::None);
    }
}
