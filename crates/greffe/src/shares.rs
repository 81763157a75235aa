//! Holders' shares as files: sealed under a passphrase of their own, or as words and a QR code for
//! paper (keyring.md SHARE-3, SHARE-6).

use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use seal::keyring::PassphraseCost;
use seal::{Randomness, SealedFile, SealedFileError, SealedFileKind, Share};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::home;
use crate::secret::Passphrase;
use crate::system::OsRandomness;
use crate::text::say;

/// A holder's share that was written.
pub(crate) struct Written {
    /// Its file.
    pub(crate) path: PathBuf,
    /// What opens the file, unless it is for paper. Shown once, kept nowhere.
    pub(crate) passphrase: Option<Zeroizing<String>>,
}

/// Writes each holder's share into a file of its own.
pub(crate) fn write(
    folder: &Path,
    shares: &[Share],
    holders: u8,
    paper: bool,
) -> Result<Vec<Written>, Failure> {
    home::private_folder(folder)?;
    shares
        .iter()
        .map(|share| {
            let name = format!("share-{}-of-{holders}", share.index());
            if paper {
                let path = folder.join(format!("{name}.txt"));
                home::write_durably(&path, on_paper(share, Some(holders)).as_bytes())?;
                return Ok(Written {
                    path,
                    passphrase: None,
                });
            }
            let path = folder.join(format!("{name}.greffe-share"));
            let passphrase = generated();
            let file = SealedFile::seal(
                SealedFileKind::Share,
                share.to_bytes().as_ref(),
                &passphrase,
                PassphraseCost::LEAST,
                &mut OsRandomness::new(),
            )
            .map_err(|error| wrong(&path, &error))?;
            home::write_durably(&path, &file.to_bytes())?;
            Ok(Written {
                path,
                passphrase: Some(passphrase),
            })
        })
        .collect()
}

/// Their files.
pub(crate) fn paths(written: &[Written]) -> Vec<&Path> {
    written.iter().map(|one| one.path.as_path()).collect()
}

/// What opens them, in the same order; empty for paper.
pub(crate) fn passphrases(written: &[Written]) -> Vec<&str> {
    let all = written.iter().filter_map(|one| one.passphrase.as_ref());
    all.map(|text| text.as_str()).collect()
}

/// What each holder is to be told, apart from the file. Nothing for paper.
pub(crate) fn told(written: &[Written]) -> String {
    let lines = written.iter().filter_map(|one| {
        let passphrase = one.passphrase.as_ref()?;
        let file = one.path.file_name().unwrap_or_default();
        Some(format!(
            "\n    {}  {}",
            file.to_string_lossy(),
            passphrase.as_str()
        ))
    });
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("\n\n{}{lines}", say!("share-passphrases")),
    }
}

/// A share as people keep it on paper: words, and the same as a QR code.
pub(crate) fn on_paper(share: &Share, holders: Option<u8>) -> Zeroizing<String> {
    let qr = share.to_qr();
    let picture = QrCode::new(qr.as_bytes())
        .map(|code| {
            code.render::<Dense1x2>()
                .dark_color(Dense1x2::Dark)
                .light_color(Dense1x2::Light)
                .build()
        })
        .unwrap_or_default();
    let heading = match holders {
        Some(holders) => say!(
            "share-heading",
            index = share.index(),
            holders = holders,
            needed = share.needed(),
        ),
        // A share does not say how many there are.
        None => say!(
            "share-heading-alone",
            index = share.index(),
            needed = share.needed(),
        ),
    };
    Zeroizing::new(format!(
        "{heading}\n\n{}\n\n{}\n\n{picture}\n",
        share.to_words().as_str(),
        qr.as_str(),
    ))
}

/// Reads a share from a holder's file: a sealed one, for whose passphrase `ask` is called, or words,
/// or the text of the QR code, wherever they stand in it.
pub(crate) fn read(
    path: &Path,
    ask: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Share, Failure> {
    let bytes = Zeroizing::new(home::read(path)?);
    match SealedFile::from_bytes(&bytes) {
        Ok(file) => {
            let opened = file.open(SealedFileKind::Share, ask()?.as_str());
            let opened = opened.map_err(|error| wrong(path, &error))?;
            return Share::from_bytes(&opened).map_err(|error| wrong(path, &error));
        }
        Err(SealedFileError::Encoding(_)) => {}
        Err(error) => return Err(wrong(path, &error)),
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(path, &error))?;
    let mut first = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let read = if line.starts_with("greffe-share:") {
            Share::from_qr(line)
        } else {
            Share::from_words(line)
        };
        match read {
            Ok(share) => return Ok(share),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let why = first.map_or_else(String::new, |error| error.to_string());
    Err(Failure::new("share-wrong")
        .with("path", path)
        .with("why", why)
        .exit(Exit::Locked))
}

/// 120 random bits, to be written down by hand: six groups of four letters and digits.
fn generated() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 15]);
    OsRandomness::new().fill(bytes.as_mut());
    let digits = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_ref()).to_lowercase());
    let mut text = Zeroizing::new(String::with_capacity(29));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::new("share-wrong")
        .with("path", path)
        .because(error)
        .exit(Exit::Locked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seal::Threshold;

    /// SHARE-6
    #[test]
    fn share_6_a_file_opens_under_its_own_passphrase_and_holds_no_words() {
        let folder = tempfile::tempdir().unwrap();
        let threshold = Threshold::new(2, 2).unwrap();
        let set = seal::new_set(threshold, 1, &mut OsRandomness::new()).unwrap();
        let written = write(folder.path(), &set.shares, 2, false).unwrap();
        let words = set.shares[0].to_words();
        let first = words.split(' ').next().unwrap();
        let bytes = std::fs::read(&written[0].path).unwrap();
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|place| place == part);
        assert!(!holds(first.as_bytes()) && !holds(set.shares[0].to_bytes().as_ref()));
        let given = folder.path().join("p");
        let open = |passphrase: &str| {
            std::fs::write(&given, passphrase).unwrap();
            read(&written[0].path, || Passphrase::ask(Some(&given)))
        };
        let passphrase = written[0].passphrase.as_ref().unwrap();
        assert_eq!(passphrase.len(), 29);
        assert_eq!(open(passphrase).unwrap().to_words(), words);
        let other = written[1].passphrase.as_ref().unwrap();
        assert_eq!(open(other).unwrap_err().key(), "share-wrong");
        // For paper there are words, and nobody is asked anything.
        let paper = write(folder.path(), &set.shares, 2, true).unwrap();
        assert!(paper[1].passphrase.is_none());
        let asked = || Err(Failure::new("share-one"));
        assert_eq!(read(&paper[0].path, asked).unwrap().to_words(), words);
    }
}
