//! The closed list of reasons for which an entry is refused (authority.md), and how HTTP tells them.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::SequenceNumber;
use crate::limit;

/// Code of a refusal. It stands in `withdrawn` and in the problem document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum RefusalCode {
    /// Not a canonical entry, or over a limit.
    #[n(1)]
    Malformed,
    /// Another archive's id.
    #[n(2)]
    ForeignArchive,
    /// Not enrolled, no delegation.
    #[n(3)]
    UnknownSigner,
    /// A signature does not verify, is missing or too much.
    #[n(4)]
    BadSignature,
    /// CHAIN-4.
    #[n(5)]
    Revoked,
    /// Role or delegation does not cover this kind or act.
    #[n(6)]
    NotAllowed,
    /// The number is ahead of the next one.
    #[n(7)]
    OutOfSequence,
    /// CHAIN-3, or `previous` differs.
    #[n(8)]
    Clone,
    /// CONTROL-6.
    #[n(9)]
    UnknownEpoch,
    /// An object of the entry has not been uploaded, or its length differs.
    #[n(10)]
    ObjectMissing,
    /// An object already belongs to another entry.
    #[n(11)]
    ObjectTaken,
    /// LEAF-2.
    #[n(12)]
    Fork,
    /// CONTROL-1, CONTROL-5.
    #[n(13)]
    ControlChain,
    /// A rate or queue limit; try again.
    #[n(14)]
    TooBusy,
}

/// A refusal: its code, and facts without content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .code.name())]
pub struct Refusal {
    code: RefusalCode,
    detail: String,
    next: Option<SequenceNumber>,
}

impl RefusalCode {
    /// All codes, ascending.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::ForeignArchive,
        Self::UnknownSigner,
        Self::BadSignature,
        Self::Revoked,
        Self::NotAllowed,
        Self::OutOfSequence,
        Self::Clone,
        Self::UnknownEpoch,
        Self::ObjectMissing,
        Self::ObjectTaken,
        Self::Fork,
        Self::ControlChain,
        Self::TooBusy,
    ];

    /// The number, 1 to 14.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::ForeignArchive => 2,
            Self::UnknownSigner => 3,
            Self::BadSignature => 4,
            Self::Revoked => 5,
            Self::NotAllowed => 6,
            Self::OutOfSequence => 7,
            Self::Clone => 8,
            Self::UnknownEpoch => 9,
            Self::ObjectMissing => 10,
            Self::ObjectTaken => 11,
            Self::Fork => 12,
            Self::ControlChain => 13,
            Self::TooBusy => 14,
        }
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The name, as in `urn:greffe:refusal:<name>`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::ForeignArchive => "foreign-archive",
            Self::UnknownSigner => "unknown-signer",
            Self::BadSignature => "bad-signature",
            Self::Revoked => "revoked",
            Self::NotAllowed => "not-allowed",
            Self::OutOfSequence => "out-of-sequence",
            Self::Clone => "clone",
            Self::UnknownEpoch => "unknown-epoch",
            Self::ObjectMissing => "object-missing",
            Self::ObjectTaken => "object-taken",
            Self::Fork => "fork",
            Self::ControlChain => "control-chain",
            Self::TooBusy => "too-busy",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownSigner | Self::BadSignature | Self::Revoked | Self::NotAllowed => 403,
            Self::ForeignArchive => 404,
            Self::OutOfSequence
            | Self::Clone
            | Self::ObjectTaken
            | Self::Fork
            | Self::ControlChain => 409,
            Self::UnknownEpoch | Self::ObjectMissing => 422,
            Self::TooBusy => 429,
        }
    }
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Refusal {
    /// A refusal with facts for whoever reads the log of the agent; no content, at most 1,024 bytes.
    #[must_use]
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: shortened(detail.into()),
            next: None,
        }
    }

    /// Names the number that was expected.
    #[must_use]
    pub fn with_next(mut self, next: SequenceNumber) -> Self {
        self.next = Some(next);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        self.code
    }

    /// The facts.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The number that was expected.
    #[must_use]
    pub fn next(&self) -> Option<SequenceNumber> {
        self.next
    }
}

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:greffe:refusal:<name>`, another `urn:greffe:problem:<name>`, or `about:blank`.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    next: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    position: Option<u64>,
}

/// Media type of [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

const REFUSAL_URN: &str = "urn:greffe:refusal:";
const PROBLEM_URN: &str = "urn:greffe:problem:";

/// Why bytes are no problem document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// Longer than 16 KiB.
    #[error("the problem document has {0} bytes")]
    TooLarge(usize),
    /// Not this JSON structure.
    #[error("the problem document is not understood")]
    Structure(#[source] serde_json::Error),
}

impl Problem {
    /// The document of a refused entry; `position` is its place in the posted bundle, from 0.
    #[must_use]
    pub fn of_refusal(refusal: &Refusal, position: Option<u64>) -> Self {
        Self {
            kind: format!("{REFUSAL_URN}{}", refusal.code.name()),
            title: refusal.code.name().to_owned(),
            status: refusal.code.status(),
            detail: refusal.detail.clone(),
            code: Some(refusal.code.number()),
            next: refusal.next.map(SequenceNumber::get),
            position,
        }
    }

    /// The document of another failure, `urn:greffe:problem:<name>`.
    #[must_use]
    pub fn other(name: &str, status: u16, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{PROBLEM_URN}{name}"),
            title: name.to_owned(),
            status,
            detail: shortened(detail.into()),
            code: None,
            next: None,
            position: None,
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers only: this structure always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a document of at most 16 KiB.
    ///
    /// # Errors
    /// When it is longer or not a problem document.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProblemError> {
        if bytes.len() > limit::PROBLEM_BYTES {
            return Err(ProblemError::TooLarge(bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(ProblemError::Structure)
    }

    /// The refusal that it tells of, if its type is one of the closed list.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let name = self.kind.strip_prefix(REFUSAL_URN)?;
        let code = RefusalCode::ALL
            .into_iter()
            .find(|code| code.name() == name)?;
        Some(Refusal {
            code,
            detail: shortened(self.detail.clone()),
            next: self.next.map(SequenceNumber::new),
        })
    }

    /// The name after `urn:greffe:refusal:` or `urn:greffe:problem:`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kind
            .strip_prefix(REFUSAL_URN)
            .or_else(|| self.kind.strip_prefix(PROBLEM_URN))
            .unwrap_or(&self.kind)
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The facts.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Place of the refused entry in the posted bundle, from 0.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.position
    }
}

/// Cuts a text to the limit, at a character's border.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > limit::DETAIL_BYTES {
        let mut end = limit::DETAIL_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_closed_and_numbered() {
        for (at, code) in RefusalCode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), at + 1);
            assert_eq!(RefusalCode::from_number(code.number()), Some(code));
            assert_eq!(canonical::to_bytes(&code), [code.number()]);
            assert_eq!(
                canonical::from_bytes::<RefusalCode>(&[code.number()]).unwrap(),
                code
            );
        }
        assert_eq!(RefusalCode::from_number(0), None);
        assert_eq!(RefusalCode::from_number(15), None);
        assert!(canonical::from_bytes::<RefusalCode>(&[15]).is_err());
    }

    #[test]
    fn a_refusal_survives_the_problem_document() {
        for code in RefusalCode::ALL {
            let refusal = Refusal::new(code, "facts").with_next(SequenceNumber::new(7));
            let problem =
                Problem::parse(&Problem::of_refusal(&refusal, Some(3)).to_bytes()).unwrap();
            assert_eq!(problem.refusal(), Some(refusal));
            assert_eq!(
                (problem.status(), problem.position()),
                (code.status(), Some(3))
            );
        }
    }

    #[test]
    fn foreign_documents_are_read_and_bounded() {
        let problem =
            Problem::parse(br#"{"type":"about:blank","title":"No","status":503}"#).unwrap();
        assert_eq!((problem.refusal(), problem.name()), (None, "about:blank"));
        assert!(Problem::parse(b"[]").is_err());
        assert!(Problem::parse(&vec![b' '; limit::PROBLEM_BYTES + 1]).is_err());
        assert_eq!(
            Refusal::new(RefusalCode::Fork, "ä".repeat(2_000))
                .detail()
                .len(),
            1_024
        );
    }
}
