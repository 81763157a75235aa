//! Sealed objects, streams, keyrings, shares.
//!
//! Objects are opened with the keys of `vectors/batch/`, for entries that follow the log there.

use std::convert::Infallible;
use std::sync::OnceLock;

use canonical::sha256;
use seal::keyring::{Keyring, WrappedSigningKey};
use seal::{
    AuditEvent, ForGovernance, ForMail, ForRecords, Invitation, Mail, OpeningKey, SealedAttachment,
    SealedShare, Share, ShareRequest, Stream, StreamKey, StreamOpener, StreamPlace,
};
use tlog::{
    Checkpoint, ConsistencyProof, Frontier, Hash, KeyName, LogSigner, Origin, Policy, SigningSeed,
};
use wire::authority::{Admitted, Past};
use wire::verify::{Follower, ReadLeaf, VerifiedEntry};
use wire::{
    ArchiveId, Body, Genesis, Leaf, ObjectHash, ObjectLength, Seen, SequenceNumber, SignerId,
};

use crate::same;

/// The log of the vectors, and the keys that open what stands behind it.
struct World {
    leaves: Vec<Vec<u8>>,
    signer: LogSigner,
    origin: Origin,
    genesis: Genesis,
    policy: Policy,
    records: Vec<OpeningKey<ForRecords>>,
    governance: OpeningKey<ForGovernance>,
    mail: OpeningKey<ForMail>,
}

fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(make_world).as_ref()
}

/// Whom the log of the vectors trusts.
pub(crate) fn policy() -> Option<&'static Policy> {
    world().map(|world| &world.policy)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()
}

fn key(vector: &str) -> Option<[u8; 32]> {
    let vector: serde_json::Value = serde_json::from_str(vector).ok()?;
    hex(vector.get("opening_key")?.as_str()?)?.try_into().ok()
}

fn make_world() -> Option<World> {
    let log: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/batch/archive.json")).ok()?;
    let leaves = log.get("leaves")?.as_array()?;
    let leaves: Vec<Vec<u8>> = leaves
        .iter()
        .map(|leaf| hex(leaf.as_str()?))
        .collect::<Option<_>>()?;
    let seed = hex(log.get("log_seed")?.as_str()?)?.try_into().ok()?;
    let first = Leaf::parse(leaves.first()?).ok()?.into_entry();
    let Body::Genesis(genesis) = first.body() else {
        return None;
    };
    let origin = genesis.archive_id().origin();
    Some(World {
        leaves,
        signer: LogSigner::new(KeyName::new(&origin).ok()?, &SigningSeed::from_bytes(seed)).ok()?,
        origin: Origin::new(&origin).ok()?,
        policy: genesis.log_policy(genesis.witnesses()).ok()?,
        genesis: Genesis::parse(&genesis.to_bytes()).ok()?,
        records: [
            include_str!("../../vectors/batch/attachments.json"),
            include_str!("../../vectors/carry/three_of_seven.json"),
        ]
        .into_iter()
        .filter_map(key)
        .map(|key| OpeningKey::from_seed(&key))
        .collect(),
        governance: OpeningKey::from_seed(&key(include_str!(
            "../../vectors/audit/three_events.json"
        ))?),
        mail: OpeningKey::from_seed(&key(include_str!("../../vectors/mail/plan.json"))?),
    })
}

struct NoPast;

impl Past for NoPast {
    type Error = Infallible;

    fn admitted(&self, _: &SignerId, _: SequenceNumber) -> Result<Option<Admitted>, Infallible> {
        Ok(None)
    }

    fn agrees(&self, _: &Seen) -> Result<bool, Infallible> {
        Ok(false)
    }
}

impl World {
    /// Follows the log with one more leaf, and gives that leaf's entry.
    fn follow(&self, leaf: &[u8]) -> Option<VerifiedEntry> {
        let mut frontier = Frontier::empty();
        let leaves = || self.leaves.iter().map(Vec::as_slice).chain([leaf]);
        for leaf in leaves() {
            frontier.append(Hash::leaf(leaf));
        }
        let checkpoint = Checkpoint::new(self.origin.clone(), frontier.size(), frontier.root());
        let note = self.signer.sign(checkpoint).ok()?.note().to_string();
        let follower = Follower::new(self.genesis.clone());
        let nothing = || ConsistencyProof::from_hashes(Vec::new());
        let accepted = follower.accept(note.as_bytes(), &nothing()?).ok()?;
        let mut run = follower.follow(accepted);
        for leaf in leaves() {
            run = run.leaf(ReadLeaf::parse(leaf).ok()?, &NoPast).ok()?;
        }
        run.settle(&nothing()?)
            .ok()?
            .entries
            .into_iter()
            .next_back()
    }
}

/// Leaf and object, framed as a bundle.
fn logged(data: &[u8]) -> Option<(&'static World, VerifiedEntry, &[u8])> {
    let parts = tlog::decode_bundle(data).ok()?;
    let [leaf, object] = parts.as_slice() else {
        return None;
    };
    let world = world()?;
    Some((world, world.follow(leaf)?, object))
}

/// A sealed batch behind its leaf: opened, and every record of it read.
pub fn sealed_batch(data: &[u8]) {
    let Some((world, entry, object)) = logged(data) else {
        return;
    };
    for key in &world.records {
        if let Ok(opened) = seal::open_batch(key, &entry, object) {
            for record in opened.records() {
                let _ = record;
            }
        }
    }
}

/// A sealed audit or governance object behind its leaf.
pub fn sealed_acts(data: &[u8]) {
    if let Some((world, entry, object)) = logged(data) {
        let _ = seal::open_acts(&world.governance, &entry, object);
    }
}

/// Sealed mail behind its leaf.
pub fn sealed_mail(data: &[u8]) {
    if let Some((world, entry, object)) = logged(data) {
        let _ = seal::open_mail(&world.mail, &entry, object);
    }
}

/// An attachment as a batch commits to it.
pub fn sealed_attachment(data: &[u8]) {
    if let Ok(attachment) = canonical::from_bytes::<SealedAttachment>(data) {
        same(&canonical::to_bytes(&attachment), data);
    }
}

/// An event of the audit trail.
pub fn audit_event(data: &[u8]) {
    let _ = AuditEvent::from_bytes(data);
}

/// Mail, opened.
pub fn mail(data: &[u8]) {
    if let Ok(mail) = canonical::from_bytes::<Mail>(data) {
        same(&canonical::to_bytes(&mail), data);
    }
}

/// A sealed stream under the key of `vectors/stream/one_byte.json`; the first byte says in which
/// pieces it comes.
pub fn stream(data: &[u8]) {
    let Some((pieces, object)) = data.split_first() else {
        return;
    };
    let Some(key) = hex("1309ac3f4e41512820fbf259ae492bb686480eb4a7f5fa4bbc38215266ad984c")
        .and_then(|key| <[u8; 32]>::try_from(key).ok())
    else {
        return;
    };
    let place = StreamPlace {
        archive: ArchiveId::from_bytes([0xa0; 32]),
        record: record::RecordId::from_bytes([0x0a; 32]),
        index: 3,
    };
    let stream = Stream {
        object: ObjectHash::from_bytes(sha256(object)),
        length: ObjectLength::new(object.len() as u64),
        key: StreamKey::from_bytes(&key),
    };
    let Ok(mut opener) = StreamOpener::new(&place, &stream, None) else {
        return;
    };
    for piece in object.chunks(usize::from(*pieces).max(1)) {
        let mut rest = piece;
        while !rest.is_empty() {
            let Ok(step) = opener.push(rest) else {
                return;
            };
            rest = rest.get(step.taken..).unwrap_or_default();
        }
    }
    let _ = opener.finish();
}

/// A keyring.
pub fn keyring(data: &[u8]) {
    if let Ok(keyring) = Keyring::from_bytes(data, None) {
        same(&keyring.to_bytes(), data);
    }
}

/// A wrapped signing key.
pub fn signing_key(data: &[u8]) {
    if let Ok(wrapped) = WrappedSigningKey::from_bytes(data) {
        same(&wrapped.to_bytes(), data);
    }
}

/// A share's bytes.
pub fn share(data: &[u8]) {
    if let Ok(share) = Share::from_bytes(data) {
        same(share.to_bytes().as_ref(), data);
    }
}

/// A share in words.
pub fn share_words(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(share) = Share::from_words(text) {
        assert!(
            Share::from_words(&share.to_words()).is_ok(),
            "not read again"
        );
    }
}

/// The text of a share's QR code.
pub fn share_qr(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(share) = Share::from_qr(text) {
        assert!(Share::from_qr(&share.to_qr()).is_ok(), "not read again");
    }
}

/// The line that invites a custodian.
pub fn invitation(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(invitation) = Invitation::from_text(text) {
        assert!(
            Invitation::from_text(&invitation.to_text()).is_ok(),
            "not read again"
        );
    }
}

/// What an unlock asks of a holder.
pub fn share_request(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(request) = ShareRequest::from_text(text) {
        assert!(
            ShareRequest::from_text(&request.to_text()).is_ok(),
            "not read again"
        );
    }
}

/// What a holder answers.
pub fn share_answer(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(share) = SealedShare::from_text(text) {
        assert!(
            SealedShare::from_text(&share.to_text()).is_ok(),
            "not read again"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_objects_of_the_corpus_open() {
        let world = world().unwrap();
        let mut opened = 0;
        for file in std::fs::read_dir("corpus/sealed_batch").unwrap() {
            let data = std::fs::read(file.unwrap().path()).unwrap();
            let (_, entry, object) = logged(&data).unwrap();
            opened += world
                .records
                .iter()
                .filter(|key| seal::open_batch(key, &entry, object).is_ok())
                .count();
        }
        assert!(opened >= 3, "{opened} of the corpus open");
    }
}
