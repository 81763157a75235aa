//! Filing beside its ceiling (DESIGN §8): verified, opened and filed by the vault's own steps,
//! against the same done bare: one Ed25519 verification an entry, the HPKE call, an index of
//! tantivy with positions, in memory, and an insert into SQLCipher.
//!
//! Ours does more for the same record, because the design asks for it: it recomputes commitments,
//! reads the record back, cuts words of all scripts, encrypts the index, keeps what every part
//! said, names, links and order in the catalogue.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

mod house;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use benches::{Bench, Clock, Goal, Row, Turns};
use house::{Chain, Log, Owner, records};
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use record::Record;
use rusqlite::Connection;
use seal::{Form, open_batch};
use tantivy::schema::{FAST, Field, STORED, STRING, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument};
use testkit::Seeded;
use tlog::LogIndex;
use vault::partition::{
    Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys,
};

type Capsule = <XWing as Kem>::EncappedKey;

/// Batches between two commits, as the reading room has it.
const GROUP: usize = 64;
/// Memory of the index writer, as the vault has it.
const WRITER_MEMORY: usize = 96 << 20;

fn main() -> ExitCode {
    benches::run("filing", |bench| {
        one(bench, "live, 1 record a batch", 1, Form::Live)?;
        one(bench, "live, 100 records a batch", 100, Form::Live)?;
        one(bench, "import, 1000 records a batch", 1000, Form::Import)
    })
}

fn one(bench: &mut Bench, what: &str, size: u32, form: Form) -> Result<(), Box<dyn Error>> {
    let rounds = bench.either(11, 3);
    // As many records a round for each form, within reason.
    let batches = match size {
        1 => 4 * GROUP as u32,
        100 => GROUP as u32,
        _ => 8,
    };
    let folder = tempfile::tempdir()?;
    bench.progress(&format!("sealing for {what}"));
    let mut owner = Owner::new();
    let mut agent = Chain::agent(1, owner.archive());
    let first = owner.begin(std::slice::from_ref(&agent));
    let begun = first.len();
    let mut randomness = Seeded::new(5);
    // Each round with a log of its own, so that each is verified from its beginning.
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    let private = <XWing as Kem>::derive_keypair(&[9; 32]);
    for round in 0..=rounds {
        let mut agent_again = Chain::agent(1, owner.archive());
        let mut entries = first.clone();
        let mut objects = Vec::new();
        let mut posts = Vec::new();
        for batch in 0..batches {
            let all = records((round as u32 * batches + batch) * size, size);
            let (entry, sealed) = agent_again.seal(&all, &owner.key, form, &mut randomness);
            posts.push(BareBatch::seal(
                &all,
                form,
                &private.1,
                entry.as_bytes().to_vec(),
            ));
            entries.push(entry);
            objects.push(sealed.object.into_bytes());
        }
        agent = agent_again;
        let leaves = Log::leaves(entries);
        let note = Log::new(&owner).note(&leaves);
        ours.push((note, leaves, objects));
        bare.push(posts);
    }
    let signer = UnparsedPublicKey::new(&ED25519, agent.key.public().as_bytes().to_vec());

    let cache = PageCache::new(16_384);
    let keys = PartitionKeys {
        catalogue: PartitionKey::from_bytes([1; 32]),
        index: PartitionKey::from_bytes([2; 32]),
        derived: PartitionKey::from_bytes([3; 32]),
    };
    let partition = Partition::create(
        &folder.path().join("ours"),
        PartitionId::from_bytes([1; 32]),
        keys,
        &cache,
    )?;
    let mut store = BareStore::new(&folder.path().join("bare"))?;
    let mut filed = 0;
    let mut costs = vec![Vec::new(), Vec::new()];
    let count = batches * size;
    for (round, ((note, leaves, objects), posts)) in ours.iter().zip(&bare).enumerate() {
        for turn in 0..2 {
            let who = (round + turn) % 2;
            let cost = Clock::Process.cost(|| {
                if who == 1 {
                    for post in posts {
                        signer.verify(&post.entry, &post.signature).ok();
                        store.file(&post.open(&private.0));
                    }
                    store.commit();
                    return;
                }
                let verified = Log::verify(&owner, note, leaves);
                let mut last = LogIndex::new(0);
                for (at, (entry, object)) in verified[begun..].iter().zip(objects).enumerate() {
                    last = LogIndex::new(u64::from(round as u32 * batches) + at as u64);
                    filed += file(&owner, &partition, entry, object, last);
                }
                partition.commit(last).unwrap();
            });
            if round > 0 {
                costs[who].push(benches::Cost {
                    wall: cost.wall / count,
                    cpu: cost.cpu / count,
                });
            }
        }
    }
    assert_eq!(filed, u64::from(count) * ours.len() as u64);
    assert_eq!(store.rows(), filed);
    let turns = Turns::of(costs);
    let rate = |who: usize| 1.0 / turns.cost(who).wall.as_secs_f64();
    let row = Row::beside(
        format!("verified, opened, filed: {what}"),
        format!("{:.0} records a second", rate(0)),
        format!("{:.0}", rate(1)),
        turns.ratio(0, 1),
    );
    bench.row(row.goal(Goal::Ratio(0.7)));
    Ok(())
}

/// As the reading room files a batch.
fn file(
    owner: &Owner,
    partition: &Partition,
    entry: &wire::verify::VerifiedEntry,
    object: &[u8],
    index: LogIndex,
) -> u64 {
    let opened = open_batch(&owner.key, entry, object).unwrap();
    let mut filed = 0;
    for record in opened.records() {
        let record = record.unwrap();
        let filing = Filing {
            index,
            position: record.position().get(),
            admitted_at: entry.admitted_at().time(),
            record: record.record(),
            parts: record.parts(),
            objects: &[],
            members: &[],
        };
        filed += partition.file([filing], &Nobody).unwrap().filed;
    }
    filed
}

/// A batch as somebody would seal it who wants nothing but its bytes.
struct BareBatch {
    entry: Vec<u8>,
    signature: [u8; 64],
    capsule: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
    length: usize,
    compressed: bool,
}

/// What a bare index and table take of a record.
struct BareRecord {
    id: Vec<u8>,
    at: i64,
    conversation: String,
    sender: String,
    text: String,
    parts: Vec<u8>,
}

impl BareBatch {
    fn seal(all: &[Record], form: Form, to: &<XWing as Kem>::PublicKey, entry: Vec<u8>) -> Self {
        let mut plain = Vec::new();
        for record in all {
            let bare = BareRecord::of(record);
            let conversation = bare.conversation.as_bytes();
            let at = bare.at.to_be_bytes();
            let fields = [
                &bare.id[..],
                &at,
                conversation,
                bare.sender.as_bytes(),
                bare.text.as_bytes(),
                &bare.parts,
            ];
            for field in fields {
                plain.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
                plain.extend_from_slice(field);
            }
        }
        let length = plain.len();
        let compressed = matches!(form, Form::Import);
        if compressed {
            plain = zstd::bulk::compress(&plain, 3).unwrap();
        } else {
            plain.resize(length.max(1024), 0);
        }
        let (capsule, tag) =
            hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, XWing>(
                &OpModeS::Base,
                to,
                b"info",
                InOutBuf::from(plain.as_mut_slice()),
                b"aad",
                &mut house::Source32(Seeded::new(4)),
            )
            .ok()
            .unwrap();
        Self {
            // Whether it verifies does not change what it costs.
            signature: [7; 64],
            entry,
            capsule: capsule.to_bytes().to_vec(),
            ciphertext: plain,
            tag: tag.to_bytes().to_vec(),
            length,
            compressed,
        }
    }

    fn open(&self, key: &<XWing as Kem>::PrivateKey) -> Vec<BareRecord> {
        let mut plain = vec![0; self.ciphertext.len()];
        hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            key,
            &Capsule::from_bytes(&self.capsule).unwrap(),
            b"info",
            InOutBuf::new(&self.ciphertext, &mut plain).unwrap(),
            b"aad",
            &AeadTag::from_bytes(&self.tag).unwrap(),
        )
        .ok()
        .unwrap();
        if self.compressed {
            plain = zstd::bulk::decompress(&plain, self.length).unwrap();
        }
        let mut rest = &plain[..self.length];
        let mut records = Vec::new();
        let field = |rest: &mut &[u8]| {
            let (length, more) = rest.split_first_chunk::<4>().unwrap();
            let (field, more) = more.split_at(u32::from_be_bytes(*length) as usize);
            *rest = more;
            field.to_vec()
        };
        while !rest.is_empty() {
            records.push(BareRecord {
                id: field(&mut rest),
                at: i64::from_be_bytes(field(&mut rest).try_into().unwrap()),
                conversation: String::from_utf8(field(&mut rest)).unwrap(),
                sender: String::from_utf8(field(&mut rest)).unwrap(),
                text: String::from_utf8(field(&mut rest)).unwrap(),
                parts: field(&mut rest),
            });
        }
        records
    }
}

impl BareRecord {
    fn of(record: &Record) -> Self {
        let envelope = record.envelope();
        let filed = vault::partition::Filed::of(record, &Nobody);
        Self {
            id: envelope.id().as_bytes().to_vec(),
            at: filed.at.get(),
            conversation: filed.conversation,
            sender: filed
                .authors
                .first()
                .map(|one| one.id.clone())
                .unwrap_or_default(),
            text: filed.text,
            parts: record.parts().slices().concat(),
        }
    }
}

struct BareStore {
    fields: BTreeMap<&'static str, Field>,
    writer: IndexWriter,
    database: Connection,
}

impl BareStore {
    fn new(folder: &Path) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir_all(folder)?;
        let mut schema = Schema::builder();
        let fields = BTreeMap::from([
            ("text", schema.add_text_field("text", TEXT)),
            (
                "conversation",
                schema.add_text_field("conversation", STRING),
            ),
            ("sender", schema.add_text_field("sender", STRING)),
            ("at", schema.add_i64_field("at", FAST)),
            ("row", schema.add_u64_field("row", FAST | STORED)),
        ]);
        let index = Index::create_in_ram(schema.build());
        let writer = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        let database = Connection::open(folder.join("records.db"))?;
        database.execute_batch(
            "PRAGMA key = \"x'0101010101010101010101010101010101010101010101010101010101010101'\";
             PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
             CREATE TABLE records (row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, at INTEGER NOT NULL,
               conversation TEXT NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, parts BLOB NOT NULL);
             BEGIN",
        )?;
        Ok(Self {
            fields,
            writer,
            database,
        })
    }

    fn file(&mut self, records: &[BareRecord]) {
        for record in records {
            let mut insert = self
                .database
                .prepare_cached("INSERT INTO records (id, at, conversation, sender, text, parts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .unwrap();
            insert
                .execute(rusqlite::params![
                    record.id,
                    record.at,
                    record.conversation,
                    record.sender,
                    record.text,
                    record.parts
                ])
                .unwrap();
            let mut document = TantivyDocument::default();
            document.add_text(self.fields["text"], &record.text);
            document.add_text(self.fields["conversation"], &record.conversation);
            document.add_text(self.fields["sender"], &record.sender);
            document.add_i64(self.fields["at"], record.at);
            document.add_u64(self.fields["row"], self.database.last_insert_rowid() as u64);
            self.writer.add_document(document).unwrap();
        }
    }

    fn commit(&mut self) {
        self.writer.commit().unwrap();
        self.database.execute_batch("COMMIT; BEGIN").unwrap();
    }

    fn rows(&self) -> u64 {
        self.database
            .query_row("SELECT count(*) FROM records", [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap() as u64
    }
}
