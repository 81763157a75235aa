//! The envelope: which event of which account this is, and when.

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::{
    Assurance, Direction, Kind, Milliseconds, Mode, NetworkName, RecordId, TextId, redact::redacted,
};

/// What is the same in all records that one connector makes of one captured account.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The network.
    pub network: NetworkName,
    /// The captured account's stable id on its network.
    pub account: TextId,
    /// Opaque id of the person whose account it is.
    pub custodian: TextId,
    /// The connector and its version, such as `imports/0.1.0 whatsapp-export`.
    pub connector: TextId,
    /// How sure the source is.
    pub assurance: Assurance,
    /// When the events are captured.
    pub mode: Mode,
}

/// The first part of a record. Made by [`Record::new`](crate::Record::new) from a builder.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Envelope {
    #[n(0)]
    version: Version,
    #[n(1)]
    id: RecordId,
    #[n(2)]
    network: NetworkName,
    #[n(3)]
    account: TextId,
    #[n(4)]
    conversation: TextId,
    #[n(5)]
    source_id: TextId,
    #[n(6)]
    kind: Kind,
    #[n(7)]
    direction: Direction,
    #[n(8)]
    times: Times,
    #[n(9)]
    assurance: Assurance,
    #[n(10)]
    custodian: TextId,
    #[n(11)]
    roster: Option<RecordId>,
    #[n(12)]
    connector: TextId,
    #[n(13)]
    mode: Mode,
    #[n(14)]
    position: Option<u64>,
}

impl Envelope {
    /// Begins an envelope of the event that the network calls `source_id`, which must be unique
    /// in its conversation. `captured` is the agent's clock.
    pub fn builder(
        source: &Source,
        conversation: TextId,
        source_id: TextId,
        captured: Time,
    ) -> EnvelopeBuilder {
        EnvelopeBuilder {
            source: source.clone(),
            conversation,
            source_id,
            direction: Direction::None,
            times: Times {
                sent: None,
                server: None,
                received: None,
                captured,
            },
            roster: None,
            position: None,
        }
    }

    /// The record's id (RECORD-1).
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// The captured account's stable id on its network.
    #[must_use]
    pub fn account(&self) -> &TextId {
        &self.account
    }

    /// The conversation's stable id on its network.
    #[must_use]
    pub fn conversation(&self) -> &TextId {
        &self.conversation
    }

    /// The network's id of this event, unique in the conversation.
    #[must_use]
    pub fn source_id(&self) -> &TextId {
        &self.source_id
    }

    /// What the body is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which way the event went.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The event's times.
    #[must_use]
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// How sure the source is.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// Opaque id of the person whose account it is.
    #[must_use]
    pub fn custodian(&self) -> &TextId {
        &self.custodian
    }

    /// The roster in force, by record id.
    #[must_use]
    pub fn roster(&self) -> Option<RecordId> {
        self.roster
    }

    /// The connector and its version.
    #[must_use]
    pub fn connector(&self) -> &TextId {
        &self.connector
    }

    /// When the event was captured.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The source's own order within the conversation.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The id that the other fields give (RECORD-1).
    #[must_use]
    pub fn computed_id(&self) -> RecordId {
        let Self {
            network,
            account,
            conversation,
            source_id,
            kind,
            ..
        } = self;
        RecordId::of(network, account, conversation, source_id, *kind)
    }
}

/// An envelope whose kind and id are still to come; both follow from the body.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct EnvelopeBuilder {
    source: Source,
    conversation: TextId,
    source_id: TextId,
    direction: Direction,
    times: Times,
    roster: Option<RecordId>,
    position: Option<u64>,
}

impl EnvelopeBuilder {
    /// Which way the event went; [`Direction::None`] if not called.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// When it was sent, by the author's device.
    pub fn sent(mut self, time: impl Into<Option<Time>>) -> Self {
        self.times.sent = time.into();
        self
    }

    /// When the network accepted it.
    pub fn server(mut self, time: impl Into<Option<Time>>) -> Self {
        self.times.server = time.into();
        self
    }

    /// When the account's device received it.
    pub fn received(mut self, time: impl Into<Option<Time>>) -> Self {
        self.times.received = time.into();
        self
    }

    /// The roster in force.
    pub fn roster(mut self, roster: impl Into<Option<RecordId>>) -> Self {
        self.roster = roster.into();
        self
    }

    /// The source's own order within the conversation.
    pub fn position(mut self, position: impl Into<Option<u64>>) -> Self {
        self.position = position.into();
        self
    }

    pub(crate) fn build(self, kind: Kind) -> Envelope {
        let Source {
            network,
            account,
            custodian,
            connector,
            assurance,
            mode,
        } = self.source;
        let id = RecordId::of(
            &network,
            &account,
            &self.conversation,
            &self.source_id,
            kind,
        );
        Envelope {
            version: Version::One,
            id,
            network,
            account,
            conversation: self.conversation,
            source_id: self.source_id,
            kind,
            direction: self.direction,
            times: self.times,
            assurance,
            custodian,
            roster: self.roster,
            connector,
            mode,
            position: self.position,
        }
    }
}

/// When an event was sent, accepted, received and captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Times {
    /// Sent, by the author's device.
    #[n(0)]
    pub sent: Option<Time>,
    /// Accepted by the network.
    #[n(1)]
    pub server: Option<Time>,
    /// Received by the account's device.
    #[n(2)]
    pub received: Option<Time>,
    /// Captured, by the agent's clock.
    #[n(3)]
    pub captured: Time,
}

impl Times {
    /// The time by which people know the event: sent, else server, received, captured.
    #[must_use]
    pub fn best(&self) -> Time {
        self.sent
            .or(self.server)
            .or(self.received)
            .unwrap_or(self.captured)
    }
}

/// A time, with the offset that the source gave (TIME-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Time {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[n(0)]
    pub at: Milliseconds,
    /// The source's offset from UTC, where it gave one.
    #[n(1)]
    pub offset: Option<OffsetMinutes>,
}

impl Time {
    /// A time whose source gave no offset.
    #[must_use]
    pub const fn utc(at: Milliseconds) -> Self {
        Self { at, offset: None }
    }

    /// A time with its source's offset.
    #[must_use]
    pub const fn with_offset(at: Milliseconds, offset: OffsetMinutes) -> Self {
        Self {
            at,
            offset: Some(offset),
        }
    }
}

/// Minutes east of UTC, -1080 to 1080 (TIME-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OffsetMinutes(i16);

impl OffsetMinutes {
    /// `None` outside -1080 to 1080.
    #[must_use]
    pub const fn new(minutes: i16) -> Option<Self> {
        if minutes >= -1080 && minutes <= 1080 {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// Minutes east of UTC.
    #[must_use]
    pub const fn get(self) -> i16 {
        self.0
    }
}

impl<C> Encode<C> for OffsetMinutes {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.i16(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for OffsetMinutes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        Self::new(d.i16()?)
            .ok_or_else(|| decode::Error::message("offset beyond eighteen hours").at(at))
    }
}

/// The format's version, always 1.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
enum Version {
    #[n(1)]
    One,
}

redacted!(Envelope);

impl std::fmt::Debug for EnvelopeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EnvelopeBuilder({})", self.source.network)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_1_offsets_stay_within_eighteen_hours() {
        assert!(OffsetMinutes::new(1081).is_none());
        assert!(OffsetMinutes::new(-1081).is_none());
        assert_eq!(OffsetMinutes::new(-1080).unwrap().get(), -1080);
        // {0: 0, 1: 1081}
        assert!(canonical::from_bytes::<Time>(&[0xa2, 0, 0, 1, 0x19, 0x04, 0x39]).is_err());
        assert!(canonical::from_bytes::<Time>(&[0xa2, 0, 0, 1, 0x19, 0x04, 0x38]).is_ok());
    }
}
