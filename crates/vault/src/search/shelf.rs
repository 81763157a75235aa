//! Partitions that a search may need; those that are not needed stay closed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use record::Milliseconds;

use super::query::Span;
use crate::partition::{OpenError, Partition, PartitionId};

type Open = Box<dyn Fn() -> Result<Arc<Partition>, OpenError> + Send + Sync>;

/// One partition: open, or known by its dates and opened once a search touches them.
pub struct Shelf {
    id: PartitionId,
    range: Option<(Milliseconds, Milliseconds)>,
    open: Option<Open>,
    partition: OnceLock<Arc<Partition>>,
}

impl Shelf {
    /// A partition that is open.
    pub fn open(partition: Arc<Partition>) -> Self {
        let id = partition.id();
        Self {
            id,
            range: None,
            open: None,
            partition: OnceLock::from(partition),
        }
    }

    /// A partition that stays closed until a search asks for a moment between `earliest` and `latest`.
    pub fn closed(
        id: PartitionId,
        earliest: Milliseconds,
        latest: Milliseconds,
        open: impl Fn() -> Result<Arc<Partition>, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            range: Some((earliest, latest)),
            open: Some(Box::new(open)),
            partition: OnceLock::new(),
        }
    }

    /// The partition's id.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// Whether it has been opened.
    pub fn is_open(&self) -> bool {
        self.partition.get().is_some()
    }

    /// Moments of its earliest and latest record; `None` if it is open and empty.
    pub fn range(&self) -> Option<(Milliseconds, Milliseconds)> {
        match self.partition.get() {
            Some(partition) => partition.range(),
            None => self.range,
        }
    }

    pub(crate) fn touches(&self, span: Span) -> bool {
        self.range()
            .is_some_and(|(earliest, latest)| span.touches(earliest, latest))
    }

    /// The partition, opened if it was not.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn partition(&self) -> Result<Arc<Partition>, OpenError> {
        if let Some(partition) = self.partition.get() {
            return Ok(Arc::clone(partition));
        }
        let Some(open) = &self.open else {
            return Err(OpenError::Existence { there: false });
        };
        // Two searches may both come here; the partition's lock lets one of them open it, and the other
        // finds it when it looks again.
        match open() {
            Ok(partition) => Ok(Arc::clone(self.partition.get_or_init(|| partition))),
            Err(error) => self.partition.get().map(Arc::clone).ok_or(error),
        }
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("id", &self.id)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
