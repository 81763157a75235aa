//! Where the newest admitted entries stand, so that a repeated entry finds its old receipt without
//! asking the caller (CHAIN-3).

use std::collections::{HashMap, VecDeque};

use super::Admitted;
use crate::id::{SequenceNumber, SignerId};
use crate::limit;

/// Bounded for all signers together: a bound for each would let many signers take any memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    places: HashMap<(SignerId, SequenceNumber), Admitted>,
    order: VecDeque<(SignerId, SequenceNumber)>,
}

impl Recent {
    pub(super) fn find(&self, signer: SignerId, number: SequenceNumber) -> Option<Admitted> {
        self.places.get(&(signer, number)).copied()
    }

    pub(super) fn keep(&mut self, signer: SignerId, number: SequenceNumber, admitted: Admitted) {
        if self.order.len() == limit::RECENT_ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.places.remove(&oldest);
        }
        self.order.push_back((signer, number));
        self.places.insert((signer, number), admitted);
    }
}
