//! Sealing and opening beside their ceilings (DESIGN §8): batches of 1, 100 and 1000 records, live
//! and imported.
//!
//! Three ceilings, each with what the one before it has:
//! * *calls*: the HPKE call over the same padded bytes, which lie ready; for imports zstd before it;
//! * *bytes*: the records are encoded too (sealing), or the plaintext is checked to be canonical
//!   (opening), as any archive of records would have to;
//! * *hashes*: and the hashes that the format demands, as bare SHA-256 calls over as many bytes:
//!   salts, parts, records, tree (COMMIT-1 to COMMIT-4), and the object's name.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

mod house;

use std::hint::black_box;
use std::process::ExitCode;

use benches::{Bench, Clock, Goal, Row, Turns};
use house::{Chain, Log, Owner, Source32, records};
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable, OpModeR, OpModeS};
use record::Record;
use seal::{BatchBuilder, Form, open_batch, seal_batch};
use testkit::Seeded;
use wire::Body;

const SIZES: [u32; 3] = [1, 100, 1000];
/// Bytes that a sealed object has beyond its plaintext.
const OVERHEAD: usize = 2 + 1_120 + 16;
const GOAL: f64 = 0.8;

type Public = <XWing as Kem>::PublicKey;

fn main() -> ExitCode {
    benches::run("sealing", |bench| {
        for (form, name) in [(Form::Live, "live"), (Form::Import, "import")] {
            for size in SIZES {
                one(bench, form, name, size);
            }
        }
        Ok(())
    })
}

fn one(bench: &mut Bench, form: Form, name: &str, size: u32) {
    let rounds = bench.either(61, 15);
    let mut owner = Owner::new();
    let mut agent = Chain::agent(1, owner.archive());
    let all = records(0, size);
    let mut randomness = Seeded::new(3);
    let mut entries = owner.begin(std::slice::from_ref(&agent));
    let before = Chain::agent(1, owner.archive());
    let (entry, sealed) = agent.seal(&all, &owner.key, form, &mut randomness);
    entries.push(entry);
    let recipient = owner.key.recipient().clone();
    let public = Public::from_bytes(recipient.key().as_bytes()).unwrap();
    let bare = Bare::of(&all, form, sealed.object.bytes().len() - OVERHEAD);

    let ours = || {
        let mut randomness = Seeded::new(2);
        let mut builder = BatchBuilder::new();
        for record in &all {
            builder.push(record, &[]).unwrap();
        }
        let batch = builder.commit(&mut randomness).unwrap();
        let body = Body::Batch(batch.head(recipient.epoch(), form));
        black_box(
            seal_batch(batch, &recipient, before.draft(body), form, &mut randomness).unwrap(),
        );
    };
    let encode = || {
        let mut bytes = Vec::with_capacity(bare.content.len());
        for record in &all {
            for part in record.parts().slices() {
                bytes.extend_from_slice(part);
            }
        }
        black_box(bytes);
    };
    let turns = Turns::take(
        rounds,
        Clock::Thread,
        &mut [
            &mut || ours(),
            &mut || drop(black_box(bare.seal(&public))),
            &mut || {
                encode();
                drop(black_box(bare.seal(&public)));
            },
            &mut || {
                encode();
                bare.hash_parts();
                let sealed = bare.seal(&public);
                black_box(canonical::sha256(&sealed.1));
            },
        ],
    );
    rows(bench, &format!("seal {name} {size}"), size, &turns);

    let leaves = Log::leaves(entries);
    let note = Log::new(&owner).note(&leaves);
    let verified = Log::verify(&owner, &note, &leaves).pop().unwrap();
    let object = sealed.object.bytes();
    let private = <XWing as Kem>::derive_keypair(&[9; 32]);
    let (capsule, ciphertext, tag) = bare.sealed_to(&private.1);
    let open = || bare.open(&private.0, &capsule, &ciphertext, &tag);
    let turns = Turns::take(
        rounds,
        Clock::Thread,
        &mut [
            &mut || {
                drop(black_box(
                    open_batch(&owner.key, &verified, object).unwrap(),
                ))
            },
            &mut || drop(black_box(open())),
            &mut || {
                drop(black_box(open()));
                black_box(canonical::check(&bare.content).unwrap());
            },
            &mut || {
                drop(black_box(open()));
                black_box(canonical::check(&bare.content).unwrap());
                black_box(canonical::sha256(object));
                bare.hash_parts();
            },
        ],
    );
    rows(bench, &format!("open {name} {size}"), size, &turns);
}

fn rows(bench: &mut Bench, what: &str, size: u32, turns: &Turns) {
    let each = |who| turns.cost(who).cpu.as_secs_f64() * 1e6 / f64::from(size);
    for (ceiling, name) in [(1, "calls"), (2, "bytes"), (3, "hashes")] {
        let row = Row::beside(
            format!("{what} / {name}"),
            format!("{:.2} µs a record", each(0)),
            format!("{:.2} µs", each(ceiling)),
            turns.ratio(0, ceiling),
        );
        bench.row(row.goal(Goal::Ratio(GOAL)));
    }
}

/// What the bare calls work on.
struct Bare {
    parts: Vec<Vec<u8>>,
    records: usize,
    /// Canonical bytes about as long as the batch.
    content: Vec<u8>,
    padded: usize,
    form: Form,
}

impl Bare {
    fn of(all: &[Record], form: Form, padded: usize) -> Self {
        let parts: Vec<Vec<u8>> = all
            .iter()
            .flat_map(|record| record.parts().into_vecs())
            .collect();
        // A batch's structure: lists of byte strings.
        let mut content = head(4, all.len());
        for record in parts.chunks(4) {
            content.extend(head(4, 4));
            for part in record {
                content.extend(head(2, part.len()));
                content.extend_from_slice(part);
            }
        }
        Self {
            records: all.len(),
            parts,
            content,
            padded,
            form,
        }
    }

    fn plaintext(&self) -> Vec<u8> {
        let mut plain = vec![0; self.padded.max(self.content.len() + 64)];
        match self.form {
            Form::Live => {
                plain[..self.content.len()].copy_from_slice(&self.content);
                plain.truncate(self.padded.max(self.content.len()));
            }
            Form::Import => {
                zstd::bulk::compress_to_buffer(&self.content, &mut plain, 3).unwrap();
                plain.truncate(self.padded);
            }
        }
        plain
    }

    fn seal(&self, to: &Public) -> (<XWing as Kem>::EncappedKey, Vec<u8>, AeadTag<AesGcm256>) {
        let mut plain = self.plaintext();
        let sealed = hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            to,
            b"info",
            InOutBuf::from(plain.as_mut_slice()),
            b"aad",
            &mut Source32(Seeded::new(4)),
        );
        let (capsule, tag) = sealed.ok().unwrap();
        (capsule, plain, tag)
    }

    fn sealed_to(&self, to: &Public) -> (<XWing as Kem>::EncappedKey, Vec<u8>, AeadTag<AesGcm256>) {
        self.seal(to)
    }

    fn open(
        &self,
        key: &<XWing as Kem>::PrivateKey,
        capsule: &<XWing as Kem>::EncappedKey,
        ciphertext: &[u8],
        tag: &AeadTag<AesGcm256>,
    ) -> Vec<u8> {
        let mut plain = vec![0; ciphertext.len()];
        let both = InOutBuf::new(ciphertext, &mut plain).unwrap();
        hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            key,
            capsule,
            b"info",
            both,
            b"aad",
            tag,
        )
        .ok()
        .unwrap();
        match self.form {
            Form::Live => plain,
            Form::Import => {
                let frame = zstd::zstd_safe::find_frame_compressed_size(&plain).unwrap();
                zstd::bulk::decompress(&plain[..frame], self.content.len()).unwrap()
            }
        }
    }

    /// SHA-256 over as many bytes, in as many calls, as COMMIT-1 to COMMIT-4 demand.
    fn hash_parts(&self) {
        let mut text = Vec::with_capacity(4_096);
        for part in &self.parts {
            black_box(canonical::sha256(&[0; 86]));
            black_box(canonical::sha256(&[0; 96]));
            text.clear();
            text.extend_from_slice(&[0; 55]);
            text.extend_from_slice(part);
            black_box(canonical::sha256(&text));
        }
        for _ in 0..self.records {
            black_box(canonical::sha256(&[0; 153]));
            black_box(canonical::sha256(&[0; 33]));
            black_box(canonical::sha256(&[0; 65]));
        }
    }
}

fn head(major: u8, value: usize) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..24 => vec![major | value as u8],
        24..256 => vec![major | 24, value as u8],
        _ => vec![major | 25, (value >> 8) as u8, value as u8],
    }
}
