//! The small unsigned numbers of the format, each with its name.

use minicbor::{Decode, Encode};

macro_rules! codes {
    ($(
        $(#[$about:meta])*
        $name:ident { $( $(#[$meaning:meta])* $variant:ident = $code:tt $text:literal, )+ }
    )+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $name { $( $(#[$meaning])* #[n($code)] $variant, )+ }

        impl $name {
            /// All of them, in the order of their numbers.
            #[must_use]
            pub const fn all() -> &'static [Self] {
                &[$( Self::$variant, )+]
            }

            /// The number in the encoding.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $( Self::$variant => $code, )+ }
            }

            /// The name in the specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// The one with that name in the specification.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $text => Some(Self::$variant), )+ _ => None }
            }
        }
    )+};
}

codes! {
    /// What a record's body is (RECORD-3).
    Kind {
        /// Something was said or sent.
        Message = 0 "message",
        /// An earlier message was changed.
        Edit = 1 "edit",
        /// Earlier messages were taken back, removed or ran out.
        Delete = 2 "delete",
        /// Somebody reacted to a message, or took that back.
        Reaction = 3 "reaction",
        /// Messages were sent on, delivered, read, played, or failed.
        Receipt = 4 "receipt",
        /// A call and what became of it.
        Call = 5 "call",
        /// People came, went, or changed their role.
        Membership = 6 "membership",
        /// The conversation itself changed.
        Change = 7 "change",
        /// A poll, a vote, a poll's end.
        Poll = 8 "poll",
        /// A consent or a notice.
        Consent = 9 "consent",
        /// Something that could not be captured.
        Loss = 10 "loss",
        /// Who belongs to a conversation.
        Roster = 11 "roster",
        /// What somebody is doing, such as typing.
        Activity = 12 "activity",
        /// Something happened to the account itself.
        Account = 13 "account",
        /// An event that the model does not know.
        Unknown = 14 "unknown",
    }

    /// Which way an event went, as the captured account sees it.
    #[derive(Default)]
    Direction {
        /// Neither way.
        #[default]
        None = 0 "none",
        /// From others to the account.
        Incoming = 1 "incoming",
        /// From the account to others.
        Outgoing = 2 "outgoing",
    }

    /// How sure the source is.
    Assurance {
        /// Decrypted by the account's own device.
        Device = 0 "device",
        /// Delivered by a business interface of the network.
        Business = 1 "business",
        /// Read from an export.
        Export = 2 "export",
    }

    /// When the event was captured.
    Mode {
        /// As it happened.
        Live = 0 "live",
        /// Later, from the network's history.
        Backfill = 1 "backfill",
        /// Later, from a file.
        Import = 2 "import",
    }

    /// What a further name of a participant is.
    AliasKind {
        /// A telephone number.
        Phone = 0 "phone",
        /// A user name of the network.
        Username = 1 "username",
        /// The name that the participant shows to others.
        Display = 2 "display",
        /// An e-mail address.
        Email = 3 "email",
        /// Another id of the network.
        Id = 4 "id",
        /// The name in the account's own address book.
        Contact = 5 "contact",
    }

    /// What a conversation is.
    #[derive(Default)]
    ConversationKind {
        /// The source does not say.
        #[default]
        Unknown = 0 "unknown",
        /// Two people.
        Direct = 1 "direct",
        /// Several people.
        Group = 2 "group",
        /// Few write, many read.
        Channel = 3 "channel",
        /// One writes to a list.
        Broadcast = 4 "broadcast",
        /// Notes to oneself.
        SelfNotes = 5 "self",
    }

    /// Why content is missing.
    MissingWhy {
        /// The export or interface does not include it.
        NotIncluded = 0 "not-included",
        /// The network no longer had it.
        Expired = 1 "expired",
        /// The network or the author withholds it.
        Withheld = 2 "withheld",
        /// Fetching failed.
        Failed = 3 "failed",
        /// Larger than a limit.
        TooLarge = 4 "too-large",
    }

    /// From when an expiry counts.
    ExpiryStart {
        /// From sending.
        Sent = 0 "sent",
        /// From reading.
        Read = 1 "read",
    }

    /// For whom, or by what, a message was deleted.
    #[derive(Default)]
    DeleteScope {
        /// The source does not say.
        #[default]
        Unknown = 0 "unknown",
        /// For all.
        All = 1 "all",
        /// For the account only.
        Me = 2 "me",
        /// Its time ran out.
        Expired = 3 "expired",
        /// By a moderator.
        Moderator = 4 "moderator",
    }

    /// What a receipt tells.
    ReceiptState {
        /// Taken by the network.
        Sent = 0 "sent",
        /// Reached a device.
        Delivered = 1 "delivered",
        /// Read.
        Read = 2 "read",
        /// Viewed, once.
        Viewed = 3 "viewed",
        /// Played.
        Played = 4 "played",
        /// Failed.
        Failed = 5 "failed",
    }

    /// What a call carried.
    #[derive(Default)]
    CallMedia {
        /// The source does not say.
        #[default]
        Unknown = 0 "unknown",
        /// Voice.
        Audio = 1 "audio",
        /// Picture and voice.
        Video = 2 "video",
    }

    /// What happened to a call.
    CallState {
        /// It was offered.
        Offered = 0 "offered",
        /// It rang.
        Ringing = 1 "ringing",
        /// It was taken.
        Answered = 2 "answered",
        /// It was declined.
        Declined = 3 "declined",
        /// The other side was busy.
        Busy = 4 "busy",
        /// Nobody took it.
        Missed = 5 "missed",
        /// It ended.
        Ended = 6 "ended",
        /// It failed.
        Failed = 7 "failed",
        /// Something else.
        Other = 8 "other",
    }

    /// What happened to a member.
    MemberAct {
        /// Came by its own act.
        Joined = 0 "joined",
        /// Went by its own act.
        Left = 1 "left",
        /// Was brought in.
        Added = 2 "added",
        /// Was put out.
        Removed = 3 "removed",
        /// Was invited.
        Invited = 4 "invited",
        /// Got a higher role.
        Promoted = 5 "promoted",
        /// Got a lower role.
        Demoted = 6 "demoted",
        /// Asked to come in.
        Requested = 7 "requested",
        /// Was banned.
        Banned = 8 "banned",
        /// Was refused, or declined an invitation.
        Declined = 9 "declined",
        /// Something else.
        Other = 10 "other",
    }

    /// What happened to a poll.
    PollAct {
        /// It was asked.
        Created = 0 "created",
        /// Somebody voted.
        Voted = 1 "voted",
        /// It was closed.
        Closed = 2 "closed",
    }

    /// What a consent or notice says.
    ConsentAct {
        /// Somebody agreed.
        Agreed = 0 "agreed",
        /// Somebody declined.
        Declined = 1 "declined",
        /// Somebody was told.
        Notice = 2 "notice",
        /// Somebody took an agreement back.
        Withdrawn = 3 "withdrawn",
    }

    /// Why something could not be captured.
    LossWhy {
        /// It could not be decrypted.
        Undecryptable = 0 "undecryptable",
        /// It was damaged.
        Damaged = 1 "damaged",
        /// The connector was not running or not connected.
        Offline = 2 "offline",
        /// The device was unlinked.
        Unlinked = 3 "unlinked",
        /// The network refused it.
        Refused = 4 "refused",
        /// It had expired.
        Expired = 5 "expired",
        /// It was larger than a limit.
        TooLarge = 6 "too-large",
        /// Another limit was reached.
        Limit = 7 "limit",
        /// The connector can not read it.
        Unsupported = 8 "unsupported",
        /// Something else.
        Other = 9 "other",
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_without_holes() {
        for (number, kind) in Kind::all().iter().enumerate() {
            assert_eq!(usize::from(kind.code()), number);
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
            assert_eq!(canonical::to_bytes(kind), [kind.code()]);
        }
        assert_eq!(Kind::all().len(), 15);
        assert!(canonical::from_bytes::<Kind>(&[15]).is_err());
    }
}
