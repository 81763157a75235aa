//! Writes two logs in C2SP layout, with proofs and witness requests, for `rigs/tlog`, where
//! foreign software reads them: `cargo run -p tlog --example write_log -- FOLDER`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tlog::{
    AddCheckpoint, Checkpoint, CosignedAt, CosignerKey, Decision, Hash, KeyName, LogIndex,
    LogProof, LogSigner, Origin, Prover, SeenHead, SignedCheckpoint, SigningSeed, TileEdge,
    TileSet, TreeSize, Witness, bundles_of_growth, encode_bundle,
};

/// When the witnesses of the rig cosign; the foreign witness's clock is set to it.
const NOW: u64 = 1_790_000_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_log FOLDER")?);
    write_log(
        &folder.join("small"),
        "rig.example/small",
        &[1, 2, 255, 256, 257, 511, 600],
    )?;
    write_log(
        &folder.join("large"),
        "rig.example/large",
        &[1, 300, 65_535, 65_536, 65_537, 66_000],
    )
}

/// Leaf `n`: its number as 8 bytes, over and over, cut at a length that depends on it. The judge
/// makes the same leaves by itself.
fn leaf(n: u64) -> Vec<u8> {
    let len = if n % 9973 == 5 {
        65_535
    } else {
        (n * 7919 % 701) as usize
    };
    n.to_be_bytes().iter().copied().cycle().take(len).collect()
}

fn write_log(folder: &Path, name: &str, sizes: &[u64]) -> Outcome<()> {
    let origin = Origin::new(name)?;
    let signer = LogSigner::new(KeyName::new(name)?, &SigningSeed::from_bytes([1; 32]))?;
    let mut witnesses = [witness("rig.example/w1", 2)?, witness("rig.example/w2", 3)?];
    witnesses
        .iter_mut()
        .for_each(|w| w.follow(origin.clone(), vec![signer.verifier().clone()]));

    let (mut edge, mut tiles) = (TileEdge::empty(), TileSet::new());
    let mut seen = SeenHead::nothing();
    let (mut requests, mut consistency, mut inclusion): (Vec<Value>, Vec<Value>, Vec<Value>) =
        Default::default();
    let mut leaves = Vec::new();
    for &size in sizes {
        let from = edge.size();
        leaves.extend((from.get()..size).map(leaf));
        let new: Vec<Hash> = leaves
            .iter()
            .skip(usize::try_from(from.get())?)
            .map(|leaf| Hash::leaf(leaf))
            .collect();
        for tile in edge.grow(&new) {
            write(&folder.join(tile.tile().path()), tile.bytes())?;
            tiles.insert_data(tile);
        }
        for bundle in bundles_of_growth(from, edge.size()) {
            let first = usize::try_from(bundle.index())? * 256;
            let entries = leaves
                .get(first..first + usize::from(bundle.width()))
                .ok_or("bundle outside")?;
            write(&folder.join(bundle.path()), &encode_bundle(entries)?)?;
        }
        // A log that starts anew from its tiles must stand where this one stands.
        if TileEdge::resume(edge.size(), &tiles)? != edge {
            return Err("the edge does not resume".into());
        }

        let mut prover = Prover::new(&tiles, edge.size());
        let mut signed = signer.sign(Checkpoint::new(origin.clone(), edge.size(), edge.root()))?;
        let request = AddCheckpoint::new(
            seen.size(),
            prover.consistency(seen.size())?,
            signed.clone(),
        );
        requests.push(json!({ "body": request.to_string() }));
        for witness in &witnesses {
            let now = CosignedAt::from_unix_seconds(NOW).ok_or("time")?;
            let Decision::Cosign { line, .. } = witness.decide(seen, &request, now) else {
                return Err("our own witness refuses".into());
            };
            signed.add_signature(line)?;
        }
        seen = SeenHead::new(edge.size(), edge.root());
        write(
            &folder.join(format!("checkpoints/{size}")),
            signed.to_string().as_bytes(),
        )?;
        write(&folder.join("checkpoint"), signed.to_string().as_bytes())?;
        for &old in sizes.iter().filter(|old| **old <= size) {
            let proof = prover.consistency(TreeSize::new(old))?;
            consistency.push(json!({ "from": old, "to": size, "proof": texts(proof.hashes()) }));
        }
        let mut indexes: Vec<u64> = (0..40).map(|n| n * (size - 1) / 39).collect();
        indexes.dedup();
        for index in indexes {
            let proof = prover.inclusion(LogIndex::new(index))?;
            inclusion.push(json!({ "index": index, "size": size, "proof": texts(proof.hashes()) }));
        }
        proof_file(folder, &mut prover, size / 2, &signed)?;
    }
    let text = |value: &Value| serde_json::to_vec_pretty(value);
    write(&folder.join("requests.json"), &text(&json!(requests))?)?;
    write(
        &folder.join("consistency.json"),
        &text(&json!(consistency))?,
    )?;
    write(&folder.join("inclusion.json"), &text(&json!(inclusion))?)?;
    let keys: Vec<String> = witnesses
        .iter()
        .map(|witness| witness.verifier().to_string())
        .collect();
    let about = json!({ "origin": name, "log": signer.verifier().to_string(), "witnesses": keys, "now": NOW, "sizes": sizes });
    write(&folder.join("about.json"), &text(&about)?)
}

fn proof_file(
    folder: &Path,
    prover: &mut Prover<&TileSet>,
    index: u64,
    signed: &SignedCheckpoint,
) -> Outcome<()> {
    let proof = LogProof::new(
        LogIndex::new(index),
        prover.inclusion(LogIndex::new(index))?,
        signed.clone(),
    );
    let proof = proof.with_extra(b"the rig".to_vec()).ok_or("extra")?;
    let path = folder.join(format!("proofs/{}.tlog-proof", signed.claimed().size()));
    write(&path, proof.to_string().as_bytes())
}

fn witness(name: &str, seed: u8) -> Outcome<Witness> {
    Ok(Witness::new(CosignerKey::new(
        KeyName::new(name)?,
        &SigningSeed::from_bytes([seed; 32]),
    )?))
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, bytes)?)
}
