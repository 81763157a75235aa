//! What waits at a relay outside the log: enrolment requests under invitations (enrolment.md,
//! relay.md WAIT-1 to WAIT-5). The relay knows a public key and sealed bytes.

use canonical::{Milliseconds, define_id};
use minicbor::{Decode, Encode};

use crate::api::{AnswerError, parse_answer};
use crate::id::{ArchiveId, SequenceNumber, labelled};
use crate::key::{PublicKey, SignatureBytes, SignerKey};
use crate::{label, limit};

define_id!(
    RequestId,
    32,
    "Names a waiting enrolment request: the hash of its sealed bytes (ENROL-2)."
);

impl RequestId {
    /// ENROL-2: the id of a sealed request.
    #[must_use]
    pub fn of(sealed: &[u8]) -> Self {
        Self::from_bytes(labelled(label::ENROLMENT_REQUEST, sealed))
    }
}

/// What an invitation allows, as its owner opens it at the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationTerms {
    /// Everything under it is forgotten at this time.
    pub until: Milliseconds,
    /// How many agents it may enrol, 1 to 16 (ENROL-8).
    pub agents: u8,
}

/// How the owner answered a request. The relay's word only (ENROL-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum RequestState {
    /// Nobody has answered yet.
    #[n(0)]
    Waiting,
    /// An `enrol` act was logged.
    #[n(1)]
    Approved,
    /// It was refused.
    #[n(2)]
    Refused,
}

/// The answer of `GET /invitations/<key>`: what its holder may know.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InvitationAnswer {
    /// The archive's genesis, to be compared with the fingerprint (ENROL-7).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub genesis: Vec<u8>,
    /// When the invitation ends.
    #[n(1)]
    pub until: Milliseconds,
    /// The requests under it.
    #[n(2)]
    pub requests: Vec<RequestStanding>,
}

/// How one request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequestStanding {
    /// Which.
    #[n(0)]
    pub id: RequestId,
    /// How.
    #[n(1)]
    pub state: RequestState,
}

/// The answer of `GET /requests`: what waits, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequests(Vec<WaitingRequest>);

/// A request that waits. Its bytes are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WaitingRequest {
    /// The invitation's public key.
    #[n(0)]
    pub invitation: PublicKey,
    /// When the relay took it.
    #[n(1)]
    pub received: Milliseconds,
    /// The sealed request.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

impl InvitationAnswer {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// When it is too long, not canonical, or lists too many requests.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let answer: Self = parse_answer(bytes)?;
        if answer.requests.len() > limit::REQUESTS_IN_ANSWER {
            return Err(AnswerError::Count(answer.requests.len()));
        }
        Ok(answer)
    }
}

impl WaitingRequests {
    /// Of requests in the order in which they came.
    #[must_use]
    pub fn new(requests: Vec<WaitingRequest>) -> Self {
        Self(requests)
    }

    /// The requests.
    #[must_use]
    pub fn into_requests(self) -> Vec<WaitingRequest> {
        self.0
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(&self.0)
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// When it is too long, not canonical, or lists too many requests or too large ones.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let requests: Vec<WaitingRequest> = parse_answer(bytes)?;
        if requests.len() > limit::REQUESTS_IN_ANSWER {
            return Err(AnswerError::Count(requests.len()));
        }
        if let Some(large) = requests
            .iter()
            .find(|request| request.sealed.len() > limit::REQUEST_BYTES)
        {
            return Err(AnswerError::TooLarge(large.sealed.len()));
        }
        Ok(Self(requests))
    }
}

/// ENROL-3: the agent's key shows that it made this sealed request under this invitation.
#[must_use]
pub fn sign_possession(
    agent: &SignerKey,
    archive: &ArchiveId,
    invitation: &PublicKey,
    sealed: &[u8],
) -> SignatureBytes {
    agent.sign(&possession(archive, invitation, sealed))
}

/// ENROL-3: whether the agent's key made this sealed request.
#[must_use]
pub fn verify_possession(
    agent: &PublicKey,
    archive: &ArchiveId,
    invitation: &PublicKey,
    sealed: &[u8],
    signature: &SignatureBytes,
) -> bool {
    agent.verifies(&possession(archive, invitation, sealed), signature)
}

/// ENROL-3: the old key lets a new one continue its chain up to a number.
#[must_use]
pub fn sign_follows(
    old: &SignerKey,
    archive: &ArchiveId,
    new: &PublicKey,
    until: SequenceNumber,
) -> SignatureBytes {
    old.sign(&follows(archive, new, until))
}

/// ENROL-3: whether the old key lets the new one continue its chain.
#[must_use]
pub fn verify_follows(
    old: &PublicKey,
    archive: &ArchiveId,
    new: &PublicKey,
    until: SequenceNumber,
    signature: &SignatureBytes,
) -> bool {
    old.verifies(&follows(archive, new, until), signature)
}

fn possession(archive: &ArchiveId, invitation: &PublicKey, sealed: &[u8]) -> Vec<u8> {
    let mut message = label::ENROLMENT_POSSESSION.framed();
    message.extend_from_slice(archive.as_bytes());
    message.extend_from_slice(invitation.as_bytes());
    message.extend_from_slice(sealed);
    message
}

fn follows(archive: &ArchiveId, new: &PublicKey, until: SequenceNumber) -> Vec<u8> {
    let mut message = label::ENROLMENT_FOLLOWS.framed();
    message.extend_from_slice(archive.as_bytes());
    message.extend_from_slice(new.as_bytes());
    message.extend_from_slice(&until.get().to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SignerKey {
        SignerKey::from_seed(&[seed; 32]).unwrap()
    }

    /// ENROL-3
    #[test]
    fn enrol_3_a_request_is_the_keys_own_under_one_invitation() {
        let (agent, invitation, archive) = (key(1), key(2), ArchiveId::from_bytes([3; 32]));
        let signature = sign_possession(&agent, &archive, &invitation.public(), b"sealed");
        let holds =
            |agent: &SignerKey, archive: [u8; 32], invitation: &SignerKey, sealed: &[u8]| {
                verify_possession(
                    &agent.public(),
                    &ArchiveId::from_bytes(archive),
                    &invitation.public(),
                    sealed,
                    &signature,
                )
            };
        assert!(holds(&agent, [3; 32], &invitation, b"sealed"));
        assert!(!holds(&key(9), [3; 32], &invitation, b"sealed"));
        assert!(!holds(&agent, [4; 32], &invitation, b"sealed"));
        assert!(!holds(&agent, [3; 32], &key(9), b"sealed"));
        assert!(!holds(&agent, [3; 32], &invitation, b"sealee"));
    }

    #[test]
    fn enrol_3_the_old_key_names_the_new_one_and_the_number() {
        let (old, new, archive) = (key(1), key(2), ArchiveId::from_bytes([3; 32]));
        let until = SequenceNumber::new(7);
        let signature = sign_follows(&old, &archive, &new.public(), until);
        assert!(verify_follows(
            &old.public(),
            &archive,
            &new.public(),
            until,
            &signature
        ));
        assert!(!verify_follows(
            &old.public(),
            &archive,
            &new.public(),
            until.next(),
            &signature
        ));
        assert!(!verify_follows(
            &old.public(),
            &archive,
            &key(5).public(),
            until,
            &signature
        ));
        assert!(!verify_follows(
            &new.public(),
            &archive,
            &new.public(),
            until,
            &signature
        ));
    }

    #[test]
    fn wait_2_answers_are_bounded() {
        let request = WaitingRequest {
            invitation: key(1).public(),
            received: Milliseconds::new(5),
            sealed: vec![1; 10],
        };
        let answer = WaitingRequests::new(vec![request.clone(); 2]);
        assert_eq!(WaitingRequests::parse(&answer.to_bytes()).unwrap(), answer);
        let many = WaitingRequests::new(vec![request.clone(); limit::REQUESTS_IN_ANSWER + 1]);
        assert!(matches!(
            WaitingRequests::parse(&many.to_bytes()),
            Err(AnswerError::Count(_))
        ));
        let large = WaitingRequest {
            sealed: vec![1; limit::REQUEST_BYTES + 1],
            ..request
        };
        assert!(matches!(
            WaitingRequests::parse(&WaitingRequests::new(vec![large]).to_bytes()),
            Err(AnswerError::TooLarge(_))
        ));
        let standing = InvitationAnswer {
            genesis: vec![7; 40],
            until: Milliseconds::new(9),
            requests: vec![RequestStanding {
                id: RequestId::of(b"x"),
                state: RequestState::Refused,
            }],
        };
        assert_eq!(
            InvitationAnswer::parse(&standing.to_bytes()).unwrap(),
            standing
        );
    }
}
