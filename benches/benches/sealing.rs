//! Sealing beside its ceiling: what `seal` does for batches of 1, 100 and 1000 records, and the bare
//! HPKE call (and zstd, for imports) over as many bytes, in the same run (DESIGN §8).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

use std::convert::Infallible;
use std::hint::black_box;

use canonical::Milliseconds;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hpke::aead::AesGcm256;
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable, OpModeS};
use rand_core::{TryCryptoRng, TryRng};
use record::{
    Assurance, Conversation, ConversationKind, Direction, Envelope, Message, Mode, NetworkName,
    Original, Participant, ParticipantId, Participants, Record, Source, TextId, Time,
};
use seal::{BatchBuilder, Form, OpeningKey, Randomness, RecipientKey, seal_batch};
use testkit::Seeded;
use wire::{ArchiveId, Body, ChainPosition, EntryDraft, SignerKey};

const SIZES: [u32; 3] = [1, 100, 1000];

/// Records of chat messages of some 300 bytes with their originals.
fn records(count: u32) -> Vec<Record> {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::SIGNAL,
        account: id("aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d"),
        custodian: id("c-17"),
        connector: id("signal/0.1.0 signal-cli"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    (0..count)
        .map(|number| {
            let at = Time::utc(Milliseconds::new(1_795_000_000_000 + i64::from(number)));
            let text = format!("Message {number}: the limit stays where it was, settle on Thursday, call me before ten");
            let envelope = Envelope::builder(&source, id("group:7Zk="), id(&number.to_string()), at)
                .direction(Direction::Incoming)
                .sent(at);
            let mut participants = Participants::of(Conversation::new(ConversationKind::Group));
            participants.sender = ParticipantId::new("aci", "0a1b2c3d-0000-4000-8000-000000000001")
                .ok()
                .map(Participant::new);
            let original = Original::inline("application/json", format!("{{\"message\":{text:?}}}"));
            Record::new(envelope, participants, Message::plain(text), Some(original), Vec::new()).unwrap()
        })
        .collect()
}

fn draft(signer: &SignerKey, body: Body) -> EntryDraft {
    let archive = ArchiveId::from_bytes([7; 32]);
    EntryDraft::new(
        archive,
        signer.id(),
        ChainPosition::FIRST,
        body,
        Milliseconds::new(0),
    )
}

fn sealing(criterion: &mut Criterion) {
    let recipient: RecipientKey = OpeningKey::generate(&mut Seeded::new(1))
        .recipient()
        .clone();
    let public = <XWing as Kem>::PublicKey::from_bytes(recipient.key().as_bytes()).unwrap();
    let signer = SignerKey::from_seed(&[3; 32]).unwrap();
    for (form, name) in [(Form::Live, "live"), (Form::Import, "import")] {
        let mut group = criterion.benchmark_group(format!("seal/{name}"));
        for size in SIZES {
            let all = records(size);
            group.throughput(Throughput::Elements(u64::from(size)));
            let mut randomness = Seeded::new(2);
            group.bench_with_input(BenchmarkId::new("ours", size), &all, |bencher, all| {
                bencher.iter(|| {
                    let mut builder = BatchBuilder::new();
                    for record in all {
                        builder.push(record, &[]).unwrap();
                    }
                    let batch = builder.commit(&mut randomness).unwrap();
                    let body = Body::Batch(batch.head(recipient.epoch(), form));
                    let sealed = seal_batch(
                        batch,
                        &recipient,
                        draft(&signer, body),
                        form,
                        &mut randomness,
                    );
                    black_box(sealed.unwrap())
                });
            });
            // The ceiling does what can not be left out: it makes the parts' bytes, compresses
            // them where we do, and seals them in one HPKE call.
            group.bench_with_input(BenchmarkId::new("bare", size), &all, |bencher, all| {
                bencher.iter_batched(
                    || Source32(Seeded::new(4)),
                    |mut source| {
                        let mut plain: Vec<u8> = all
                            .iter()
                            .flat_map(|record| record.parts().slices().concat())
                            .collect();
                        if matches!(form, Form::Import) {
                            plain = zstd::bulk::compress(&plain, 3).unwrap();
                        }
                        let sealed = hpke::single_shot_seal_inout_detached_with_rng::<
                            AesGcm256,
                            HkdfSha256,
                            XWing,
                        >(
                            &OpModeS::Base,
                            &public,
                            b"info",
                            InOutBuf::from(plain.as_mut_slice()),
                            b"aad",
                            &mut source,
                        );
                        black_box((sealed.ok().unwrap().1, plain))
                    },
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

/// Our repeatable randomness, as the HPKE crate asks for it.
struct Source32(Seeded);

impl TryRng for Source32 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Source32 {}

criterion_group!(benches, sealing);
criterion_main!(benches);
