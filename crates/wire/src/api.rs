//! The relay's HTTP interface: paths, and the bodies of requests and answers (relay.md).

use canonical::Milliseconds;
use minicbor::{Decode, Encode};
use tlog::{Bundle, LogIndex, Tile};

use crate::body::Body;
use crate::entry::{Entry, EntryError};
use crate::id::{ArchiveId, ControlNumber, EntryId, ObjectHash, SequenceNumber, SignerId};
use crate::key::PublicKey;
use crate::leaf::{Leaf, LeafError};
use crate::limit;
use crate::log_codec::log_index;
use crate::refusal::{Refusal, RefusalCode, shortened};
use crate::waiting::{InvitationTerms, RequestId, RequestState};

/// Media type of canonical CBOR bodies.
pub const CBOR_TYPE: &str = "application/cbor";
/// Media type of bundles and objects.
pub const BYTES_TYPE: &str = "application/octet-stream";
/// Media type of checkpoints.
pub const TEXT_TYPE: &str = "text/plain; charset=utf-8";
/// Header with the number of bytes that an upload has so far.
pub const UPLOAD_OFFSET: &str = "Upload-Offset";
/// Header with the number of bytes that an upload will have.
pub const UPLOAD_LENGTH: &str = "Upload-Length";
/// Header that tells whether an upload is complete: `?1` or `?0`.
pub const UPLOAD_COMPLETE: &str = "Upload-Complete";

/// What a path of one archive names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// `POST`: submit entries.
    Entries,
    /// `GET`, `HEAD`, `PATCH`: a sealed object.
    Object(ObjectHash),
    /// `GET`: the latest checkpoint.
    Checkpoint,
    /// `GET`: a tile of hashes.
    Tile(Tile),
    /// `GET`: an entry bundle.
    Bundle(Bundle),
    /// `GET`: control entries from that number on.
    Control(ControlNumber),
    /// `GET`: the state of a signer's chain.
    Signer(SignerId),
    /// `GET`: the newest `stored` entry.
    Stored,
    /// `GET`: the newest `head` entry.
    Head,
    /// `GET`: mail entries addressed to the caller, from that log index on (MAIL-1).
    Mail(LogIndex),
    /// `GET`, `DELETE`: an invitation, by its public key (WAIT-1).
    Invitation(PublicKey),
    /// `PUT`: opens an invitation on these terms.
    OpenInvitation(PublicKey, InvitationTerms),
    /// `PUT`: a sealed enrolment request under an invitation.
    Request(PublicKey, RequestId),
    /// `DELETE`: answers a request.
    AnswerRequest(PublicKey, RequestId, RequestState),
    /// `GET`: what waits for the owner.
    Requests,
}

impl Route {
    /// Path and query, as they are requested and signed.
    #[must_use]
    pub fn target(&self, archive: &ArchiveId) -> String {
        format!("/v1/{archive}/{}", self.tail())
    }

    fn tail(&self) -> String {
        match self {
            Self::Entries => "entries".to_owned(),
            Self::Object(hash) => format!("objects/{hash}"),
            Self::Checkpoint => "checkpoint".to_owned(),
            Self::Tile(tile) => tile.path(),
            Self::Bundle(bundle) => bundle.path(),
            Self::Control(from) => format!("control?from={from}"),
            Self::Signer(signer) => format!("signers/{signer}"),
            Self::Stored => "stored".to_owned(),
            Self::Head => "head".to_owned(),
            Self::Mail(from) => format!("mail?from={}", from.get()),
            Self::Invitation(key) => format!("invitations/{key}"),
            Self::OpenInvitation(key, terms) => format!(
                "invitations/{key}?until={}&agents={}",
                terms.until, terms.agents
            ),
            Self::Request(key, request) => format!("invitations/{key}/{request}"),
            Self::AnswerRequest(key, request, state) => {
                format!("invitations/{key}/{request}?answer={}", answer_name(*state))
            }
            Self::Requests => "requests".to_owned(),
        }
    }

    /// Reads path and query; refuses every other spelling than that of [`target`](Self::target).
    #[must_use]
    pub fn parse(target: &str) -> Option<(ArchiveId, Self)> {
        let (archive, tail) = target.strip_prefix("/v1/")?.split_once('/')?;
        let archive: ArchiveId = archive.parse().ok()?;
        let route = match tail {
            "entries" => Self::Entries,
            "checkpoint" => Self::Checkpoint,
            "stored" => Self::Stored,
            "head" => Self::Head,
            "requests" => Self::Requests,
            _ if tail.starts_with("mail?") => Self::Mail(parse_mail(tail)?),
            _ if tail.starts_with("invitations/") => parse_invitation(tail)?,
            _ if tail.starts_with("control?") => Self::Control(parse_control(tail)?),
            _ => match tail.split_once('/')? {
                ("objects", hash) => Self::Object(hash.parse().ok()?),
                ("signers", signer) => Self::Signer(signer.parse().ok()?),
                ("tile", _) => match Tile::parse_path(tail) {
                    Some(tile) => Self::Tile(tile),
                    None => Self::Bundle(Bundle::parse_path(tail)?),
                },
                _ => return None,
            },
        };
        Some((archive, route))
    }
}

/// Frames entries for `POST /entries`: 1 to 64, each behind its length as 16-bit big-endian.
///
/// # Errors
/// When there are none or too many.
pub fn write_bundle(entries: &[Entry]) -> Result<Vec<u8>, PostError> {
    if entries.is_empty() || entries.len() > limit::BUNDLE_ENTRIES {
        return Err(PostError::Count(entries.len()));
    }
    let bytes: Vec<&[u8]> = entries.iter().map(Entry::as_bytes).collect();
    tlog::encode_bundle(&bytes).map_err(PostError::Framing)
}

/// Takes a posted bundle apart: 1 to 64 entries, not read yet. Each is read with [`Entry::parse`],
/// and compared with the one before by [`check_order`].
///
/// # Errors
/// When the framing is broken or there are none or too many.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, PostError> {
    if bytes.len() > limit::BUNDLE_BYTES {
        return Err(PostError::TooLarge(bytes.len()));
    }
    if bytes.is_empty() {
        return Err(PostError::Count(0));
    }
    let entries = tlog::decode_bundle(bytes).map_err(PostError::Framing)?;
    if entries.len() > limit::BUNDLE_ENTRIES {
        return Err(PostError::Count(entries.len()));
    }
    Ok(entries)
}

/// A posted bundle has entries of one signer in ascending order.
///
/// # Errors
/// `malformed` when `next` has another signer than `before`, or not a greater number.
pub fn check_order(before: &Entry, next: &Entry) -> Result<(), Refusal> {
    if before.signer() == next.signer() && before.number() < next.number() {
        Ok(())
    } else {
        Err(Refusal::new(
            RefusalCode::Malformed,
            "the entries are not of one signer in ascending order",
        ))
    }
}

/// Why bytes are no posted bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// More bytes than 64 entries take.
    #[error("the bundle has {0} bytes, more than it may")]
    TooLarge(usize),
    /// None, or more than 64.
    #[error("the bundle has {0} entries, not 1 to 64")]
    Count(usize),
    /// Lengths and bytes do not fit.
    #[error("the bundle's framing is broken")]
    Framing(#[source] tlog::BundleError),
}

impl PostError {
    /// The refusal that a relay answers with.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::new(RefusalCode::Malformed, self.to_string())
    }
}

/// RELAY-1: the answer to `POST /entries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAnswer {
    receipts: Vec<String>,
    refusal: Option<Refusal>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct PostAnswerForm {
    #[n(0)]
    receipts: Vec<String>,
    #[n(1)]
    problem: Option<ProblemForm>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct ProblemForm {
    #[n(0)]
    code: RefusalCode,
    #[n(1)]
    detail: String,
    #[n(2)]
    next: Option<SequenceNumber>,
}

/// Why bytes are no answer of a relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Longer than any answer.
    #[error("the answer has {0} bytes, more than it may")]
    TooLarge(usize),
    /// Not canonical, or not this structure.
    #[error("the answer is not understood")]
    Encoding(#[source] canonical::CanonicalError),
    /// More items than one answer has.
    #[error("the answer has {0} items, more than it may")]
    Count(usize),
}

impl PostAnswer {
    /// Receipts of the admitted entries in order, and the refusal of the first that was not.
    #[must_use]
    pub fn new(receipts: Vec<String>, refusal: Option<Refusal>) -> Self {
        Self { receipts, refusal }
    }

    /// The receipts, each a tlog-proof, to be verified.
    #[must_use]
    pub fn receipts(&self) -> &[String] {
        &self.receipts
    }

    /// Why the entry after the last receipted one was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(&PostAnswerForm {
            receipts: self.receipts.clone(),
            problem: self.refusal.as_ref().map(|refusal| ProblemForm {
                code: refusal.code(),
                detail: refusal.detail().to_owned(),
                next: refusal.next(),
            }),
        })
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// When it is too long, not canonical, or has too many receipts.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let form: PostAnswerForm = parse_answer(bytes)?;
        if form.receipts.len() > limit::BUNDLE_ENTRIES {
            return Err(AnswerError::Count(form.receipts.len()));
        }
        let refusal = form.problem.map(|problem| {
            let refusal = Refusal::new(problem.code, shortened(problem.detail));
            match problem.next {
                Some(next) => refusal.with_next(next),
                None => refusal,
            }
        });
        Ok(Self {
            receipts: form.receipts,
            refusal,
        })
    }
}

/// A leaf with its proof: an item of `GET /control`, and the answer of `GET /stored`. Not verified.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LoggedLeaf {
    /// Where the relay says that it stands.
    #[cbor(n(0), with = "log_index")]
    pub index: LogIndex,
    /// The leaf's bytes ([`Leaf::parse`]).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub leaf: Vec<u8>,
    /// Its tlog-proof.
    #[n(2)]
    pub proof: String,
}

impl LoggedLeaf {
    /// Canonical bytes: the answer of `GET /stored`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Reads the answer of `GET /stored`.
    ///
    /// # Errors
    /// When it is too long or not canonical.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        parse_answer(bytes)
    }

    /// The leaf, read.
    ///
    /// # Errors
    /// When it is no leaf.
    pub fn read(&self) -> Result<Leaf, LeafError> {
        Leaf::parse(&self.leaf)
    }
}

/// The answer of `GET /control`: control entries in the order of their numbers, at most 256. Not
/// verified.
pub type ControlPage = Page<{ limit::CONTROL_ENTRIES }>;

/// The answer of `GET /mail`: mail entries addressed to the caller, in the log's order, at most 64
/// (MAIL-1). Not verified.
pub type MailPage = Page<{ limit::MAIL_ENTRIES }>;

/// Leaves in order with their proofs, at most `MOST`. Not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<const MOST: usize>(Vec<LoggedLeaf>);

impl<const MOST: usize> Page<MOST> {
    /// A page of entries in order.
    #[must_use]
    pub fn new(entries: Vec<LoggedLeaf>) -> Self {
        Self(entries)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[LoggedLeaf] {
        &self.0
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(&self.0)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When it is too long, not canonical, or has more than `MOST` entries.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let entries: Vec<LoggedLeaf> = parse_answer(bytes)?;
        if entries.len() > MOST {
            return Err(AnswerError::Count(entries.len()));
        }
        Ok(Self(entries))
    }
}

/// The answer of `GET /signers/<id>`: where the signer's chain stands. What the relay says, unproved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignerAnswer {
    /// The number of its next entry.
    #[n(0)]
    pub next: SequenceNumber,
    /// The id of its newest admitted entry.
    #[n(1)]
    pub last: Option<EntryId>,
}

impl SignerAnswer {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// When it is too long or not canonical.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        parse_answer(bytes)
    }
}

/// `control?from=N`, where N has no sign and no leading zeroes.
fn parse_control(tail: &str) -> Option<ControlNumber> {
    let number = ControlNumber::new(tail.strip_prefix("control?from=")?.parse().ok()?);
    (Route::Control(number).tail() == tail).then_some(number)
}

/// `mail?from=N`, where N has no sign and no leading zeroes.
fn parse_mail(tail: &str) -> Option<LogIndex> {
    let index = LogIndex::new(tail.strip_prefix("mail?from=")?.parse().ok()?);
    (Route::Mail(index).tail() == tail).then_some(index)
}

/// The calls about invitations; each has one spelling.
fn parse_invitation(tail: &str) -> Option<Route> {
    let (path, query) = match tail.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (tail, None),
    };
    let path = path.strip_prefix("invitations/")?;
    let route = match (path.split_once('/'), query) {
        (None, None) => Route::Invitation(path.parse().ok()?),
        (None, Some(query)) => {
            let (until, agents) = query.strip_prefix("until=")?.split_once("&agents=")?;
            let terms = InvitationTerms {
                until: Milliseconds::new(until.parse().ok()?),
                agents: agents.parse().ok()?,
            };
            Route::OpenInvitation(path.parse().ok()?, terms)
        }
        (Some((key, request)), None) => Route::Request(key.parse().ok()?, request.parse().ok()?),
        (Some((key, request)), Some(query)) => {
            let name = query.strip_prefix("answer=")?;
            let state = [RequestState::Approved, RequestState::Refused]
                .into_iter()
                .find(|state| answer_name(*state) == name)?;
            Route::AnswerRequest(key.parse().ok()?, request.parse().ok()?, state)
        }
    };
    (route.tail() == tail).then_some(route)
}

fn answer_name(state: RequestState) -> &'static str {
    match state {
        RequestState::Waiting => "waiting",
        RequestState::Approved => "approved",
        RequestState::Refused => "refused",
    }
}

pub(crate) fn parse_answer<T>(bytes: &[u8]) -> Result<T, AnswerError>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    if bytes.len() > limit::ANSWER_BYTES {
        return Err(AnswerError::TooLarge(bytes.len()));
    }
    canonical::from_bytes(bytes).map_err(AnswerError::Encoding)
}

/// The control number of a control entry's leaf.
///
/// # Errors
/// When the leaf can not be read; `None` inside when it is another kind.
pub fn control_number(leaf: &[u8]) -> Result<Option<ControlNumber>, LeafError> {
    Ok(match Leaf::parse(leaf)?.entry().body() {
        Body::Control(control) => Some(control.number),
        Body::Genesis(_) => Some(ControlNumber::new(0)),
        _ => None,
    })
}

impl From<&EntryError> for Refusal {
    fn from(error: &EntryError) -> Self {
        error.refusal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_one_spelling() {
        let archive = ArchiveId::from_bytes([0xab; 32]);
        let routes = [
            Route::Entries,
            Route::Object(ObjectHash::from_bytes([1; 32])),
            Route::Checkpoint,
            Route::Tile(Tile::new(1, 1_234_067, 9).unwrap()),
            Route::Bundle(Bundle::new(3, 256).unwrap()),
            Route::Control(ControlNumber::new(12)),
            Route::Signer(SignerId::from_bytes([2; 32])),
            Route::Stored,
            Route::Head,
            Route::Mail(LogIndex::new(77)),
            Route::Invitation(PublicKey::from_bytes([4; 32])),
            Route::OpenInvitation(
                PublicKey::from_bytes([4; 32]),
                InvitationTerms {
                    until: Milliseconds::new(1_800_000_000_000),
                    agents: 16,
                },
            ),
            Route::Request(
                PublicKey::from_bytes([4; 32]),
                RequestId::from_bytes([5; 32]),
            ),
            Route::AnswerRequest(
                PublicKey::from_bytes([4; 32]),
                RequestId::from_bytes([5; 32]),
                RequestState::Refused,
            ),
            Route::Requests,
        ];
        for route in routes {
            let target = route.target(&archive);
            assert!(target.starts_with(&format!("/v1/{archive}/")));
            assert_eq!(Route::parse(&target), Some((archive, route)), "{target}");
            assert_eq!(Route::parse(&target.to_uppercase()), None);
            assert_eq!(Route::parse(&format!("{target}/")), None);
        }
        for foreign in ["", "/", "/v1/x/entries", "/v2/x", "/v1/../entries"] {
            assert_eq!(Route::parse(foreign), None);
        }
        let control = |query: &str| Route::parse(&format!("/v1/{archive}/control?from={query}"));
        for odd in ["", "01", "+1", "-1", "1&x", "18446744073709551616"] {
            assert_eq!(control(odd), None, "{odd}");
        }
    }

    #[test]
    fn relay_1_answers_survive_and_are_bounded() {
        let refusal =
            Refusal::new(RefusalCode::OutOfSequence, "later").with_next(SequenceNumber::new(4));
        for refusal in [None, Some(refusal)] {
            let answer = PostAnswer::new(vec!["a".to_owned(), "b".to_owned()], refusal);
            assert_eq!(PostAnswer::parse(&answer.to_bytes()).unwrap(), answer);
        }
        let many = PostAnswer::new(vec![String::new(); limit::BUNDLE_ENTRIES + 1], None);
        assert!(matches!(
            PostAnswer::parse(&many.to_bytes()),
            Err(AnswerError::Count(65))
        ));
        assert!(matches!(
            PostAnswer::parse(b"\xa1"),
            Err(AnswerError::Encoding(_))
        ));

        let leaf = LoggedLeaf {
            index: LogIndex::new(5),
            leaf: vec![1, 2],
            proof: "p".to_owned(),
        };
        assert_eq!(LoggedLeaf::parse(&leaf.to_bytes()).unwrap(), leaf);
        assert_eq!(leaf.to_bytes(), b"\x83\x05\x42\x01\x02\x61p");
        let page = ControlPage::new(vec![leaf.clone(); 256]);
        assert_eq!(ControlPage::parse(&page.to_bytes()).unwrap(), page);
        let page = ControlPage::new(vec![leaf; 257]);
        assert!(matches!(
            ControlPage::parse(&page.to_bytes()),
            Err(AnswerError::Count(257))
        ));
        let signer = SignerAnswer {
            next: SequenceNumber::new(9),
            last: Some(EntryId::from_bytes([3; 32])),
        };
        assert_eq!(SignerAnswer::parse(&signer.to_bytes()).unwrap(), signer);
    }

    /// LIMIT-1.
    #[test]
    fn limit_1_bundles_are_bounded() {
        assert!(matches!(read_bundle(b""), Err(PostError::Count(0))));
        assert!(matches!(
            read_bundle(&[0, 0].repeat(65)),
            Err(PostError::Count(65))
        ));
        assert!(matches!(
            read_bundle(&[0, 2, 1]),
            Err(PostError::Framing(_))
        ));
        assert_eq!(read_bundle(&[0, 1, 7, 0, 0]).unwrap(), [&[7][..], &[]]);
        assert!(matches!(
            read_bundle(&vec![0; limit::BUNDLE_BYTES + 1]),
            Err(PostError::TooLarge(_))
        ));
    }
}
