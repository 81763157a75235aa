//! Names of things, as networks give them and as Greffe computes them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::label;
use crate::limits::MAX_TEXT_ID;
use crate::{Kind, redact::redacted};

canonical::define_id!(
    RecordId,
    32,
    "Names a record: the same event met twice has the same id (RECORD-1)."
);

impl RecordId {
    /// Computes the id of the event that its network calls `source_id` (RECORD-1).
    #[must_use]
    pub fn of(
        network: &NetworkName,
        account: &TextId,
        conversation: &TextId,
        source_id: &TextId,
        kind: Kind,
    ) -> Self {
        let mut hasher = label::RECORD_ID.hash();
        hasher.update_sized(network.as_str().as_bytes());
        for text in [account, conversation, source_id] {
            hasher.update_sized(text.as_str().as_bytes());
        }
        hasher.update(&[kind.code()]);
        Self::from_bytes(hasher.finish())
    }
}

/// Why a text can not be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing at all.
    #[error("id is empty")]
    Empty,
    /// Above 512 bytes (a network's name: 32).
    #[error("id has {bytes} bytes, the most is {most}")]
    TooLong {
        /// Bytes found.
        bytes: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// A control character, or in a network's name anything but `a-z`, `0-9` and `-`.
    #[error("id has a character that is not allowed at byte {at}")]
    Character {
        /// Its offset in bytes.
        at: usize,
    },
    /// A participant id that does not begin with a scheme and a colon, or has nothing behind it.
    #[error("participant id has no scheme, or nothing behind it")]
    Scheme,
}

/// An id as a network gives it: 1 to 512 bytes of UTF-8 without control characters (RECORD-2).
///
/// Cheap to clone. Ids may be telephone numbers or names: they count as content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(Arc<str>);

impl TextId {
    /// Checks `text` and takes it as an id.
    ///
    /// # Errors
    ///
    /// When it is empty, above 512 bytes, or has a character of U+0000–001F or U+007F.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, IdError> {
        let text = text.into();
        check_text_id(&text)?;
        Ok(Self(text))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id of a participant that says what it is: `scheme:value` (RECORD-4).
///
/// Schemes are `aci`, `tel`, `user`, `chat`, `channel`, `wa`, `bsuid`, `mxid`, `wecom`, `name`
/// and others that a connector documents. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(TextId);

impl ParticipantId {
    /// Makes an id from its scheme and what stands behind the colon.
    ///
    /// # Errors
    ///
    /// When the scheme is not `a-z` followed by at most 31 of `a-z`, `0-9`, `-`, when nothing
    /// stands behind it, or when the whole is no [`TextId`].
    pub fn new(scheme: &str, value: &str) -> Result<Self, IdError> {
        Self::parse(format!("{scheme}:{value}"))
    }

    /// Checks `scheme:value` and takes it as an id.
    ///
    /// # Errors
    ///
    /// As [`ParticipantId::new`].
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, IdError> {
        let id = TextId::new(text)?;
        check_scheme(id.as_str())?;
        Ok(Self(id))
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What the id is: the part before the colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.as_str()
            .split_once(':')
            .map_or("", |(scheme, _)| scheme)
    }

    /// The part behind the first colon.
    #[must_use]
    pub fn value(&self) -> &str {
        self.as_str().split_once(':').map_or("", |(_, value)| value)
    }

    /// The same text as a plain id.
    #[must_use]
    pub fn to_text_id(&self) -> TextId {
        self.0.clone()
    }
}

/// The name of a network: 1 to 32 of `a-z`, `0-9`, `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(Cow<'static, str>);

impl NetworkName {
    /// Signal.
    pub const SIGNAL: Self = Self(Cow::Borrowed("signal"));
    /// WhatsApp.
    pub const WHATSAPP: Self = Self(Cow::Borrowed("whatsapp"));
    /// Telegram.
    pub const TELEGRAM: Self = Self(Cow::Borrowed("telegram"));
    /// WeChat and WeCom.
    pub const WECHAT: Self = Self(Cow::Borrowed("wechat"));
    /// Matrix.
    pub const MATRIX: Self = Self(Cow::Borrowed("matrix"));

    /// The networks that have a constant here.
    #[must_use]
    pub const fn known() -> [Self; 5] {
        [
            Self::SIGNAL,
            Self::WHATSAPP,
            Self::TELEGRAM,
            Self::WECHAT,
            Self::MATRIX,
        ]
    }

    /// Checks `name` and takes it.
    ///
    /// # Errors
    ///
    /// When it is empty, above 32 bytes, or has another character.
    pub fn new(name: &str) -> Result<Self, IdError> {
        if let Some(known) = Self::known().into_iter().find(|known| known.0 == name) {
            return Ok(known);
        }
        if name.is_empty() {
            return Err(IdError::Empty);
        }
        if name.len() > 32 {
            return Err(IdError::TooLong {
                bytes: name.len(),
                most: 32,
            });
        }
        match name.bytes().position(|byte| !is_name_byte(byte)) {
            Some(at) => Err(IdError::Character { at }),
            None => Ok(Self(Cow::Owned(name.to_owned()))),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkName({})", self.0)
    }
}

redacted!(TextId, ParticipantId);

fn check_text_id(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_TEXT_ID {
        return Err(IdError::TooLong {
            bytes: text.len(),
            most: MAX_TEXT_ID,
        });
    }
    match text.bytes().position(|byte| byte < 0x20 || byte == 0x7f) {
        Some(at) => Err(IdError::Character { at }),
        None => Ok(()),
    }
}

fn check_scheme(id: &str) -> Result<(), IdError> {
    let (scheme, value) = id.split_once(':').ok_or(IdError::Scheme)?;
    let sound = scheme.len() <= 32
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(is_name_byte)
        && !value.is_empty();
    if sound { Ok(()) } else { Err(IdError::Scheme) }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

macro_rules! as_text {
    ($name:ident, $read:expr) => {
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let at = d.position();
                $read(d.str()?).map_err(|error: IdError| decode::Error::custom(error).at(at))
            }
        }
    };
}

as_text!(TextId, TextId::new);
as_text!(ParticipantId, ParticipantId::parse);
as_text!(NetworkName, NetworkName::new);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_2_ids_have_limits_and_no_control_characters() {
        assert_eq!(TextId::new(""), Err(IdError::Empty));
        assert!(TextId::new("x".repeat(512)).is_ok());
        assert_eq!(
            TextId::new("x".repeat(513)),
            Err(IdError::TooLong {
                bytes: 513,
                most: 512
            })
        );
        for (text, at) in [("\0", 0), ("a\nb", 1), ("ab\u{7f}", 2), ("\u{1f}", 0)] {
            assert_eq!(TextId::new(text), Err(IdError::Character { at }));
        }
        assert!(TextId::new("名 字\u{80}").is_ok());
    }

    #[test]
    fn record_4_participants_say_what_they_are() {
        let id = ParticipantId::new("mxid", "@a:example.org").unwrap();
        assert_eq!((id.scheme(), id.value()), ("mxid", "@a:example.org"));
        for text in ["+491700000001", ":x", "tel:", "Tel:1", "1tel:1", "t el:1"] {
            assert_eq!(ParticipantId::parse(text), Err(IdError::Scheme), "{text}");
        }
        assert_eq!(ParticipantId::parse(""), Err(IdError::Empty));
    }

    #[test]
    fn networks_have_plain_names() {
        assert_eq!(NetworkName::new("signal").unwrap(), NetworkName::SIGNAL);
        assert!(NetworkName::new("x-9").is_ok());
        assert!(NetworkName::new("Signal").is_err());
        assert!(NetworkName::new(&"x".repeat(33)).is_err());
    }

    #[test]
    fn record_1_id_is_the_hash_of_its_input() {
        let text = |text: &str| TextId::new(text).unwrap();
        let id = RecordId::of(
            &NetworkName::SIGNAL,
            &text("a"),
            &text("bc"),
            &text("d"),
            Kind::Edit,
        );
        let input =
            b"\x13greffe/record-id/v1\0\0\0\x06signal\0\0\0\x01a\0\0\0\x02bc\0\0\0\x01d\x01";
        assert_eq!(id.as_bytes(), &canonical::sha256(input));
    }
}
