//! Invitations and sealed enrolment requests (enrolment.md). Outside the log: what they carry is
//! believed only after the owner has signed an `enrol` act.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use canonical::{CanonicalError, Label, Milliseconds};
use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};
use wire::waiting::{RequestId, sign_possession, verify_follows, verify_possession};
use wire::{
    ArchiveId, PublicKey, SequenceNumber, SignatureBytes, SignerId, SignerKey, TlsIdentity,
    XWingKey,
};
use zeroize::Zeroizing;

use crate::label;
use crate::randomness::{Randomness, draw};

/// What an invitation's text begins with.
pub const INVITATION_PREFIX: &str = "greffe-invite:";
/// Longest text of an invitation, in characters.
const MAX_TEXT: usize = 1_024;
const MAX_RELAY: usize = 255;
const MAX_INVITER: usize = 100;
const MAX_NAME: usize = 200;
const MAX_LANGUAGE: usize = 35;
/// Bytes of every request before sealing (ENROL-1).
const PLAIN: usize = 4_096;
const SEALED: usize = PLAIN + 16;

/// The code of one invitation: a secret between the owner and whom it is for.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationCode(Zeroizing<[u8; 16]>);

/// Where to enrol, and what shows that one was invited (INVITE-1).
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The archive.
    pub archive: ArchiveId,
    /// The relay's address, `https://host:port`.
    pub relay: String,
    /// The pin of the relay's key.
    pub pin: TlsIdentity,
    /// The code.
    pub code: InvitationCode,
    /// When it ends.
    pub until: Milliseconds,
    /// Approved without a person.
    pub automatic: bool,
    /// Who invites, as people call it.
    pub inviter: Option<String>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct InvitationForm {
    #[n(0)]
    version: u64,
    #[n(1)]
    archive: ArchiveId,
    #[n(2)]
    relay: String,
    #[n(3)]
    pin: TlsIdentity,
    #[cbor(n(4), with = "minicbor::bytes")]
    code: [u8; 16],
    #[n(5)]
    until: Milliseconds,
    #[cbor(n(6), skip_if = "is_false", default)]
    automatic: bool,
    #[n(7)]
    inviter: Option<String>,
}

/// Why a text is no invitation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It does not begin as one, or is too long.
    #[error("it does not begin with {INVITATION_PREFIX}, or is longer than any")]
    Form,
    /// A character that base32 does not have.
    #[error("a character does not belong there")]
    Character,
    /// The checksum is another: mistyped or cut.
    #[error("the checksum differs: something was mistyped or cut off")]
    Checksum,
    /// The content is none.
    #[error("the content is not understood")]
    Encoding(#[source] CanonicalError),
    /// A version that this program does not know, or a text over its limit.
    #[error("version {0}, or a text that is too long")]
    Version(u64),
}

impl InvitationCode {
    /// A new code.
    #[must_use]
    pub fn generate(randomness: &mut dyn Randomness) -> Self {
        Self(Zeroizing::new(draw(randomness)))
    }

    /// From its bytes, which the caller wipes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the owner's own keeping.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// INVITE-2: the key that the relay knows the invitation by.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "every 32 bytes are a seed of an Ed25519 key"
    )]
    pub fn key(&self) -> SignerKey {
        SignerKey::from_seed(&self.derive(label::INVITATION_KEY)).expect("a seed")
    }

    fn sealing(&self) -> Option<LessSafeKey> {
        let key = self.derive(label::INVITATION_SEAL);
        UnboundKey::new(&AES_256_GCM, key.as_ref())
            .ok()
            .map(LessSafeKey::new)
    }

    fn derive(&self, label: Label) -> Zeroizing<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        let mut derived = Zeroizing::new([0; 32]);
        derived.copy_from_slice(hmac::sign(&key, &label.framed()).as_ref());
        derived
    }
}

impl Invitation {
    /// INVITE-1: the text, one line, to be pasted or scanned.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(canonical::to_bytes(&InvitationForm {
            version: 1,
            archive: self.archive,
            relay: self.relay.clone(),
            pin: self.pin,
            code: *self.code.0,
            until: self.until,
            automatic: self.automatic,
            inviter: self.inviter.clone(),
        }));
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        Zeroizing::new(format!(
            "{INVITATION_PREFIX}{}",
            BASE32_NOPAD.encode(&bytes)
        ))
    }

    /// Reads the text; white space and lower case are accepted.
    ///
    /// # Errors
    ///
    /// When it is none, was mistyped, or is over a limit.
    pub fn from_text(text: &str) -> Result<Self, InvitationError> {
        let text: Zeroizing<String> = Zeroizing::new(
            text.chars()
                .filter(|c| !c.is_whitespace())
                .take(MAX_TEXT + 1)
                .map(|c| c.to_ascii_uppercase())
                .collect(),
        );
        let prefix = INVITATION_PREFIX.to_ascii_uppercase();
        let digits = text
            .strip_prefix(&prefix)
            .filter(|_| text.len() <= MAX_TEXT)
            .ok_or(InvitationError::Form)?;
        let bytes = BASE32_NOPAD
            .decode(digits.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| InvitationError::Character)?;
        let (content, sum) = bytes
            .split_last_chunk::<4>()
            .ok_or(InvitationError::Checksum)?;
        if checksum(content) != *sum {
            return Err(InvitationError::Checksum);
        }
        let form: InvitationForm =
            canonical::from_bytes(content).map_err(InvitationError::Encoding)?;
        let inviter = form.inviter.as_ref().map_or(0, String::len);
        if form.version != 1 || form.relay.len() > MAX_RELAY || inviter > MAX_INVITER {
            return Err(InvitationError::Version(form.version));
        }
        Ok(Self {
            archive: form.archive,
            relay: form.relay,
            pin: form.pin,
            code: InvitationCode::from_bytes(form.code),
            until: form.until,
            automatic: form.automatic,
            inviter: form.inviter,
        })
    }
}

/// What a custodian agreed to.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Consent {
    /// SHA-256 of the text that was shown.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub text: [u8; 32],
    /// Its language (BCP 47).
    #[n(1)]
    pub language: String,
    /// When "yes" was said.
    #[n(2)]
    pub at: Milliseconds,
}

/// The chain that a new agent continues, with the old key's word for it (ENROL-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Follows {
    /// The old chain's signer.
    #[n(0)]
    pub signer: SignerId,
    /// The number up to which it counts.
    #[n(1)]
    pub until: SequenceNumber,
    /// The old key's signature.
    #[n(2)]
    pub signature: SignatureBytes,
}

/// An agent asks to be enrolled.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnrolmentRequest {
    #[n(0)]
    version: u64,
    /// Its public key.
    #[n(1)]
    pub key: PublicKey,
    /// The public half of its mailbox key.
    #[n(2)]
    pub mailbox: XWingKey,
    /// The custodian's name, as typed.
    #[n(3)]
    pub name: String,
    /// What the machine is called.
    #[n(4)]
    pub device: String,
    /// What was agreed to.
    #[n(5)]
    pub consent: Consent,
    /// When it was made.
    #[n(6)]
    pub at: Milliseconds,
    /// The chain that it continues.
    #[n(7)]
    pub follows: Option<Follows>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct SealedForm {
    #[n(0)]
    version: u64,
    #[n(1)]
    signature: SignatureBytes,
    #[cbor(n(2), with = "minicbor::bytes")]
    nonce: [u8; 12],
    #[cbor(n(3), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// Why a request can not be sealed or is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// A text is empty or too long.
    #[error("the {0} has 1 to {MAX_NAME} bytes")]
    Text(&'static str),
    /// AES-GCM can not seal.
    #[error("the request could not be sealed")]
    Seal,
    /// Not the format, or a version that this program does not know.
    #[error("not an enrolment request")]
    Encoding(#[source] Option<CanonicalError>),
    /// Sealed under another code or for another archive, or altered.
    #[error("it does not open under the invitation's code")]
    Open,
    /// The agent's key did not make it.
    #[error("the agent's key has not signed it")]
    Possession,
    /// The old chain's key has not signed it.
    #[error("the old chain's key has not signed it")]
    Follows,
}

impl EnrolmentRequest {
    /// A request.
    ///
    /// # Errors
    ///
    /// When name, device or language are empty or too long.
    pub fn new(
        key: PublicKey,
        mailbox: XWingKey,
        name: impl Into<String>,
        device: impl Into<String>,
        consent: Consent,
        at: Milliseconds,
    ) -> Result<Self, EnrolmentError> {
        let request = Self {
            version: 1,
            key,
            mailbox,
            name: name.into(),
            device: device.into(),
            consent,
            at,
            follows: None,
        };
        request.check()?;
        Ok(request)
    }

    /// The same, continuing another chain.
    #[must_use]
    pub fn following(mut self, follows: Follows) -> Self {
        self.follows = Some(follows);
        self
    }

    /// Seals it under an invitation (ENROL-1, ENROL-3).
    ///
    /// # Errors
    ///
    /// When the agent's key is not the request's, or AES-GCM can not seal.
    pub fn seal(
        &self,
        archive: &ArchiveId,
        code: &InvitationCode,
        agent: &SignerKey,
        randomness: &mut dyn Randomness,
    ) -> Result<Vec<u8>, EnrolmentError> {
        if agent.public() != self.key {
            return Err(EnrolmentError::Possession);
        }
        let content = Zeroizing::new(canonical::to_bytes(self));
        let length = u16::try_from(content.len()).map_err(|_| EnrolmentError::Seal)?;
        let mut sealed = Vec::with_capacity(SEALED);
        sealed.extend_from_slice(&length.to_be_bytes());
        sealed.extend_from_slice(&content);
        sealed.resize(PLAIN, 0);
        let invitation = code.key().public();
        let nonce: [u8; 12] = draw(randomness);
        code.sealing()
            .and_then(|key| {
                key.seal_in_place_append_tag(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(aad(archive, &invitation)),
                    &mut sealed,
                )
                .ok()
            })
            .ok_or(EnrolmentError::Seal)?;
        let signature = sign_possession(
            agent,
            archive,
            &invitation,
            &[nonce.as_slice(), &sealed].concat(),
        );
        Ok(canonical::to_bytes(&SealedForm {
            version: 1,
            signature,
            nonce,
            sealed,
        }))
    }

    /// Opens what waited under an invitation. What `follows` says is checked by
    /// [`follows_of`](Self::follows_of), with the old key that the control chain knows.
    ///
    /// # Errors
    ///
    /// When the bytes are none, were sealed under another code, or the agent's key has not made them.
    pub fn open(
        sealed: &[u8],
        archive: &ArchiveId,
        code: &InvitationCode,
    ) -> Result<(RequestId, Self), EnrolmentError> {
        let encoding = |error| EnrolmentError::Encoding(Some(error));
        let form: SealedForm = canonical::from_bytes(sealed).map_err(encoding)?;
        if form.version != 1 || form.sealed.len() != SEALED {
            return Err(EnrolmentError::Encoding(None));
        }
        let invitation = code.key().public();
        let signed = [form.nonce.as_slice(), &form.sealed].concat();
        let mut bytes = Zeroizing::new(form.sealed);
        let key = code.sealing().ok_or(EnrolmentError::Open)?;
        let plain = key
            .open_in_place(
                Nonce::assume_unique_for_key(form.nonce),
                Aad::from(aad(archive, &invitation)),
                &mut bytes,
            )
            .map_err(|_| EnrolmentError::Open)?;
        let (length, content) = plain
            .split_first_chunk::<2>()
            .ok_or(EnrolmentError::Encoding(None))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (content, zeros) = content
            .split_at_checked(length)
            .ok_or(EnrolmentError::Encoding(None))?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(EnrolmentError::Encoding(None));
        }
        let request: Self = canonical::from_bytes(content).map_err(encoding)?;
        request.check()?;
        if !verify_possession(&request.key, archive, &invitation, &signed, &form.signature) {
            return Err(EnrolmentError::Possession);
        }
        Ok((RequestId::of(sealed), request))
    }

    /// The old chain, if its key has signed for this one (ENROL-3). `key_of` is the control chain's.
    ///
    /// # Errors
    ///
    /// When the old signer is not known or has not signed.
    pub fn follows_of(
        &self,
        archive: &ArchiveId,
        key_of: impl FnOnce(&SignerId) -> Option<PublicKey>,
    ) -> Result<Option<Follows>, EnrolmentError> {
        let Some(follows) = self.follows else {
            return Ok(None);
        };
        let old = key_of(&follows.signer).ok_or(EnrolmentError::Follows)?;
        if verify_follows(&old, archive, &self.key, follows.until, &follows.signature) {
            Ok(Some(follows))
        } else {
            Err(EnrolmentError::Follows)
        }
    }

    fn check(&self) -> Result<(), EnrolmentError> {
        let fits = |text: &str, most| (1..=most).contains(&text.len());
        if self.version != 1 {
            return Err(EnrolmentError::Encoding(None));
        }
        if !fits(&self.name, MAX_NAME) {
            return Err(EnrolmentError::Text("name"));
        }
        if !fits(&self.device, MAX_NAME) {
            return Err(EnrolmentError::Text("device"));
        }
        if !fits(&self.consent.language, MAX_LANGUAGE) {
            return Err(EnrolmentError::Text("language"));
        }
        Ok(())
    }
}

/// ENROL-4: what custodian and approver compare: the first ten bytes of the signer id.
#[must_use]
pub fn check_words(signer: &SignerId) -> String {
    let digits = signer.to_string();
    let groups: Vec<&str> = (0..5)
        .filter_map(|group| digits.get(group * 4..group * 4 + 4))
        .collect();
    groups.join(" ")
}

fn checksum(content: &[u8]) -> [u8; 4] {
    let mut hasher = label::INVITATION_TEXT.hash();
    hasher.update(content);
    let hash = hasher.finish();
    let mut sum = [0; 4];
    sum.copy_from_slice(&hash[..4]);
    sum
}

fn aad(archive: &ArchiveId, invitation: &PublicKey) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(archive.as_bytes());
    bytes[32..].copy_from_slice(invitation.as_bytes());
    bytes
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the derive hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl std::fmt::Debug for InvitationCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InvitationCode(secret)")
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invitation({:?}, until {})", self.archive, self.until)
    }
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consent({}, at {})", self.language, self.at)
    }
}

impl std::fmt::Debug for EnrolmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EnrolmentRequest({:?})", self.key.signer_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{ForMail, OpeningKey};
    use crate::randomness::seeded::Seeded;
    use wire::waiting::sign_follows;

    const ARCHIVE: ArchiveId = ArchiveId::from_bytes([1; 32]);

    fn invitation() -> Invitation {
        Invitation {
            archive: ARCHIVE,
            relay: "https://relay.example:7443".into(),
            pin: TlsIdentity::from_bytes([2; 32]),
            code: InvitationCode::from_bytes([3; 16]),
            until: Milliseconds::new(1_800_000_000_000),
            automatic: true,
            inviter: Some("Bank & Söhne".into()),
        }
    }

    fn request(agent: &SignerKey, name: &str) -> EnrolmentRequest {
        let mailbox = OpeningKey::<ForMail>::from_seed(&[4; 32]);
        let consent = Consent {
            text: [5; 32],
            language: "fr".into(),
            at: Milliseconds::new(7),
        };
        let key = mailbox.recipient().key().clone();
        EnrolmentRequest::new(
            agent.public(),
            key,
            name,
            "laptop",
            consent,
            Milliseconds::new(8),
        )
        .unwrap()
    }

    #[test]
    fn invite_1_the_text_survives_people_and_notices_mistakes() {
        let made = invitation();
        let text = made.to_text();
        assert!(text.len() < 400, "{}", text.len());
        assert_eq!(Invitation::from_text(&text).unwrap(), made);
        let wrapped: String = text
            .to_lowercase()
            .chars()
            .enumerate()
            .flat_map(|(at, c)| [Some(c), (at % 40 == 39).then_some('\n')])
            .flatten()
            .collect();
        assert_eq!(Invitation::from_text(&wrapped).unwrap(), made);

        let mut digits: Vec<char> = text.chars().collect();
        for at in INVITATION_PREFIX.len()..digits.len() {
            let right = digits[at];
            digits[at] = if right == 'A' { 'B' } else { 'A' };
            let wrong: String = digits.iter().collect();
            assert!(Invitation::from_text(&wrong).is_err(), "{at}");
            digits[at] = right;
        }
        for wrong in [
            "",
            "greffe-invite:",
            "greffe-invite:1",
            "other:AAAA",
            &text[..60],
        ] {
            assert!(Invitation::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(Invitation::from_text(&format!("{}{}", *text, "A".repeat(2_000))).is_err());
    }

    #[test]
    fn invite_2_the_relay_knows_neither_code_nor_seal() {
        let code = InvitationCode::from_bytes([3; 16]);
        let seed = code.derive(label::INVITATION_KEY);
        assert_ne!(*seed, *code.derive(label::INVITATION_SEAL));
        assert_ne!(
            code.key().public(),
            InvitationCode::from_bytes([4; 16]).key().public()
        );
        assert_eq!(format!("{code:?}"), "InvitationCode(secret)");
        assert!(!format!("{:?}", invitation()).contains("0303"));
    }

    #[test]
    fn enrol_1_opens_under_its_code_only_and_tells_no_length() {
        let agent = SignerKey::from_seed(&[9; 32]).unwrap();
        let code = invitation().code;
        let sealed = request(&agent, "Ann").seal(&ARCHIVE, &code, &agent, &mut Seeded::new(1));
        let sealed = sealed.unwrap();
        let long = request(&agent, &"x".repeat(200))
            .seal(&ARCHIVE, &code, &agent, &mut Seeded::new(2))
            .unwrap();
        assert_eq!(sealed.len(), long.len());
        assert!(sealed.len() <= wire::limit::REQUEST_BYTES);

        let (id, opened) = EnrolmentRequest::open(&sealed, &ARCHIVE, &code).unwrap();
        assert_eq!(
            (id, &opened.name),
            (RequestId::of(&sealed), &"Ann".to_owned())
        );
        assert_eq!(opened, request(&agent, "Ann"));
        let other = InvitationCode::from_bytes([8; 16]);
        assert!(matches!(
            EnrolmentRequest::open(&sealed, &ARCHIVE, &other),
            Err(EnrolmentError::Open)
        ));
        assert!(matches!(
            EnrolmentRequest::open(&sealed, &ArchiveId::from_bytes([7; 32]), &code),
            Err(EnrolmentError::Open)
        ));
        for at in (0..sealed.len()).step_by(37) {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(
                EnrolmentRequest::open(&flipped, &ARCHIVE, &code).is_err(),
                "{at}"
            );
        }
    }

    /// Whoever has the code can seal anything, but not in the name of another's key.
    #[test]
    fn enrol_3_a_request_for_another_key_is_refused() {
        let (agent, thief) = (
            SignerKey::from_seed(&[9; 32]).unwrap(),
            SignerKey::from_seed(&[10; 32]).unwrap(),
        );
        let code = invitation().code;
        let stolen = request(&agent, "Ann");
        assert!(
            stolen
                .seal(&ARCHIVE, &code, &thief, &mut Seeded::new(1))
                .is_err()
        );
        let sealed = stolen
            .seal(&ARCHIVE, &code, &agent, &mut Seeded::new(1))
            .unwrap();
        let mut form: SealedForm = canonical::from_bytes(&sealed).unwrap();
        let signed = [form.nonce.as_slice(), &form.sealed].concat();
        form.signature = sign_possession(&thief, &ARCHIVE, &code.key().public(), &signed);
        assert!(matches!(
            EnrolmentRequest::open(&canonical::to_bytes(&form), &ARCHIVE, &code),
            Err(EnrolmentError::Possession)
        ));
    }

    #[test]
    fn enrol_3_only_the_old_key_lets_its_chain_be_continued() {
        let (old, new, other) = (
            SignerKey::from_seed(&[1; 32]).unwrap(),
            SignerKey::from_seed(&[2; 32]).unwrap(),
            SignerKey::from_seed(&[3; 32]).unwrap(),
        );
        let until = SequenceNumber::new(40);
        let asked = |by: &SignerKey| {
            request(&new, "Ann").following(Follows {
                signer: old.id(),
                until,
                signature: sign_follows(by, &ARCHIVE, &new.public(), until),
            })
        };
        let known = |id: &SignerId| (*id == old.id()).then(|| old.public());
        let right = asked(&old).follows_of(&ARCHIVE, known).unwrap().unwrap();
        assert_eq!((right.signer, right.until), (old.id(), until));
        assert!(asked(&other).follows_of(&ARCHIVE, known).is_err());
        assert!(asked(&old).follows_of(&ARCHIVE, |_| None).is_err());
        assert_eq!(
            request(&new, "Ann").follows_of(&ARCHIVE, known).unwrap(),
            None
        );
    }

    #[test]
    fn enrol_4_check_words() {
        let id = SignerKey::from_seed(&[1; 32]).unwrap().id();
        assert_eq!(check_words(&id).replace(' ', ""), id.to_string()[..20]);
    }
}
