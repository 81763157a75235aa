//! All labels of this crate.

use canonical::Label;

/// Of record ids (RECORD-1).
pub(crate) const RECORD_ID: Label = Label::new("greffe/record-id/v1");
