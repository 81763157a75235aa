//! Keyrings and shares.

use canonical::Milliseconds;
use seal::keyring::{Keyring, PassphraseCost, TokenKey, TokenName, UnlockedKeyring};
use seal::{
    ForRecords, ForShareTravel, NewSet, OpeningKey, PartitionUse, Period, Share, Threshold,
    UnlockId, WaitingUnlock, make_epoch, new_set,
};
use serde_json::{Value, json};
use wire::{ArchiveId, EpochUse, RetentionClass};

use crate::archive::Seeded;
use crate::{hex, vector};

const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xa0; 32]);

pub(crate) fn write() {
    keyring();
    shares();
}

fn keyring() {
    let mut randomness = Seeded::new(10);
    let passphrase = "seven ordinary words that nobody else chose";
    let cost = PassphraseCost::LEAST;
    let mut ring =
        UnlockedKeyring::with_passphrase(ARCHIVE, passphrase, cost, &mut randomness).unwrap();
    let threshold = Threshold::new(2, 3).unwrap();
    let shares = ring.add_shares(threshold, &mut randomness).unwrap();
    let token = TokenKey::from_bytes(&[0x70; 32]);
    let name = TokenName::new("Vault HSM", vec![1, 2]).unwrap();
    ring.add_token(name, &token, &mut randomness).unwrap();
    let epochs: Vec<_> = [
        (3, EpochUse::Period),
        (3, EpochUse::Reserve),
        (0, EpochUse::Governance),
    ]
    .into_iter()
    .map(|(class, usage)| {
        make_epoch(
            RetentionClass::new(class),
            usage,
            Period {
                from: Milliseconds::new(1_790_000_000_000),
                until: Milliseconds::new(1_792_600_000_000),
            },
            Milliseconds::new(1_950_000_000_000),
            &mut randomness,
        )
    })
    .collect();
    ring.add_epochs(&epochs, &mut randomness).unwrap();
    let keys: Vec<Value> = epochs
        .iter()
        .map(|epoch| {
            let id = epoch.published().id;
            let seed = match epoch.published().usage {
                EpochUse::Governance => ring.governance(id).unwrap().expose_seed(),
                _ => ring.records(id).unwrap().expose_seed(),
            };
            let partitions = [
                PartitionUse::Catalogue,
                PartitionUse::Index,
                PartitionUse::Files,
            ];
            let key = OpeningKey::<ForRecords>::from_seed(&seed);
            json!({
                "epoch": hex(id.as_bytes()),
                "opening_key": hex(seed.as_ref()),
                "partition_keys": partitions.map(|usage| hex(key.partition_key(usage).expose())),
            })
        })
        .collect();
    let bytes = ring.keyring().to_bytes();
    let common = |about: &str, bytes: &[u8]| {
        json!({
            "page": "keyring.md",
            "about": about,
            "archive": hex(ARCHIVE.as_bytes()),
            "keyring": hex(bytes),
        })
    };
    let mut value = common(
        "a passphrase, two of three holders, a token; three epochs",
        &bytes,
    );
    value["passphrase"] = json!(passphrase);
    value["shares"] = shares
        .iter()
        .map(|share| hex(share.to_bytes().as_ref()))
        .collect();
    value["token"] = json!({ "label": "Vault HSM", "key_id": "0102", "key": hex(token.expose()) });
    value["generation"] = json!(ring.keyring().generation().get());
    value["epochs"] = keys.clone().into();
    vector("keyring", "three_holders", &value);

    let destroyed = epochs[1].published().id;
    ring.destroy(destroyed, Milliseconds::new(1_950_000_000_000))
        .unwrap();
    let locked = ring.lock();
    let mut value = common("the second epoch's key is destroyed", &locked.to_bytes());
    value["passphrase"] = json!(passphrase);
    value["shares"] = shares
        .iter()
        .map(|share| hex(share.to_bytes().as_ref()))
        .collect();
    value["token"] = json!({ "label": "Vault HSM", "key_id": "0102", "key": hex(token.expose()) });
    value["generation"] = json!(locked.generation().get());
    value["epochs"] = json!([keys[0], { "epoch": hex(destroyed.as_bytes()) }, keys[2]]);
    vector("keyring", "destroyed_epoch", &value);

    refused_keyrings(&bytes, &common);
    // What reads well, and is not what was written under the vault key.
    let altered = |name: &str, about: &str, from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .rposition(|window| window == from)
            .unwrap();
        let bad = [&bytes[..at], to, &bytes[at + from.len()..]].concat();
        let read = Keyring::from_bytes(&bad, None).unwrap();
        assert!(read.unlock_with_shares(&shares).is_err(), "{name}");
        let mut value = common(about, &bad);
        value["shares"] = shares
            .iter()
            .map(|share| hex(share.to_bytes().as_ref()))
            .collect();
        value["unlocking"] = json!("RING-6");
        vector("keyring", &format!("altered_{name}"), &value);
    };
    let generation = [ARCHIVE.as_bytes(), &[0x02, 0x04][..]].concat();
    let higher = [ARCHIVE.as_bytes(), &[0x02, 0x05][..]].concat();
    altered(
        "generation",
        "generation 5 in place of 4",
        &generation,
        &higher,
    );
    let date = |at: i64| [&[0x06, 0x1b][..], &at.to_be_bytes()].concat();
    altered(
        "date",
        "the last epoch may be destroyed a day earlier",
        &date(1_950_000_000_000),
        &date(1_949_913_600_000),
    );
    let (mac, other) = (&bytes[bytes.len() - 32..], [0; 32]);
    altered("authentication", "another authentication", mac, &other);
}

fn refused_keyrings(bytes: &[u8], common: &dyn Fn(&str, &[u8]) -> Value) {
    let refused = |name: &str, check: &str, about: &str, bad: &[u8]| {
        assert!(Keyring::from_bytes(bad, None).is_err(), "{name}");
        let mut value = common(about, bad);
        value["refused"] = json!(check);
        vector("keyring", &format!("refused_{name}"), &value);
    };
    let replaced = |from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let id = ARCHIVE.as_bytes();
    let archive = [&[0x01, 0x58, 0x20][..], id].concat();
    let generation = [&archive[..], &[0x02, 0x04]].concat();
    let none = [&archive[..], &[0x02, 0x00]].concat();
    let memory = [0x01, 0x1a, 0x00, 0x01, 0x00, 0x00, 0x02, 0x03, 0x03, 0x01];
    refused(
        "version_unknown",
        "CBOR-4",
        "version 2",
        &replaced(&[0xa6, 0x00, 0x01], &[0xa6, 0x00, 0x02]),
    );
    refused(
        "generation_0",
        "RING-3",
        "generation 0",
        &replaced(&generation, &none),
    );
    refused(
        "cheap_memory",
        "RING-1",
        "Argon2id with 32 MiB",
        &replaced(&memory, &[0x01, 0x19, 0x80, 0x00, 0x02, 0x03, 0x03, 0x01]),
    );
    refused(
        "few_passes",
        "RING-1",
        "Argon2id with 2 passes",
        &replaced(
            &memory,
            &[0x01, 0x1a, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x03, 0x01],
        ),
    );
    refused(
        "one_of_three",
        "SHARE-1",
        "one holder of three suffices",
        &replaced(
            &[0x01, 0x02, 0x02, 0x03, 0x03, 0xa2],
            &[0x01, 0x01, 0x02, 0x03, 0x03, 0xa2],
        ),
    );
    let bare = [&[0xa5][..], &bytes[1..bytes.len() - 35]].concat();
    refused(
        "not_authenticated",
        "CBOR-4",
        "without authentication",
        &bare,
    );
    let mut other_key = bytes.to_vec();
    // The last epoch's public key ends before its class (key 2).
    let at = other_key
        .windows(5)
        .rposition(|window| window == [0x02, 0x00, 0x03, 0x02, 0x04])
        .unwrap();
    other_key[at - 1] ^= 1;
    refused(
        "epoch_of_another_key",
        "EPOCH-1",
        "an epoch's id is not that of its key",
        &other_key,
    );
    refused(
        "trailing_byte",
        "CBOR-3",
        "a byte follows",
        &[bytes, &[0]].concat(),
    );
}

fn shares() {
    let mut randomness = Seeded::new(11);
    let threshold = Threshold::new(3, 5).unwrap();
    let NewSet { id, secret, shares } = new_set(threshold, 7, &mut randomness).unwrap();
    vector(
        "share",
        "three_of_five",
        &json!({
            "page": "keyring.md",
            "about": "any three of five shares give the secret; as bytes, words, and text of a QR code",
            "set": hex(id.as_bytes()),
            "generation": 7,
            "needed": 3,
            "secret": hex(secret.expose()),
            "shares": shares.iter().map(|share| json!({
                "index": share.index(),
                "hex": hex(share.to_bytes().as_ref()),
                "words": *share.to_words(),
                "qr": *share.to_qr(),
            })).collect::<Vec<_>>(),
        }),
    );

    let unlock = UnlockId::from_bytes([0x0c; 16]);
    let key = OpeningKey::<ForShareTravel>::generate(&mut randomness);
    let object = shares[1]
        .seal(&ARCHIVE, &unlock, key.recipient(), &mut randomness)
        .unwrap();
    let travel = |about: &str, unlock: &UnlockId, object: &[u8]| {
        json!({
            "page": "keyring.md",
            "about": about,
            "archive": hex(ARCHIVE.as_bytes()),
            "unlock": hex(unlock.as_bytes()),
            "opening_key": hex(key.expose_seed().as_ref()),
            "fingerprint": key.recipient().fingerprint(),
            "object": hex(object),
        })
    };
    let mut value = travel("a share on its way to an unlock", &unlock, &object);
    value["share"] = hex(shares[1].to_bytes().as_ref());
    vector("share", "travelling", &value);
    let waiting = WaitingUnlock::new(ARCHIVE, &mut randomness);
    let request = waiting.request().to_text();
    let answer = waiting.request().answer(&shares[1], &mut randomness);
    let answer = answer.unwrap().to_text();
    let texts = |about: &str, request: &str, answer: &str| {
        json!({
            "page": "keyring.md",
            "about": about,
            "archive": hex(ARCHIVE.as_bytes()),
            "opening_key": hex(waiting.expose_seed().as_ref()),
            "fingerprint": waiting.request().fingerprint(),
            "request": request,
            "answer": answer,
        })
    };
    let mut value = texts(
        "the texts between an unlock and a holder",
        &request,
        &answer,
    );
    value["share"] = hex(shares[1].to_bytes().as_ref());
    vector("share", "texts", &value);
    let copied = |text: &str| {
        let (before, last) = text.split_at(text.len() - 40);
        let first = if last.starts_with('A') { "B" } else { "A" };
        format!("{before}{first}{}", &last[1..])
    };
    for (name, request, answer) in [
        ("request_copied_wrongly", copied(&request), answer.clone()),
        ("answer_copied_wrongly", request.clone(), copied(&answer)),
        (
            "answer_cut",
            request.clone(),
            answer[..answer.len() - 8].to_owned(),
        ),
    ] {
        let mut value = texts("a slip of copying", &request, &answer);
        value["refused"] = json!("SHARE-5");
        vector("share", &format!("refused_{name}"), &value);
    }
    let other = UnlockId::from_bytes([0x0d; 16]);
    let mut value = travel("sealed to another unlock", &other, &object);
    value["refused"] = json!("SHARE-4");
    vector("share", "refused_other_unlock", &value);

    let bytes = shares[0].to_bytes();
    let refused = |name: &str, check: &str, about: &str, form: &str, text: String| {
        let mut value = json!({ "page": "keyring.md", "about": about });
        value[form] = json!(text);
        value["refused"] = json!(check);
        vector("share", &format!("refused_{name}"), &value);
    };
    let altered = |at: usize, to: u8| {
        let mut bad = *bytes;
        bad[at] = to;
        canonical::hex(&bad)
    };
    refused(
        "checksum",
        "SHARE-2",
        "one bit of the value",
        "hex",
        altered(40, bytes[40] ^ 1),
    );
    refused(
        "version_unknown",
        "SHARE-2",
        "version 2",
        "hex",
        altered(0, 2),
    );
    refused(
        "short",
        "SHARE-2",
        "58 bytes",
        "hex",
        canonical::hex(&bytes[..58]),
    );
    let words = shares[0].to_words();
    let list: Vec<&str> = words.split(' ').collect();
    refused(
        "one_word_less",
        "SHARE-3",
        "42 words",
        "words",
        list[..42].join(" "),
    );
    refused(
        "unknown_word",
        "SHARE-3",
        "a word that is not in the list",
        "words",
        format!("greffe {}", list[1..].join(" ")),
    );
    let mut swapped = list.clone();
    swapped.swap(4, 5);
    refused(
        "swapped_words",
        "SHARE-2",
        "two words are exchanged",
        "words",
        swapped.join(" "),
    );
    // The last word's lowest bit fills up and must be zero: the next word of the list has it set.
    let english = bip39::Language::English;
    let last = english.find_word(list[42]).unwrap();
    let filled = english.word_list()[usize::from(last | 1)];
    refused(
        "filling_bit",
        "SHARE-3",
        "the bit that fills up the last word is set",
        "words",
        format!("{} {filled}", list[..42].join(" ")),
    );
    refused(
        "qr_lower_case",
        "SHARE-3",
        "lower-case base32",
        "qr",
        shares[0].to_qr().to_lowercase(),
    );
    refused(
        "qr_prefix",
        "SHARE-3",
        "another prefix",
        "qr",
        shares[0].to_qr().replace("greffe", "other"),
    );
    assert!(Share::from_bytes(bytes.as_ref()).is_ok());
}
