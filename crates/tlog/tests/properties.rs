//! Properties: any size, any index, any damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::LazyLock;

use proptest::prelude::*;
use tlog::*;

const LEAVES: u64 = 70_000;

/// One log with every tile of every growth step of 1000 leaves, and its leaf hashes.
static LOG: LazyLock<(Vec<Hash>, TileSet)> = LazyLock::new(|| {
    let leaves: Vec<Hash> = (0..LEAVES).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
    let (mut edge, mut tiles) = (TileEdge::empty(), TileSet::new());
    for step in leaves.chunks(1000) {
        edge.grow(step)
            .into_iter()
            .for_each(|tile| tiles.insert_data(tile));
    }
    (leaves, tiles)
});

/// The root of each size.
static ROOTS: LazyLock<Vec<Hash>> = LazyLock::new(|| {
    let mut frontier = Frontier::empty();
    let grown = LOG.0.iter().map(|leaf| {
        frontier.append(*leaf);
        frontier.root()
    });
    std::iter::once(Hash::empty_root()).chain(grown).collect()
});

fn root(size: u64) -> Hash {
    ROOTS[size as usize]
}

fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

/// TLOG-4: every pair of sizes up to 300, from tiles, and none with a hash more or less.
#[test]
fn tlog_4_consistency_of_all_small_sizes() {
    let roots: Vec<Hash> = (0..=300).map(root).collect();
    for to in 0..=300u64 {
        let mut prover = Prover::new(&LOG.1, TreeSize::new(to));
        assert_eq!(prover.root().unwrap(), roots[to as usize]);
        for from in 0..=to {
            let proof = prover.consistency(TreeSize::new(from)).unwrap();
            let verify = |proof: &ConsistencyProof, old: Hash, new: Hash| {
                proof.verify(TreeSize::new(from), old, TreeSize::new(to), new)
            };
            let (old, new) = (roots[from as usize], roots[to as usize]);
            assert_eq!(verify(&proof, old, new), Ok(()), "{from} to {to}");
            let more = [proof.hashes(), &[old]].concat();
            assert!(verify(&ConsistencyProof::from_hashes(more).unwrap(), old, new).is_err());
            if let Some((_, fewer)) = proof.hashes().split_last() {
                assert!(
                    verify(
                        &ConsistencyProof::from_hashes(fewer.to_vec()).unwrap(),
                        old,
                        new
                    )
                    .is_err()
                );
            }
            assert!(verify(&proof, flipped(old, 7), new).is_err());
            // A log that lies about its size under the same root, so that the proof is too short.
            let deeper = TreeSize::new(2 * to + 1);
            assert!(from == 0 || proof.verify(TreeSize::new(from), old, deeper, new).is_err());
            // From the empty tree, any tree continues.
            assert_eq!(
                verify(&proof, old, flipped(new, 7)).is_err(),
                from != 0 || to == 0
            );
        }
        assert!(prover.consistency(TreeSize::new(to + 1)).is_err());
    }
}

/// TLOG-2: every index of every size up to 130, one prover a size.
#[test]
fn tlog_2_inclusion_of_all_small_sizes() {
    for size in 1..=130u64 {
        let (mut prover, root) = (Prover::new(&LOG.1, TreeSize::new(size)), root(size));
        for index in (0..size).map(LogIndex::new) {
            let proof = prover.inclusion(index).unwrap();
            let leaf = prover.leaf(index).unwrap();
            assert_eq!(leaf, LOG.0[index.get() as usize]);
            assert_eq!(proof.verify(leaf, index, TreeSize::new(size), root), Ok(()));
            assert!(
                proof
                    .verify(leaf, index, TreeSize::new(2 * size + 1), root)
                    .is_err()
            );
            for other in (0..size).map(LogIndex::new).filter(|other| *other != index) {
                assert!(
                    proof
                        .verify(leaf, other, TreeSize::new(size), root)
                        .is_err()
                );
            }
        }
        assert!(prover.inclusion(LogIndex::new(size)).is_err());
    }
}

/// Sizes and indexes at the end of all numbers neither panic nor verify.
#[test]
fn far_numbers_are_refused() {
    let far = TreeSize::new(u64::MAX);
    let proof = InclusionProof::default();
    let leaf = LOG.0[0];
    assert!(
        proof
            .verify(leaf, LogIndex::new(u64::MAX - 1), far, leaf)
            .is_err()
    );
    assert!(
        proof
            .verify(leaf, LogIndex::new(u64::MAX), far, leaf)
            .is_err()
    );
    assert!(
        ConsistencyProof::default()
            .verify(TreeSize::new(u64::MAX - 1), leaf, far, leaf)
            .is_err()
    );
    let mut prover = Prover::new(&LOG.1, far);
    assert!(prover.inclusion(LogIndex::new(u64::MAX - 1)).is_err());
    assert!(prover.consistency(TreeSize::new(1 << 63)).is_err());
    assert!(prover.root().is_err());
    assert!(prover.frontier().is_err());
    assert!(
        !tiles_of_growth(TreeSize::new(u64::MAX - 5), far).is_empty()
            || partial_tiles(far).len() < 64
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    /// TLOG-2, TLOG-3: any index of any size is proved from tiles; any flipped bit is found.
    #[test]
    fn tlog_2_inclusion(size in 1..=LEAVES, at in any::<prop::sample::Index>(), bit in 0usize..256, nth in any::<prop::sample::Index>()) {
        let index = LogIndex::new(at.index(size as usize) as u64);
        let (size, root) = (TreeSize::new(size), root(size));
        let proof = prove_inclusion(&LOG.1, index, size).unwrap();
        let leaf = LOG.0[index.get() as usize];
        prop_assert_eq!(proof.verify(leaf, index, size, root), Ok(()));
        prop_assert!(proof.verify(flipped(leaf, bit), index, size, root).is_err());
        prop_assert!(proof.verify(leaf, index, size, flipped(root, bit)).is_err());
        let mut hashes = proof.hashes().to_vec();
        if !hashes.is_empty() {
            let nth = nth.index(hashes.len());
            hashes[nth] = flipped(hashes[nth], bit);
            prop_assert!(InclusionProof::from_hashes(hashes).unwrap().verify(leaf, index, size, root).is_err());
        }
    }

    /// TLOG-4: any two sizes; any flipped bit is found.
    #[test]
    fn tlog_4_consistency(a in 1..=LEAVES, b in 1..=LEAVES, bit in 0usize..256, nth in any::<prop::sample::Index>()) {
        let (from, to) = (a.min(b), a.max(b));
        let (old, new) = (root(from), root(to));
        let (from, to) = (TreeSize::new(from), TreeSize::new(to));
        let proof = prove_consistency(&LOG.1, from, to).unwrap();
        prop_assert_eq!(proof.verify(from, old, to, new), Ok(()));
        let mut hashes = proof.hashes().to_vec();
        if !hashes.is_empty() {
            let nth = nth.index(hashes.len());
            hashes[nth] = flipped(hashes[nth], bit);
            prop_assert!(ConsistencyProof::from_hashes(hashes).unwrap().verify(from, old, to, new).is_err());
        }
    }

    /// TLOG-5: what a caller is told to fetch is enough, and all of it is needed.
    #[test]
    fn tlog_5_fetched_tiles_are_enough(a in 1..=LEAVES, b in 1..=LEAVES) {
        let (from, to) = (TreeSize::new(a.min(b)), TreeSize::new(a.max(b)));
        let index = LogIndex::new(from.get() - 1);
        for (tiles, inclusion) in [(tiles_for_inclusion(index, to), true), (tiles_for_consistency(from, to), false)] {
            let only = |tiles: &[Tile]| {
                let mut set = TileSet::new();
                tiles.iter().for_each(|tile| set.insert(*tile, LOG.1.tile(*tile).unwrap()));
                if inclusion { prove_inclusion(&set, index, to).is_ok() } else { prove_consistency(&set, from, to).is_ok() }
            };
            prop_assert!(only(&tiles));
            if let Some((_, fewer)) = tiles.split_last() {
                prop_assert!(!only(fewer));
            }
        }
    }

    /// TLOG-5: a frontier or an edge taken up from tiles goes on to the same root.
    #[test]
    fn tlog_5_edges_resume(size in 0..=LEAVES, more in 0usize..600) {
        let rest = &LOG.0[size as usize..(size as usize + more).min(LOG.0.len())];
        let mut frontier = Prover::new(&LOG.1, TreeSize::new(size)).frontier().unwrap();
        let mut edge = TileEdge::resume(TreeSize::new(size), &LOG.1).unwrap();
        prop_assert_eq!(frontier.root(), root(size));
        prop_assert_eq!(edge.root(), root(size));
        frontier.extend(rest);
        edge.grow(rest);
        prop_assert_eq!(frontier.size(), edge.size());
        prop_assert_eq!(frontier.root(), edge.root());
    }

    /// TLOG-11: no parser panics, and what is read is written back the same.
    #[test]
    fn tlog_11_parsers_stand_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "(old|index|extra|—| |\n|a|A|=|0|1|c2sp.org/tlog-proof@v1\n){0,60}") {
        for input in [&bytes[..], text.as_bytes()] {
            if let Ok(note) = SignedNote::parse(input) {
                let written = note.to_string();
                prop_assert_eq!(written.as_bytes(), input);
            }
            let _ = SignedCheckpoint::parse(input);
            let _ = AddCheckpoint::parse(input);
            let _ = LogProof::parse(input);
            let _ = parse_cosignatures(input);
            let _ = parse_conflict(input);
            if let Ok(entries) = decode_bundle(input) {
                prop_assert_eq!(encode_bundle(&entries).unwrap(), input);
            }
        }
        if let Some(tile) = Tile::parse_path(&text) {
            prop_assert_eq!(tile.path(), text.clone());
        }
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
