//! The witness's decision (C2SP tlog-witness).

use std::collections::BTreeMap;

use crate::add_checkpoint::AddCheckpoint;
use crate::checkpoint::{Origin, VerifiedCheckpoint};
use crate::cosignature::CosignedAt;
use crate::hash::{Hash, TreeSize};
use crate::key::VerifierKey;
use crate::note::SignatureLine;
use crate::signer::CosignerKey;

/// What a witness remembers of a log: the largest tree that it has cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenHead {
    size: TreeSize,
    root: Hash,
}

impl SeenHead {
    /// Takes up what was stored.
    pub fn new(size: TreeSize, root: Hash) -> Self {
        Self { size, root }
    }

    /// What is remembered of a log that was never cosigned: the empty tree.
    pub fn nothing() -> Self {
        Self {
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
        }
    }

    /// How many leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.root
    }
}

/// What a witness does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Cosign: 200 with the line, *after* `head` is durable in place of what was stored.
    Cosign {
        /// The cosignature.
        line: SignatureLine,
        /// What to remember from now on.
        head: SeenHead,
        /// The checkpoint, the log's signature verified.
        checkpoint: Box<VerifiedCheckpoint>,
    },
    /// The request begins from another size than the witness has: 409 with this size.
    Conflict {
        /// The size that the witness has.
        size: TreeSize,
    },
    /// No.
    Refuse(Refusal),
}

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No log of that origin is followed.
    #[error("no log of that origin is followed here")]
    UnknownOrigin,
    /// No key of the log has signed, or its signature is false.
    #[error("the checkpoint is not signed by the log's key")]
    NotSigned,
    /// The old size is above the checkpoint's.
    #[error("the old size is above the checkpoint's")]
    OldAboveNew,
    /// The proof does not lead from what was seen to the checkpoint: perhaps a fork.
    #[error("the consistency proof does not verify")]
    NotConsistent,
    /// The same size as was seen, with another root: a fork.
    #[error("a tree of that size was seen with another root")]
    Fork,
    /// The cosignature could not be made.
    #[error("the cosignature could not be made")]
    Signing,
}

impl Refusal {
    /// The HTTP status that tlog-witness gives to it.
    pub fn status(self) -> u16 {
        match self {
            Self::UnknownOrigin => 404,
            Self::NotSigned => 403,
            Self::OldAboveNew => 400,
            Self::NotConsistent => 422,
            Self::Fork => 409,
            Self::Signing => 500,
        }
    }
}

/// A witness: its key, and the logs that it follows. What it has seen of each is the caller's
/// to store, because it must be durable before a cosignature leaves.
#[derive(Debug)]
pub struct Witness {
    key: CosignerKey,
    logs: BTreeMap<Origin, Vec<VerifierKey>>,
}

impl Witness {
    /// A witness that follows no log yet.
    pub fn new(key: CosignerKey) -> Self {
        Self {
            key,
            logs: BTreeMap::new(),
        }
    }

    /// The key by which others verify its cosignatures.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Follows a log by its keys, in place of earlier keys.
    pub fn follow(&mut self, origin: Origin, log_keys: Vec<VerifierKey>) {
        self.logs.insert(origin, log_keys);
    }

    /// Decides on a request, given what is stored of the log whose origin the request claims
    /// ([`SeenHead::nothing`] if it was never cosigned). (TLOG-20)
    ///
    /// The caller reads `seen`, calls this and stores `head` in one transaction: two requests
    /// side by side would otherwise take the witness back. If we crash after storing and before
    /// answering, the log asks again, gets 409 with the new size, and goes on from there.
    pub fn decide(&self, seen: SeenHead, request: &AddCheckpoint, now: CosignedAt) -> Decision {
        match self.judge(seen, request, now) {
            Ok(decision) => decision,
            Err(refusal) => Decision::Refuse(refusal),
        }
    }

    fn judge(
        &self,
        seen: SeenHead,
        request: &AddCheckpoint,
        now: CosignedAt,
    ) -> Result<Decision, Refusal> {
        let origin = request.checkpoint().claimed().origin();
        let keys = self.logs.get(origin).ok_or(Refusal::UnknownOrigin)?;
        let checkpoint = request
            .checkpoint()
            .clone()
            .verify(origin, keys)
            .map_err(|_| Refusal::NotSigned)?;
        if request.old() > checkpoint.size() {
            return Err(Refusal::OldAboveNew);
        }
        if request.old() != seen.size {
            return Ok(Decision::Conflict { size: seen.size });
        }
        if seen.size == checkpoint.size() && seen.root != checkpoint.root() {
            return Err(Refusal::Fork);
        }
        request
            .proof()
            .verify(seen.size, seen.root, checkpoint.size(), checkpoint.root())
            .map_err(|_| Refusal::NotConsistent)?;
        let line = self
            .key
            .cosign(now, checkpoint.checkpoint())
            .map_err(|_| Refusal::Signing)?;
        let head = SeenHead {
            size: checkpoint.size(),
            root: checkpoint.root(),
        };
        Ok(Decision::Cosign {
            line,
            head,
            checkpoint: Box::new(checkpoint),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::add_checkpoint::{
        AddCheckpointError, MAX_ADD_CHECKPOINT_LEN, encode_conflict, encode_cosignatures,
        parse_conflict, parse_cosignatures,
    };
    use crate::proof::ConsistencyProof;
    use crate::testing::{Log, cosigner, seconds};

    struct Desk {
        log: Log,
        witness: Witness,
        seen: SeenHead,
    }

    impl Desk {
        fn new() -> Self {
            let log = Log::new(10, "log.example/a", 1);
            let mut witness = Witness::new(cosigner("witness.example/w", 9));
            witness.follow(log.origin(), vec![log.key()]);
            Self {
                log,
                witness,
                seen: SeenHead::nothing(),
            }
        }

        fn request(&self, old: u64, new: u64) -> AddCheckpoint {
            AddCheckpoint::new(
                TreeSize::new(old),
                self.log.consistency(old, new),
                self.log.checkpoint(new),
            )
        }

        fn ask(&self, request: &AddCheckpoint) -> Decision {
            self.witness
                .decide(self.seen, request, seconds(1_700_000_000))
        }

        fn cosigned(&mut self, old: u64, new: u64) -> SignatureLine {
            match self.ask(&self.request(old, new)) {
                Decision::Cosign { line, head, .. } => {
                    self.seen = head;
                    line
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// TLOG-20: a witness goes forward only, along what it has seen.
    #[test]
    fn tlog_20_follows_a_growing_log() {
        let mut desk = Desk::new();
        desk.cosigned(0, 3);
        desk.cosigned(3, 3);
        let line = desk.cosigned(3, 10);
        assert_eq!(
            desk.seen,
            SeenHead::new(TreeSize::new(10), desk.log.root(10))
        );

        let mut signed = desk.log.checkpoint(10);
        signed.add_signature(line).unwrap();
        let verified = signed
            .verify(&desk.log.origin(), &[desk.log.key()])
            .unwrap();
        assert_eq!(
            verified.cosigned_by(desk.witness.verifier()),
            Some(seconds(1_700_000_000))
        );

        for old in [0, 3, 9] {
            assert_eq!(
                desk.ask(&desk.request(old, 10)),
                Decision::Conflict {
                    size: TreeSize::new(10)
                }
            );
        }
        assert_eq!(
            desk.ask(&desk.request(3, 9)),
            Decision::Conflict {
                size: TreeSize::new(10)
            }
        );
    }

    /// TLOG-20: each refusal of tlog-witness, with its status.
    #[test]
    fn tlog_20_refusals() {
        let mut desk = Desk::new();
        desk.cosigned(0, 4);
        let refused = |decision: Decision, reason: Refusal, status: u16| {
            assert_eq!(decision, Decision::Refuse(reason));
            assert_eq!(reason.status(), status);
        };
        let other = Log::new(10, "log.example/b", 1);
        let foreign = AddCheckpoint::new(
            TreeSize::new(4),
            other.consistency(4, 10),
            other.checkpoint(10),
        );
        refused(desk.ask(&foreign), Refusal::UnknownOrigin, 404);

        let impostor = Log::new(10, "log.example/a", 2);
        let forged = AddCheckpoint::new(
            TreeSize::new(4),
            desk.log.consistency(4, 10),
            impostor.checkpoint(10),
        );
        refused(desk.ask(&forged), Refusal::NotSigned, 403);

        let back = AddCheckpoint::new(
            TreeSize::new(4),
            ConsistencyProof::default(),
            desk.log.checkpoint(3),
        );
        refused(desk.ask(&back), Refusal::OldAboveNew, 400);

        let unproved = AddCheckpoint::new(
            TreeSize::new(4),
            ConsistencyProof::default(),
            desk.log.checkpoint(10),
        );
        refused(desk.ask(&unproved), Refusal::NotConsistent, 422);

        let forked = Log::forked(10, "log.example/a", 1);
        let fork = AddCheckpoint::new(
            TreeSize::new(4),
            ConsistencyProof::default(),
            forked.checkpoint(4),
        );
        refused(desk.ask(&fork), Refusal::Fork, 409);
        let fork = AddCheckpoint::new(
            TreeSize::new(4),
            forked.consistency(4, 10),
            forked.checkpoint(10),
        );
        refused(desk.ask(&fork), Refusal::NotConsistent, 422);
    }

    /// TLOG-19: requests are read as they are written; damaged ones are not read.
    #[test]
    fn tlog_19_messages() {
        let mut desk = Desk::new();
        let request = desk.request(3, 10);
        let body = request.to_string();
        assert_eq!(AddCheckpoint::parse(body.as_bytes()).unwrap(), request);
        for bad in [
            body.replacen("old 3", "old 03", 1),
            body.replacen("old 3", "old", 1),
            body.replacen("old 3\n", "", 1),
            body.replacen("\n\n", "\n", 1),
            body.replacen("old 3\n", "old 3\nAAAA\n", 1),
            body.replacen('\n', "\r\n", 1),
        ] {
            assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let hash = format!("{}\n", Hash::empty_root().to_base64());
        let many = body.replacen("old 3\n", &format!("old 3\n{}", hash.repeat(60)), 1);
        assert_eq!(
            AddCheckpoint::parse(many.as_bytes()),
            Err(AddCheckpointError::TooManyHashes)
        );
        assert_eq!(
            AddCheckpoint::parse(&vec![b'o'; MAX_ADD_CHECKPOINT_LEN + 1]),
            Err(AddCheckpointError::TooLarge)
        );

        let line = desk.cosigned(0, 3);
        let answer = encode_cosignatures(std::slice::from_ref(&line));
        assert_eq!(parse_cosignatures(answer.as_bytes()).unwrap(), [line]);
        assert!(parse_cosignatures(b"").is_err());
        assert!(parse_cosignatures(b"hello\n").is_err());
        assert_eq!(
            parse_conflict(encode_conflict(TreeSize::MAX).as_bytes()),
            Some(TreeSize::MAX)
        );
        for bad in [
            &b""[..],
            b"\n",
            b"1",
            b"01\n",
            b"1\n\n",
            b"99999999999999999999\n",
        ] {
            assert_eq!(parse_conflict(bad), None);
        }
    }
}
