//! Numbers that others have published, and our own objects opened without our code: HPKE's key
//! schedule from RFC 9180 §5.1, written out over another implementation's HKDF and AES-GCM.

use std::convert::Infallible;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use hpke::aead::{Aead, AesGcm128, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, X25519HkdfSha256, XWing};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use seal::{BatchBuilder, Form, OpeningKey, RecipientKey, seal_batch};
use serde_json::Value;
use wire::{Body, XWingKey};

use crate::archive::{Archive, Seeded, Who};
use crate::samples::message;

/// Gives out given bytes, and only those.
struct Given(Vec<u8>);

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("bytes are asked for")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0.drain(..bytes.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl TryCryptoRng for Given {}

fn cases(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../vectors/hpke")
        .join(file);
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!all["source"].as_str().unwrap().is_empty());
    let cases = all["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn hex(case: &Value, field: &str) -> Vec<u8> {
    let text = case[field].as_str().unwrap_or_else(|| panic!("{field}"));
    let mut bytes = vec![0; text.len() / 2];
    canonical::hex_into(text, &mut bytes).unwrap();
    bytes
}

#[test]
fn rfc_9180_base_mode() {
    for case in cases("rfc9180.json") {
        match case["aead_id"].as_u64().unwrap() {
            1 => rfc_9180_case::<AesGcm128>(&case),
            2 => rfc_9180_case::<AesGcm256>(&case),
            other => panic!("AEAD {other}"),
        }
    }
}

fn rfc_9180_case<A: Aead>(case: &Value) {
    let (private, public) = X25519HkdfSha256::derive_keypair(&hex(case, "ikmR"));
    // X25519 clamps private keys; the RFC prints them as they were before.
    let published = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&hex(case, "skRm")).unwrap();
    assert_eq!(private.to_bytes(), published.to_bytes());
    assert_eq!(public.to_bytes().to_vec(), hex(case, "pkRm"));
    let (enc, ct) = hpke::single_shot_seal_with_rng::<A, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        &hex(case, "info"),
        &hex(case, "pt"),
        &hex(case, "aad"),
        &mut Given(hex(case, "ikmE")),
    )
    .unwrap();
    assert_eq!(enc.to_bytes().to_vec(), hex(case, "enc"));
    assert_eq!(ct, hex(case, "ct"));
    let pt = hpke::single_shot_open::<A, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &enc,
        &hex(case, "info"),
        &ct,
        &hex(case, "aad"),
    )
    .unwrap();
    assert_eq!(pt, hex(case, "pt"));
}

#[test]
fn x_wing() {
    for case in cases("x-wing.json") {
        let seed: [u8; 32] = hex(&case, "seed").try_into().unwrap();
        let key = OpeningKey::<seal::ForRecords>::from_seed(&seed);
        assert_eq!(key.recipient().key().as_bytes()[..], hex(&case, "pk"));
        let published = XWingKey::from_bytes(&hex(&case, "pk")).unwrap();
        assert_eq!(RecipientKey::new(&published).unwrap(), *key.recipient());
        let public = <XWing as Kem>::PublicKey::from_bytes(&hex(&case, "pk")).unwrap();
        let private = <XWing as Kem>::PrivateKey::from_bytes(&seed).unwrap();
        let mut randomness = Given(hex(&case, "eseed"));
        let (shared, enc) = XWing::encap_with_rng(&public, None, &mut randomness).unwrap();
        assert_eq!(enc.to_bytes().to_vec(), hex(&case, "ct"));
        assert_eq!(shared.0.to_vec(), hex(&case, "ss"));
        let shared = XWing::decap(&private, None, &enc).unwrap();
        assert_eq!(shared.0.to_vec(), hex(&case, "ss"));
    }
}

#[test]
fn hpke_pq() {
    for case in cases("hpke-pq.json") {
        let (private, public) = XWing::derive_keypair(&hex(&case, "ikmR"));
        assert_eq!(private.to_bytes().to_vec(), hex(&case, "skRm"));
        let mut randomness = Given(hex(&case, "ikmE"));
        let (shared, enc) = XWing::encap_with_rng(&public, None, &mut randomness).unwrap();
        assert_eq!(shared.0.to_vec(), hex(&case, "shared_secret"));
        let opened = XWing::decap(&private, None, &enc).unwrap();
        assert_eq!(opened.0, shared.0);
        let aead = u16::try_from(case["aead_id"].as_u64().unwrap()).unwrap();
        let (key, nonce) = key_schedule(aead, &shared.0, &hex(&case, "info"));
        assert_eq!(key[..], hex(&case, "key"));
        assert_eq!(nonce[..], hex(&case, "base_nonce"));
    }
}

/// BATCH-2, BATCH-3: our objects open with the key schedule as it was just checked.
#[test]
fn batch_2_opens_without_our_code() {
    let archive = Archive::new();
    let mut randomness = Seeded::new(3);
    let mut builder = BatchBuilder::new();
    builder.push(&message(1, "Bonjour"), &[]).unwrap();
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), Form::Live);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let aad = draft.aad();
    let sealed = seal_batch(batch, archive.records(), draft, Form::Live, &mut randomness).unwrap();
    let object = sealed.object.bytes();

    assert_eq!(object[..2], [1, 1]);
    let private =
        <XWing as Kem>::PrivateKey::from_bytes(archive.records_key.expose_seed().as_ref()).unwrap();
    let enc = <XWing as Kem>::EncappedKey::from_bytes(&object[2..1122]).unwrap();
    let shared = XWing::decap(&private, None, &enc).unwrap();
    let mut info = b"\x0fgreffe/batch/v1\x01".to_vec();
    info.extend_from_slice(archive.id.as_bytes());
    info.extend_from_slice(&canonical::sha256(archive.records().key().as_bytes()));
    let (key, nonce) = key_schedule(2, &shared.0, &info);
    let mut plain = object[1122..].to_vec();
    let plain = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&aad),
            &mut plain,
        )
        .unwrap();
    assert_eq!(plain.len(), 1024);
    assert_eq!(plain[0], 0);
    let length = u32::from_be_bytes(plain[1..5].try_into().unwrap()) as usize;
    let content = &plain[5..5 + length];
    assert_eq!(content[..6], [0xa3, 0, 1, 1, 0x58, 32]);
    assert!(content.windows(7).any(|window| window == b"Bonjour"));
    assert!(plain[5 + length..].iter().all(|byte| *byte == 0));
}

/// RFC 9180 §5.1, base mode, with KEM 0x647a and HKDF-SHA256: the key of 32 bytes, the nonce.
fn key_schedule(aead: u16, shared: &[u8], info: &[u8]) -> ([u8; 32], [u8; 12]) {
    let suite = [
        &b"HPKE"[..],
        &0x647a_u16.to_be_bytes(),
        &1_u16.to_be_bytes(),
        &aead.to_be_bytes(),
    ]
    .concat();
    let mac = |key: &[u8], text: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
            .as_ref()
            .to_vec()
    };
    let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
        mac(salt, &[b"HPKE-v1", &suite[..], label, ikm].concat())
    };
    let expand = |prk: &[u8], label: &[u8], context: &[u8], length: u16| {
        let info = [
            &length.to_be_bytes()[..],
            b"HPKE-v1",
            &suite,
            label,
            context,
        ]
        .concat();
        let mut block = mac(prk, &[&info[..], &[1]].concat());
        block.truncate(usize::from(length));
        block
    };
    let context = [
        &[0][..],
        &extract(b"", b"psk_id_hash", b""),
        &extract(b"", b"info_hash", info),
    ]
    .concat();
    let secret = extract(shared, b"secret", b"");
    (
        expand(&secret, b"key", &context, 32).try_into().unwrap(),
        expand(&secret, b"base_nonce", &context, 12)
            .try_into()
            .unwrap(),
    )
}
