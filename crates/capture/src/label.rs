//! All domain-separation labels of this crate (HASH-1). They derive keys that never leave the
//! agent's folder.

use canonical::Label;

/// Key of the names of shards (SPOOL-5).
pub(crate) const SHARD: Label = Label::new("greffe/agent-shard/v1");
/// Key of the marks of records (SPOOL-5).
pub(crate) const MARK: Label = Label::new("greffe/agent-mark/v1");
/// Key of the marks of what records say (SPOOL-7).
pub(crate) const CONTENT: Label = Label::new("greffe/agent-content/v1");
/// Part of the source id of a record that is kept apart from another with its id (SPOOL-6).
pub(crate) const APART: Label = Label::new("greffe/agent-apart/v1");
/// Key of the names of plain files that are to be deleted (SPOOL-3).
pub(crate) const NAME: Label = Label::new("greffe/agent-file/v1");
/// Key of the handles of accounts.
pub(crate) const HANDLE: Label = Label::new("greffe/agent-account/v1");
/// Key that positions of sources are sealed under (SPOOL-3).
pub(crate) const POSITION: Label = Label::new("greffe/agent-position/v1");
/// Key that the agent's secrets are wrapped under, from the system's credential (AGENT-7).
pub(crate) const WRAP: Label = Label::new("greffe/agent-wrap/v1");
