//! Every domain-separation label of this crate (HASH-1).

use canonical::Label;

/// The mark of a reading room over what it keeps of the log (ROOM-9).
pub(crate) const ROOM_ROWS: Label = Label::new("greffe/room-rows/v1");
/// The hash over a room's outlines, which the mark covers (ROOM-9).
pub(crate) const ROOM_OUTLINES: Label = Label::new("greffe/room-outlines/v1");
