//! What connectors of networks' business interfaces have in common: such a network posts events to
//! a listener of ours or is asked for them over HTTP, keeps them for a while, and hands out files by
//! an id that expires.
//!
//! In scope: a listener for webhooks ([`Listener`], [`Door`]), an inbox on disk that is sealed and
//! synced before the network gets its answer ([`Inbox`]), fetching files as long as the network has
//! them ([`download`]), and the way from the inbox to the agent ([`Line`]).
//! Out of scope: what a network's events say (its normalizer), how it signs and where it keeps
//! files (its connector), sealing and keeping (the agent's).
//!
//! Start reading at [`Line::run`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod fetch;
mod inbox;
mod key;
mod line;
mod listener;
mod own;
mod secret;
mod sniff;
mod standing;
mod system;

pub use fetch::{
    ClientError, FetchError, Fetched, Wanted, client, download, is_trusted_address, refusal,
};
pub use inbox::{Inbox, InboxError, Kept, LossNote, SharedInbox};
pub use key::{FolderKey, KeyError};
pub use line::{Fetching, Line, LineSettings, Network};
pub use listener::{Door, Endpoint, Limits, ListenError, Listener, Whose};
pub use secret::{Secret, is_same};
pub use standing::{Saying, Standing, Teller};
pub use system::now;
