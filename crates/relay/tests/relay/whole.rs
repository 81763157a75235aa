//! Reads a log's files as they lie in a folder and believes nothing of them.

use std::path::{Path, PathBuf};

use tlog::{
    Bundle, ConsistencyProof, Hash, SignedCheckpoint, TileEdge, TreeSize, decode_checked_bundle,
};
use wire::authority::{Admitted, Past};
use wire::verify::{Follower, ReadLeaf};
use wire::{Entry, Seen, SequenceNumber, SignerId};

use crate::house::Owner;

pub fn log_folder(owner: &Owner, folder: &Path) -> PathBuf {
    folder
        .join("archives")
        .join(owner.archive().to_string())
        .join("log")
}

/// Verifies checkpoint, tiles, bundles, chains and authority of the whole log; returns its entries.
pub async fn verify(owner: &Owner, folder: &Path) -> Vec<Entry> {
    let folder = log_folder(owner, folder);
    let checkpoint = std::fs::read(folder.join("checkpoint")).unwrap();
    let signed = SignedCheckpoint::parse(&checkpoint).unwrap();
    let size = signed.claimed().size();
    let checkpoint_root = signed
        .verify(&owner.origin(), &[owner.log_key()])
        .unwrap()
        .root();

    let mut leaves: Vec<Vec<u8>> = Vec::new();
    let mut edge = TileEdge::empty();
    for bundle in tlog::bundles_of_growth(TreeSize::ZERO, size) {
        let bytes = std::fs::read(folder.join(bundle.path())).unwrap();
        let tile = std::fs::read(folder.join(bundle.tile().path())).unwrap();
        assert_eq!(tile.len(), bundle.tile().byte_len());
        let entries = decode_checked_bundle(bundle, &bytes, &tile).unwrap();
        leaves.extend(entries.iter().map(|leaf| leaf.to_vec()));
    }
    assert_eq!(leaves.len() as u64, size.get());
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
    for data in edge.grow(&hashes) {
        assert_eq!(
            std::fs::read(folder.join(data.tile().path())).unwrap(),
            data.bytes(),
            "{}",
            data.tile()
        );
    }
    assert_eq!(edge.root(), checkpoint_root);
    assert_only(&folder, size);

    let follower = Follower::new(owner.genesis.clone());
    let accepted = follower
        .accept(&checkpoint, &ConsistencyProof::default())
        .unwrap();
    let mut run = follower.follow(accepted);
    for leaf in &leaves {
        run = run.leaf(ReadLeaf::parse(leaf).unwrap(), &Nothing).unwrap();
    }
    let settled = run.settle(&ConsistencyProof::default()).unwrap();
    settled
        .entries
        .iter()
        .map(|verified| verified.entry().clone())
        .collect()
}

/// What the tree has outgrown is gone: no partial file but those of its edge, nothing staged.
fn assert_only(folder: &Path, size: TreeSize) {
    let mut expected: Vec<String> = tlog::partial_tiles(size)
        .iter()
        .map(|tile| tile.path())
        .collect();
    expected.extend(Bundle::in_tree(size.get() / 256, size).map(|bundle| bundle.path()));
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.retain(|path| path.contains(".p/") || path.starts_with("staged/"));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push(
                path.strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
}

/// A follower that begins at the first leaf has no past beyond its own run.
struct Nothing;

impl Past for Nothing {
    type Error = std::convert::Infallible;

    fn admitted(&self, _: &SignerId, _: SequenceNumber) -> Result<Option<Admitted>, Self::Error> {
        Ok(None)
    }

    fn agrees(&self, _: &Seen) -> Result<bool, Self::Error> {
        Ok(false)
    }
}
