//! The small directory of people: which account is whose, and from when to when.
//!
//! Names are content. The directory lies in one SQLCipher file under a key derived from a
//! governance epoch's opening key (PART-1, purpose 3), is read and written by the reading room
//! alone, and ends with that key.

use std::path::Path;

use canonical::Milliseconds;
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

/// Largest list that an import takes, in bytes.
pub const MAX_CSV: usize = 4 << 20;
/// Longest id, name, network or account, in bytes.
const MAX_FIELD: usize = 512;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS persons (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    person TEXT NOT NULL REFERENCES persons (id),
    network TEXT NOT NULL,
    account TEXT NOT NULL,
    from_ms INTEGER,
    to_ms INTEGER,
    PRIMARY KEY (network, account, person, from_ms)
);
CREATE INDEX IF NOT EXISTS accounts_by_person ON accounts (person);
";

/// The open directory.
pub struct People {
    connection: Connection,
}

/// Redacted: what it holds is content.
impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("People(…)")
    }
}

/// One person with all accounts. Content; no `Display`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// Id in the owner's own lists; stable.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// Accounts.
    pub accounts: Vec<Account>,
}

/// Redacted.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person(…, {} accounts)", self.accounts.len())
    }
}

/// One account of a person, for a time. Content; no `Display`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Network, as records name it: `signal`, `whatsapp`, …
    pub network: String,
    /// Participant id (`tel:+49301234567`), or an alias; `*` stands for any run of characters.
    pub account: String,
    /// First moment, milliseconds since 1970; `None`: since ever.
    pub from: Option<i64>,
    /// First moment no longer; `None`: still.
    pub to: Option<i64>,
}

/// Redacted.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(…)")
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Imported {
    /// Persons that are new or have a new name.
    pub persons: u64,
    /// Accounts that are new.
    pub accounts: u64,
    /// Lines that were not taken: number from 1, and why (without what stood there).
    pub refused: Vec<(u64, String)>,
}

/// Why the directory did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The database failed, or was opened with another key.
    #[error("the people directory can not be read or written")]
    Database(#[from] rusqlite::Error),
    /// A field is empty, too long, or has control characters.
    #[error("{0} is empty, too long or has control characters")]
    Field(&'static str),
    /// The period ends before it begins.
    #[error("the period ends before it begins")]
    Period,
    /// No person has that id.
    #[error("no person has this id; import or add the person first")]
    Unknown,
    /// The list is larger than [`MAX_CSV`].
    #[error("the list has more than {MAX_CSV} bytes")]
    TooLarge,
    /// The folder can not be made.
    #[error("the folder of the people directory can not be made")]
    Folder(#[source] std::io::Error),
    /// No key of a governance epoch is in this room.
    #[error("no key of a governance epoch is in this room")]
    NoKey,
    /// The first line does not name the columns.
    #[error("the first line must name the columns: id, name, network, account, from, to")]
    Columns,
}

impl People {
    /// Opens the directory under its key, or makes it.
    ///
    /// # Errors
    ///
    /// When the file can not be opened, or was made under another key.
    pub fn open(path: &Path, key: &[u8; 32]) -> Result<Self, PeopleError> {
        let connection = Connection::open(path)?;
        let mut pragma = Zeroizing::new(String::with_capacity(100));
        pragma.push_str("PRAGMA key = \"x'");
        pragma.push_str(&Zeroizing::new(canonical::hex(key)));
        pragma.push_str("'\"");
        connection.execute_batch(&pragma)?;
        // Temporary files would lie in the clear. The switch of SQLCipher's memory security is one for the
        // whole process: turned on here, it would lock and wipe by system calls whatever the catalogues
        // touch while they file.
        connection.execute_batch(
            "PRAGMA cipher_memory_security = OFF; PRAGMA temp_store = MEMORY;
             PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    /// Moves a directory under another key. The new file appears whole; the old one goes last.
    ///
    /// # Errors
    ///
    /// When either file can not be read or written; the old one is then still there.
    pub fn carry(
        from: &Path,
        from_key: &[u8; 32],
        to: &Path,
        to_key: &[u8; 32],
    ) -> Result<(), PeopleError> {
        let new = to.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(PeopleError::Folder(error));
            }
            _ => {}
        }
        let persons = Self::open(from, from_key)?.list()?;
        let target = Self::open(&new, to_key)?;
        target.connection.execute_batch("BEGIN IMMEDIATE")?;
        for person in &persons {
            target.put(&person.id, &person.name)?;
            for account in &person.accounts {
                target.bind(&person.id, account)?;
            }
        }
        target.connection.execute_batch("COMMIT")?;
        drop(target);
        std::fs::rename(&new, to).map_err(PeopleError::Folder)?;
        if let Some(folder) = to.parent() {
            crate::durable::sync_folder(folder).map_err(PeopleError::Folder)?;
        }
        std::fs::remove_file(from).map_err(PeopleError::Folder)
    }

    /// Adds a person, or gives a known one a new name.
    ///
    /// # Errors
    ///
    /// When a field is impossible or the database fails.
    pub fn put(&self, id: &str, name: &str) -> Result<bool, PeopleError> {
        field("id", id)?;
        field("name", name)?;
        let changed = self.connection.execute(
            "INSERT INTO persons VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
            [id, name],
        )?;
        Ok(changed > 0)
    }

    /// Binds an account to a person for a time. Returns whether the binding is new.
    ///
    /// # Errors
    ///
    /// When nobody has that id, a field is impossible, or the database fails.
    pub fn bind(&self, id: &str, account: &Account) -> Result<bool, PeopleError> {
        field("network", &account.network)?;
        field("account", &account.account)?;
        if matches!((account.from, account.to), (Some(from), Some(to)) if to <= from) {
            return Err(PeopleError::Period);
        }
        let known = self
            .connection
            .query_row("SELECT 1 FROM persons WHERE id = ?1", [id], |_| Ok(()))
            .optional()?;
        if known.is_none() {
            return Err(PeopleError::Unknown);
        }
        let there = self
            .connection
            .query_row(
                "SELECT to_ms FROM accounts
                 WHERE person = ?1 AND network = ?2 AND account = ?3 AND from_ms IS ?4",
                params![id, account.network, account.account, account.from],
                |row| row.get::<_, Option<i64>>(0),
            )
            .optional()?;
        if there == Some(account.to) {
            return Ok(false);
        }
        if there.is_some() {
            self.connection.execute(
                "UPDATE accounts SET to_ms = ?5
                 WHERE person = ?1 AND network = ?2 AND account = ?3 AND from_ms IS ?4",
                params![
                    id,
                    account.network,
                    account.account,
                    account.from,
                    account.to
                ],
            )?;
            return Ok(true);
        }
        self.connection.execute(
            "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                id,
                account.network,
                account.account,
                account.from,
                account.to
            ],
        )?;
        Ok(true)
    }

    /// Imports a list in CSV (RFC 4180, UTF-8): columns `id,name,network,account,from,to` in any
    /// order, one line an account; dates as `2026-01-31` or empty. What is sound is taken; what is
    /// not is named by its line.
    ///
    /// # Errors
    ///
    /// When the list is too large, has no such columns, or the database fails.
    pub fn import(&mut self, list: &[u8]) -> Result<Imported, PeopleError> {
        if list.len() > MAX_CSV {
            return Err(PeopleError::TooLarge);
        }
        let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(list);
        let headers = reader.headers().map_err(|_| PeopleError::Columns)?.clone();
        let column = |name: &str| {
            headers
                .iter()
                .position(|header| header.eq_ignore_ascii_case(name))
        };
        let (Some(id), Some(name)) = (column("id"), column("name")) else {
            return Err(PeopleError::Columns);
        };
        let (network, account) = (column("network"), column("account"));
        let (from, to) = (column("from"), column("to"));
        let mut done = Imported::default();
        // All lines or, after a crash, none.
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for (place, line) in reader.records().enumerate() {
            let number = place as u64 + 2;
            let Ok(line) = line else {
                done.refused.push((number, "not UTF-8".to_owned()));
                continue;
            };
            let of = |column: Option<usize>| column.and_then(|at| line.get(at)).unwrap_or("");
            let taken = (|| {
                let (from, to) = (date(of(from))?, date(of(to))?);
                if self.put(of(Some(id)), of(Some(name)))? {
                    done.persons += 1;
                }
                if of(network).is_empty() && of(account).is_empty() {
                    return Ok(());
                }
                let account = Account {
                    network: of(network).to_owned(),
                    account: of(account).to_owned(),
                    from,
                    to,
                };
                if self.bind(of(Some(id)), &account)? {
                    done.accounts += 1;
                }
                Ok(())
            })();
            match taken {
                Ok(()) => {}
                Err(PeopleError::Database(error)) => {
                    self.connection.execute_batch("ROLLBACK")?;
                    return Err(error.into());
                }
                Err(error) => done.refused.push((number, error.to_string())),
            }
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(done)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn list(&self) -> Result<Vec<Person>, PeopleError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, name FROM persons ORDER BY name, id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (id, name) = row?;
            let accounts = self.accounts(&id)?;
            Ok(Person { id, name, accounts })
        })
        .collect()
    }

    /// Who a participant of a record was at that time: an account bound by the participant's own
    /// id counts before one bound by an alias. More than one where the lists contradict each other.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn resolve(
        &self,
        network: &str,
        participant: &str,
        aliases: &[&str],
        at: Milliseconds,
    ) -> Result<Vec<Person>, PeopleError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT person, name, account FROM accounts JOIN persons ON persons.id = person
             WHERE network = ?1 AND (from_ms IS NULL OR from_ms <= ?2)
               AND (to_ms IS NULL OR to_ms > ?2) ORDER BY person",
        )?;
        let rows = statement.query_map(params![network, at.get()], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        })?;
        let (mut by_id, mut by_alias) = (Vec::new(), Vec::new());
        for row in rows {
            let (id, name, pattern) = row?;
            if matches(&pattern, participant) {
                by_id.push((id, name));
            } else if aliases.iter().any(|alias| matches(&pattern, alias)) {
                by_alias.push((id, name));
            }
        }
        let mut found = if by_id.is_empty() { by_alias } else { by_id };
        found.dedup();
        found
            .into_iter()
            .map(|(id, name)| {
                let accounts = self.accounts(&id)?;
                Ok(Person { id, name, accounts })
            })
            .collect()
    }

    /// The accounts of everybody whose id is `text` or whose name contains it, whatever the case:
    /// what `from:text` of a search also means.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn accounts_of(&self, text: &str) -> Result<Vec<Account>, PeopleError> {
        let wanted = text.to_lowercase();
        let mut accounts = Vec::new();
        for person in self.list()? {
            if person.id == text || person.name.to_lowercase().contains(&wanted) {
                accounts.extend(person.accounts);
            }
        }
        Ok(accounts)
    }

    fn accounts(&self, id: &str) -> Result<Vec<Account>, PeopleError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT network, account, from_ms, to_ms FROM accounts
             WHERE person = ?1 ORDER BY network, account, from_ms",
        )?;
        let rows = statement.query_map([id], |row| {
            Ok(Account {
                network: row.get(0)?,
                account: row.get(1)?,
                from: row.get(2)?,
                to: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn field(name: &'static str, text: &str) -> Result<(), PeopleError> {
    if text.is_empty() || text.len() > MAX_FIELD || text.chars().any(char::is_control) {
        return Err(PeopleError::Field(name));
    }
    Ok(())
}

fn date(text: &str) -> Result<Option<i64>, PeopleError> {
    if text.is_empty() {
        return Ok(None);
    }
    let date: jiff::civil::Date = text
        .parse()
        .map_err(|_| PeopleError::Field("the date (as in 2026-01-31)"))?;
    jiff::tz::Offset::UTC
        .to_timestamp(date.at(0, 0, 0, 0))
        .map(|time| Some(time.as_millisecond()))
        .map_err(|_| PeopleError::Field("the date (as in 2026-01-31)"))
}

/// Whether `text` is what `pattern` says, where `*` stands for any run of characters. Takes time
/// linear in the product of the lengths at most.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    fn at(date_text: &str) -> Milliseconds {
        Milliseconds::new(date(date_text).unwrap().unwrap())
    }

    #[test]
    fn an_account_is_somebodys_only_for_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.db");
        let mut people = People::open(&path, &KEY).unwrap();
        let list = "\u{feff}id,name,network,account,from,to\n\
            e1,Anna Quist,whatsapp,tel:+49301,2024-01-01,2025-01-01\n\
            e2,\"Boll, Ben\",whatsapp,tel:+49301,2025-01-01,\n\
            e2,\"Boll, Ben\",telegram,Ben*,,\n\
            ,Nobody,telegram,x,,\n\
            e3,Cy,telegram,user:7,2025-02-01,2025-01-01\n";
        let done = people.import(list.as_bytes()).unwrap();
        assert_eq!((done.persons, done.accounts), (3, 3));
        assert_eq!(
            done.refused
                .iter()
                .map(|(line, _)| *line)
                .collect::<Vec<_>>(),
            [5, 6]
        );
        let again = people.import(list.as_bytes()).unwrap();
        assert_eq!((again.persons, again.accounts), (0, 0));
        let who = |network, id, aliases: &[&str], date| {
            people
                .resolve(network, id, aliases, at(date))
                .unwrap()
                .into_iter()
                .map(|person| person.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            who("whatsapp", "tel:+49301", &[], "2024-12-31"),
            ["Anna Quist"]
        );
        assert_eq!(
            who("whatsapp", "tel:+49301", &[], "2025-01-01"),
            ["Boll, Ben"]
        );
        assert_eq!(
            who("telegram", "user:9", &["BEN B."], "2020-01-01"),
            ["Boll, Ben"]
        );
        assert!(who("telegram", "user:9", &["Bea"], "2020-01-01").is_empty());
        assert!(who("signal", "tel:+49301", &[], "2025-01-01").is_empty());
        assert_eq!(people.accounts_of("boll").unwrap().len(), 2);
    }

    #[test]
    fn names_do_not_lie_in_the_file_and_another_key_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.db");
        People::open(&path, &KEY)
            .unwrap()
            .put("e1", "Marker-Quist")
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"Marker"));
        assert!(People::open(&path, &[8; 32]).is_err());
        let person = &People::open(&path, &KEY).unwrap().list().unwrap()[0];
        assert_eq!(person.name, "Marker-Quist");
        assert_eq!(format!("{person:?}"), "Person(…, 0 accounts)");
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a", "A", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("a", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
