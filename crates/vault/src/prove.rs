//! Proof files: one record, or parts of it, shown to somebody who has nothing but the file and the
//! archive's fingerprint (docs/spec/proof.md).

use std::io;

use canonical::CanonicalError;
use minicbor::{Decode, Encode};
use record::{Attachment, Body, Envelope, Original, Participants, Record};
use seal::{OpenedRecord, SealedAttachment, StreamOpener, StreamPlace};
use tlog::{LogIndex, LogProof, Prover, SignedCheckpoint, Verdict};
use wire::commitment::PartLeaf;
use wire::proof_file::{
    ControlProof, ProofFault, ProofFile, ProofFileError, ProvenRecord, Shown, ShownRecord,
};
use wire::verify::{VerifiedEntry, receipt};
use wire::{ArchiveId, Genesis, ObjectHash, PartPosition};

use crate::chain::MirrorTiles;
use crate::mirror::Mirror;

/// Largest attachment that goes into a proof file, in bytes.
const MAX_ATTACHMENT: u64 = 256 << 20;

/// What is shown of a record. Whatever is not named is withheld: its bytes are not in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Positions of parts: 0 envelope, 1 participants, 2 body, 3 original, 4… attachments.
    pub parts: Vec<u32>,
    /// Attachments whose sealed bytes go along, from 0; their parts are shown too.
    pub attachments: Vec<u32>,
}

/// Why no proof file was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// There is no such part.
    #[error("the record has no part {0}")]
    NoPart(String),
    /// The attachment's bytes are not held, or are too large for a file.
    #[error("attachment {0} is not held, or too large for a proof file")]
    Attachment(u32),
    /// The mirror can not be read.
    #[error("reading the mirror")]
    Mirror(#[from] io::Error),
    /// The log's tiles do not lead to the checkpoint.
    #[error("proving inclusion from the mirror's tiles")]
    Inclusion(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The parts do not make a proof file.
    #[error("putting the proof file together")]
    File(#[source] ProofFileError),
}

impl Choice {
    /// Reads names of parts: `envelope`, `participants`, `body`, `original`, `attachment:0`, …
    ///
    /// # Errors
    ///
    /// Names the word that is none.
    pub fn parse(names: &[String], attachments: &[u32]) -> Result<Self, ProveError> {
        let mut choice = Self::default();
        for name in names {
            choice.parts.push(match name.as_str() {
                "envelope" => 0,
                "participants" => 1,
                "body" => 2,
                "original" => 3,
                other => other
                    .strip_prefix("attachment:")
                    .and_then(|index| index.parse::<u32>().ok())
                    .and_then(|index| index.checked_add(4))
                    .ok_or_else(|| ProveError::NoPart(other.to_owned()))?,
            });
        }
        for index in attachments {
            choice.parts.push(index.saturating_add(4));
            choice.attachments.push(*index);
        }
        Ok(choice)
    }
}

/// Makes the proof file of an opened record, under the mirror's newest checkpoint. `control` is
/// every control entry of the log, in order.
///
/// # Errors
///
/// When a part is not there, or the mirror does not give the proofs.
pub fn prove(
    genesis: &Genesis,
    mirror: &Mirror,
    checkpoint: &SignedCheckpoint,
    entry: &VerifiedEntry,
    opened: &OpenedRecord<'_>,
    control: &[&VerifiedEntry],
    choice: &Choice,
) -> Result<Vec<u8>, ProveError> {
    let mut parts = Vec::with_capacity(opened.parts().len());
    for wanted in &choice.parts {
        if usize::try_from(*wanted).map_or(true, |at| at >= opened.parts().len()) {
            return Err(ProveError::NoPart(part_name(*wanted)));
        }
    }
    for (at, bytes) in (0_u32..).zip(opened.parts()) {
        let position = PartPosition::new(at);
        let salt = opened
            .salt(position)
            .ok_or(ProveError::NoPart(part_name(at)))?;
        parts.push(if choice.parts.contains(&at) {
            Shown::Part(salt, bytes.to_vec())
        } else {
            Shown::Withheld(PartLeaf::of(opened.position(), position, &salt, bytes))
        });
    }
    let path = opened.path().ok_or(ProveError::NoPart("path".to_owned()))?;
    let record = ShownRecord::new(opened.position(), parts, &path);
    let mut prover = Prover::new(MirrorTiles(mirror), checkpoint.claimed().size());
    let mut included = |entry: &VerifiedEntry| {
        prover
            .inclusion(entry.index())
            .map_err(|error| ProveError::Inclusion(Box::new(error)))
    };
    let proof = receipt(
        entry.admitted_at(),
        entry.index(),
        included(entry)?,
        checkpoint.clone(),
    )
    .ok_or_else(|| ProveError::Inclusion("the time of admission does not fit".into()))?
    .to_string();
    let mut chain = Vec::with_capacity(control.len());
    for act in control {
        // Without extra bytes: the leaf tells the time, and nothing in the file goes unchecked.
        let proof = LogProof::new(act.index(), included(act)?, checkpoint.clone());
        chain.push(ControlProof {
            leaf: act.leaf_bytes(),
            proof: proof.to_string(),
        });
    }
    let mut attachments = Vec::new();
    for index in &choice.attachments {
        let stream = usize::try_from(*index)
            .ok()
            .and_then(|at| opened.attachments().get(at))
            .and_then(|sealed| sealed.stream.as_ref())
            .ok_or(ProveError::Attachment(*index))?;
        let bytes = mirror
            .read(&mirror.object_path(stream.object), MAX_ATTACHMENT)?
            .ok_or(ProveError::Attachment(*index))?;
        attachments.push(bytes);
    }
    ProofFile::new(
        genesis,
        entry.leaf_bytes(),
        proof,
        record,
        chain,
        attachments,
    )
    .map(|file| file.to_bytes())
    .map_err(ProveError::File)
}

/// What a proof file proves, and which parts it shows. Holds content: no `Display`.
pub struct ProofReport {
    /// The archive.
    pub archive: ArchiveId,
    /// Whether a fingerprint was given and is this archive's; `false`: none was given.
    pub archive_expected: bool,
    /// Log index of the entry.
    pub index: LogIndex,
    /// When the log admitted it, milliseconds since 1970.
    pub admitted_at: canonical::Milliseconds,
    /// Who cosigned the checkpoint, and whether that suffices.
    pub verdict: Verdict,
    /// Whether every act of the control chain up to the newest shown one is in the file.
    pub control_whole: bool,
    /// A later act shown says that the signer was compromised from this entry on or before.
    pub compromised_later: bool,
    /// Parts in order: name, and whether it is shown.
    pub parts: Vec<(String, bool)>,
    /// The envelope, if it is shown.
    pub envelope: Option<Envelope>,
    /// The participants, if they are shown.
    pub participants: Option<Participants>,
    /// The body, if it is shown.
    pub body: Option<Body>,
    /// The original, if it is shown and there is one.
    pub original: Option<Original>,
    /// Shown attachments: index, description, and the plain bytes where they go along.
    #[expect(
        clippy::type_complexity,
        reason = "three facts of one attachment, used once"
    )]
    pub attachments: Vec<(u32, Attachment, Option<zeroize::Zeroizing<Vec<u8>>>)>,
}

impl std::fmt::Debug for ProofReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProofReport({:?} at {})", self.archive, self.index)
    }
}

/// Which check of PROOF-1 failed (PROOF-3).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofRefused {
    /// Not a proof file.
    #[error("this is no proof file")]
    File(#[source] ProofFileError),
    /// A check of the log or of the commitments failed.
    #[error("the proof does not hold")]
    Fault(#[source] ProofFault),
    /// A shown part is not what it should be.
    #[error("the shown {part} is not readable")]
    Part {
        /// Name of the part.
        part: String,
        /// Why.
        #[source]
        source: CanonicalError,
    },
    /// RECORD-3: the body is of another kind than the envelope says.
    #[error("the body is of another kind than the envelope says")]
    Kind,
    /// RECORD-1: the record id is not the one of its envelope.
    #[error("the record id does not fit the envelope")]
    Id,
    /// The shown parts together break a rule of records.
    #[error("the shown parts do not make a record")]
    Record(#[source] record::PartsError),
    /// An attachment that goes along belongs to no shown part, or does not open.
    #[error("attached object {0} does not open with a key that is shown")]
    Attachment(usize),
}

impl ProofRefused {
    /// Name of the failed check, for programs.
    #[must_use]
    pub fn check(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Fault(fault) => fault.check(),
            Self::Part { .. } => "part-form",
            Self::Kind => "kind",
            Self::Id => "record-id",
            Self::Record(_) => "record",
            Self::Attachment(_) => "attachment",
        }
    }
}

/// PROOF-1, PROOF-2: verifies a proof file from its own bytes; no network, no key, no clock.
/// `fingerprint` is the archive's, if the reader was given one.
///
/// # Errors
///
/// Names the first check that failed (PROOF-3).
pub fn verify_proof(
    bytes: &[u8],
    fingerprint: Option<ArchiveId>,
) -> Result<ProofReport, ProofRefused> {
    let file = ProofFile::parse(bytes).map_err(ProofRefused::File)?;
    let proven = file.verify(fingerprint).map_err(ProofRefused::Fault)?;
    let shown: Vec<Option<&[u8]>> = proven.parts().collect();
    let envelope: Option<Envelope> = part(&shown, 0)?;
    let participants: Option<Participants> = part(&shown, 1)?;
    let body: Option<Body> = part(&shown, 2)?;
    let original = match shown.get(3).copied().flatten() {
        None | Some([]) => None,
        Some(_) => part::<Original>(&shown, 3)?,
    };
    if let Some(envelope) = &envelope {
        if envelope.computed_id() != envelope.id() {
            return Err(ProofRefused::Id);
        }
        if body
            .as_ref()
            .is_some_and(|body| body.content.kind() != envelope.kind())
        {
            return Err(ProofRefused::Kind);
        }
    }
    let mut sealed = Vec::new();
    for at in 4..shown.len() {
        if let Some(found) = part::<SealedAttachment>(&shown, at)? {
            sealed.push((u32::try_from(at - 4).unwrap_or(u32::MAX), found));
        }
    }
    whole_record(&shown, &sealed)?;
    let mut attachments: Vec<_> = sealed
        .iter()
        .map(|(index, sealed)| (*index, sealed.attachment.clone(), None))
        .collect();
    for (place, object) in proven.attachments().enumerate() {
        let plain = open_along(&proven, envelope.as_ref(), &sealed, object)
            .ok_or(ProofRefused::Attachment(place))?;
        if let Some(slot) = attachments
            .iter_mut()
            .find(|(index, _, bytes)| *index == plain.0 && bytes.is_none())
        {
            slot.2 = Some(plain.1);
        }
    }
    Ok(ProofReport {
        archive: proven.archive(),
        archive_expected: proven.archive_expected(),
        index: proven.entry().index(),
        admitted_at: proven.entry().admitted_at().time(),
        verdict: proven.entry().verdict().clone(),
        control_whole: proven.entry().control().whole,
        compromised_later: proven.entry().compromised_later(),
        parts: (0_u32..)
            .zip(&shown)
            .map(|(at, part)| (part_name(at), part.is_some()))
            .collect(),
        envelope,
        participants,
        body,
        original,
        attachments,
    })
}

/// Where everything is shown, all rules of records are checked.
fn whole_record(
    shown: &[Option<&[u8]>],
    sealed: &[(u32, SealedAttachment)],
) -> Result<(), ProofRefused> {
    let whole: Option<Vec<&[u8]>> = shown.iter().copied().collect();
    let Some(whole) = whole else { return Ok(()) };
    let Some((first, _)) = whole.split_first_chunk::<4>() else {
        return Ok(());
    };
    let described = sealed
        .iter()
        .map(|(_, sealed)| sealed.attachment.clone())
        .collect();
    Record::from_parts(*first, described)
        .map(drop)
        .map_err(ProofRefused::Record)
}

fn open_along(
    proven: &ProvenRecord,
    envelope: Option<&Envelope>,
    sealed: &[(u32, SealedAttachment)],
    object: &[u8],
) -> Option<(u32, zeroize::Zeroizing<Vec<u8>>)> {
    let hash = ObjectHash::from_bytes(canonical::sha256(object));
    let (index, found) = sealed.iter().find(|(_, sealed)| {
        sealed
            .stream
            .as_ref()
            .is_some_and(|stream| stream.object == hash)
    })?;
    let place = StreamPlace {
        archive: proven.archive(),
        record: envelope?.id(),
        index: *index,
    };
    let expected = (found.attachment.size, found.attachment.sha256);
    let mut opener = StreamOpener::new(&place, found.stream.as_ref()?, Some(expected)).ok()?;
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(object.len()));
    let mut rest = object;
    while !rest.is_empty() {
        let step = opener.push(rest).ok()?;
        plain.extend_from_slice(step.ready);
        rest = rest.get(step.taken..)?;
    }
    plain.extend_from_slice(&opener.finish().ok()?);
    Some((*index, plain))
}

fn part<T>(shown: &[Option<&[u8]>], at: usize) -> Result<Option<T>, ProofRefused>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let Some(bytes) = shown.get(at).copied().flatten() else {
        return Ok(None);
    };
    canonical::from_bytes(bytes)
        .map(Some)
        .map_err(|source| ProofRefused::Part {
            part: part_name(u32::try_from(at).unwrap_or(u32::MAX)),
            source,
        })
}

fn part_name(at: u32) -> String {
    match at {
        0 => "envelope".to_owned(),
        1 => "participants".to_owned(),
        2 => "body".to_owned(),
        3 => "original".to_owned(),
        other => format!("attachment:{}", other - 4),
    }
}
