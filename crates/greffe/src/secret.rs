//! Passphrases: asked on the terminal, or read from a file that the user names; never an argument.

use std::io::{IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::home;
use crate::text::word;

/// The shortest passphrase for a new archive, in characters.
const SHORTEST: usize = 12;

/// A passphrase; wiped when dropped, never printed.
pub(crate) struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// The text to derive a key from.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Asks for the passphrase of an archive, or reads it from the file given (`-`: standard input).
    pub(crate) fn ask(file: Option<&Path>) -> Result<Self, Failure> {
        Self::ask_for(file, "passphrase-ask")
    }

    /// The same with another question, a key of the catalogue.
    pub(crate) fn ask_for(file: Option<&Path>, question: &str) -> Result<Self, Failure> {
        match file {
            Some(path) => Self::from_file(path),
            None => Self::from_terminal(&word(question)),
        }
    }

    /// Asks twice for a new passphrase and refuses one that is too short.
    pub(crate) fn choose(file: Option<&Path>) -> Result<Self, Failure> {
        Self::choose_for(file, "passphrase-choose")
    }

    /// The same with another question, a key of the catalogue.
    pub(crate) fn choose_for(file: Option<&Path>, question: &str) -> Result<Self, Failure> {
        let chosen = match file {
            Some(path) => Self::from_file(path)?,
            None => {
                let first = Self::from_terminal(&word(question))?;
                let second = Self::from_terminal(&word("passphrase-again"))?;
                if first.0 != second.0 {
                    return Err(Failure::new("passphrases-differ"));
                }
                first
            }
        };
        if chosen.0.chars().count() < SHORTEST {
            return Err(Failure::new("passphrase-short").with("least", SHORTEST));
        }
        Ok(chosen)
    }

    /// One that this program has made itself.
    pub(crate) fn given(text: &str) -> Result<Self, Failure> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    fn from_file(path: &Path) -> Result<Self, Failure> {
        let bytes = if path == Path::new("-") {
            let mut bytes = Zeroizing::new(Vec::new());
            std::io::stdin()
                .lock()
                .take(4096)
                .read_to_end(&mut bytes)
                .map_err(|error| {
                    Failure::new("can-not-read")
                        .with("path", "-")
                        .because(&error)
                })?;
            bytes
        } else {
            Zeroizing::new(home::read(path)?)
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| Failure::new("passphrase-not-text"))?;
        Ok(Self(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )))
    }

    fn from_terminal(prompt: &str) -> Result<Self, Failure> {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new("passphrase-no-terminal").exit(Exit::Locked));
        }
        rpassword::prompt_password(prompt)
            .map(|text| Self(Zeroizing::new(text)))
            .map_err(|error| {
                Failure::new("can-not-read")
                    .with("path", "tty")
                    .because(&error)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_never_printed_and_never_short() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p");
        std::fs::write(&file, "correct horse battery\n").unwrap();
        let passphrase = Passphrase::choose(Some(&file)).unwrap();
        assert_eq!(passphrase.as_str(), "correct horse battery");
        assert_eq!(format!("{passphrase:?}"), "Passphrase(…)");
        std::fs::write(&file, "short").unwrap();
        assert_eq!(
            Passphrase::choose(Some(&file)).unwrap_err().key(),
            "passphrase-short"
        );
    }
}
