//! What a relay that lies can make: any log at all, signed with the archive's own log key, served
//! to whom it likes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use capture::RelayFailure;
use capture::spool::ObjectPlace;
use scenarios::simulation::{Line, Owner};
use tlog::{
    Bundle, Checkpoint, ConsistencyProof, Hash, LogIndex, LogSigner, Prover, SignedCheckpoint,
    SigningSeed, Tile, TileEdge, TileReader, TileSet, TreeSize, encode_bundle, prove_consistency,
};
use vault::follow::RelayError;
use wire::api::{ControlPage, LoggedLeaf, PostAnswer, SignerAnswer};
use wire::verify::receipt;
use wire::{
    AdmittedAt, Body, ControlNumber, Entry, Kind, Leaf, ObjectHash, SequenceNumber, SignerId,
};

/// A log that the relay has made up.
pub(crate) struct MadeLog {
    inner: Mutex<Inner>,
    signer: LogSigner,
    origin: tlog::Origin,
}

struct Inner {
    leaves: Vec<Leaf>,
    edge: TileEdge,
    tiles: TileSet,
}

impl MadeLog {
    /// These leaves, in this order, under the archive's log key.
    pub(crate) fn of(owner: &Owner, leaves: &[Leaf]) -> Arc<Self> {
        Self::signed_by(owner, &owner.log_seed(), leaves)
    }

    /// The same under any key.
    pub(crate) fn signed_by(owner: &Owner, seed: &SigningSeed, leaves: &[Leaf]) -> Arc<Self> {
        let origin = owner.origin();
        let made = Self {
            inner: Mutex::new(Inner {
                leaves: Vec::new(),
                edge: TileEdge::empty(),
                tiles: TileSet::new(),
            }),
            signer: LogSigner::new(origin.key_name().clone(), seed).unwrap(),
            origin,
        };
        for leaf in leaves {
            made.push(leaf.clone());
        }
        Arc::new(made)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn push(&self, leaf: Leaf) -> usize {
        let mut inner = self.inner();
        let grown = inner.edge.grow(&[Hash::leaf(&leaf.to_bytes())]);
        for tile in grown {
            inner.tiles.insert_data(tile);
        }
        inner.leaves.push(leaf);
        inner.leaves.len() - 1
    }

    /// Admits whatever it is given.
    pub(crate) fn admit(&self, entries: &[Entry]) -> PostAnswer {
        let at = self
            .inner()
            .leaves
            .last()
            .map(Leaf::admitted_at)
            .unwrap_or_default();
        let places: Vec<usize> = entries
            .iter()
            .map(|entry| self.push(Leaf::new(at, entry.clone())))
            .collect();
        let receipts = places.into_iter().map(|place| self.proof(place)).collect();
        PostAnswer::new(receipts, None)
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.inner().edge.size()
    }

    pub(crate) fn checkpoint(&self) -> SignedCheckpoint {
        let inner = self.inner();
        let checkpoint = Checkpoint::new(self.origin.clone(), inner.edge.size(), inner.edge.root());
        self.signer.sign(checkpoint).unwrap()
    }

    pub(crate) fn consistency(&self, old: TreeSize) -> ConsistencyProof {
        let inner = self.inner();
        prove_consistency(&inner.tiles, old, inner.edge.size()).unwrap()
    }

    fn proof(&self, index: usize) -> String {
        let checkpoint = self.checkpoint();
        let inner = self.inner();
        let place = LogIndex::new(index as u64);
        let inclusion = Prover::new(&inner.tiles, inner.edge.size())
            .inclusion(place)
            .unwrap();
        let at: AdmittedAt = inner.leaves[index].admitted_at();
        receipt(at, place, inclusion, checkpoint)
            .unwrap()
            .to_string()
    }

    fn logged(&self, index: usize) -> LoggedLeaf {
        let leaf = self.inner().leaves[index].to_bytes();
        LoggedLeaf {
            index: LogIndex::new(index as u64),
            leaf,
            proof: self.proof(index),
        }
    }

    /// A signer's entry of that number.
    pub(crate) fn entry_of(&self, signer: &SignerId, number: SequenceNumber) -> Option<Entry> {
        let inner = self.inner();
        let mut entries = inner.leaves.iter().map(Leaf::entry);
        let found = entries.find(|entry| entry.signer() == *signer && entry.number() == number);
        found.cloned()
    }

    fn newest(&self, kind: Kind) -> Option<usize> {
        let inner = self.inner();
        inner
            .leaves
            .iter()
            .rposition(|leaf| leaf.entry().kind() == kind)
    }

    fn bundle(&self, bundle: Bundle) -> Vec<u8> {
        let inner = self.inner();
        let first = usize::try_from(bundle.index() * 256).unwrap();
        let leaves: Vec<Vec<u8>> = inner.leaves[first..first + usize::from(bundle.width())]
            .iter()
            .map(Leaf::to_bytes)
            .collect();
        encode_bundle(&leaves).unwrap()
    }

    fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        let mut bytes = self.inner().tiles.tile(tile).ok()?;
        bytes.truncate(tile.byte_len());
        Some(bytes)
    }

    fn control(&self, from: ControlNumber) -> ControlPage {
        let acts: Vec<usize> = {
            let inner = self.inner();
            let numbered = inner.leaves.iter().enumerate();
            numbered
                .filter(|(_, leaf)| match leaf.entry().body() {
                    Body::Control(control) => control.number >= from,
                    _ => false,
                })
                .map(|(index, _)| index)
                .collect()
        };
        ControlPage::new(acts.into_iter().map(|index| self.logged(index)).collect())
    }
}

/// What a relay tells one party.
#[derive(Clone, Default)]
pub(crate) enum Lie {
    /// The truth.
    #[default]
    None,
    /// Another log, which also takes what the party posts.
    Log(Arc<MadeLog>),
    /// What the party posts is not taken.
    Stalled,
    /// Objects are not there.
    NoObjects,
    /// The vault has never said what it holds.
    NoStored,
    /// Control entries only below this number.
    ActsBelow(ControlNumber),
    /// The party is not known.
    Unknown,
    /// The receipts of this answer, whatever is posted.
    Receipts(PostAnswer),
}

/// One party's way to a relay that lies to it when it likes.
#[derive(Clone)]
pub(crate) struct Lying {
    truth: Line,
    lie: Arc<Mutex<Lie>>,
}

impl Lying {
    pub(crate) fn new(truth: Line) -> Self {
        Self {
            truth,
            lie: Arc::default(),
        }
    }

    /// From now on this is told.
    pub(crate) fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    /// The log that is shown instead of the true one.
    pub(crate) fn made(&self) -> Option<Arc<MadeLog>> {
        match self.lie() {
            Lie::Log(made) => Some(made),
            _ => None,
        }
    }

    fn lie(&self) -> Lie {
        self.lie.lock().unwrap().clone()
    }
}

impl capture::Relay for Lying {
    async fn upload(&self, object: ObjectHash, place: ObjectPlace) -> Result<(), RelayFailure> {
        match self.lie() {
            Lie::Log(_) => Ok(()),
            Lie::Unknown => Err(RelayFailure::Denied("who?".into())),
            _ => capture::Relay::upload(&self.truth, object, place).await,
        }
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayFailure> {
        match self.lie() {
            Lie::Log(made) => Ok(made.admit(entries)),
            Lie::Receipts(answer) => Ok(answer),
            Lie::Stalled => Err(RelayFailure::Unavailable {
                retry_after: None,
                source: "later".into(),
            }),
            _ => capture::Relay::post(&self.truth, entries).await,
        }
    }

    async fn control(&self, from: ControlNumber) -> Result<ControlPage, RelayFailure> {
        match self.lie() {
            Lie::Log(made) => Ok(made.control(from)),
            Lie::ActsBelow(number) => {
                let all = capture::Relay::control(&self.truth, from).await?;
                let shown = number.get().saturating_sub(from.get());
                let shown = usize::try_from(shown).unwrap();
                let entries = all.entries().iter().take(shown).cloned();
                Ok(ControlPage::new(entries.collect()))
            }
            _ => capture::Relay::control(&self.truth, from).await,
        }
    }

    async fn head(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        match self.made() {
            Some(made) => Ok(made.newest(Kind::Head).map(|index| made.logged(index))),
            None => capture::Relay::head(&self.truth).await,
        }
    }

    async fn stored(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        if let Lie::NoStored = self.lie() {
            return Ok(None);
        }
        match self.made() {
            Some(made) => Ok(made.newest(Kind::Stored).map(|index| made.logged(index))),
            None => capture::Relay::stored(&self.truth).await,
        }
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, RelayFailure> {
        // What the made log is too small for, the relay has from the true one.
        match self.made().and_then(|made| made.tile(tile)) {
            Some(bytes) => Ok(bytes),
            None => capture::Relay::tile(&self.truth, tile).await,
        }
    }

    async fn signer(&self, signer: SignerId) -> Result<SignerAnswer, RelayFailure> {
        capture::Relay::signer(&self.truth, signer).await
    }
}

impl vault::follow::Relay for Lying {
    async fn checkpoint(&self) -> Result<Vec<u8>, RelayError> {
        match self.made() {
            Some(made) => Ok(made.checkpoint().to_string().into_bytes()),
            None => vault::follow::Relay::checkpoint(&self.truth).await,
        }
    }

    async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, RelayError> {
        match self.made() {
            Some(made) => Ok(made.bundle(bundle)),
            None => vault::follow::Relay::bundle(&self.truth, bundle).await,
        }
    }

    async fn object(
        &self,
        hash: ObjectHash,
        from: u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), RelayError> {
        if let Lie::NoObjects = self.lie() {
            return Err(RelayError::NotFound);
        }
        self.truth.object(hash, from, sink).await
    }

    async fn put_object(&self, hash: ObjectHash, bytes: &[u8]) -> Result<(), RelayError> {
        self.truth.put_object(hash, bytes).await
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayError> {
        match self.made() {
            Some(made) => Ok(made.admit(entries)),
            None => vault::follow::Relay::post(&self.truth, entries).await,
        }
    }

    async fn next_number(&self, signer: SignerId) -> Result<SequenceNumber, RelayError> {
        self.truth.next_number(signer).await
    }
}
