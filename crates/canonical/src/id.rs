//! Ids: byte strings of a fixed length that name something and are no secret.

/// Defines a newtype over `[u8; N]` that encodes as a byte string, shows itself as lower-case
/// hexadecimal and is read from it. For ids and hashes, which may be shown; not for keys.
///
/// ```
/// canonical::define_id!(ShelfId, 16, "Names a shelf.");
///
/// let id = ShelfId::from_bytes([7; 16]);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[macro_export]
macro_rules! define_id {
    ($name:ident, $size:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl ::core::convert::TryFrom<&[u8]> for $name {
            type Error = ::core::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> ::core::result::Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(&$crate::hex(&self.0))
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let text = $crate::hex(&self.0);
                let short = text.get(..8).unwrap_or(&text);
                ::core::write!(f, concat!(stringify!($name), "({}…)"), short)
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::HexError;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                let mut bytes = [0; $size];
                $crate::hex_into(text, &mut bytes)?;
                ::core::result::Result::Ok(Self(bytes))
            }
        }

        impl<C> $crate::private::minicbor::Encode<C> for $name {
            fn encode<W: $crate::private::minicbor::encode::Write>(
                &self,
                e: &mut $crate::private::minicbor::Encoder<W>,
                _: &mut C,
            ) -> ::core::result::Result<(), $crate::private::minicbor::encode::Error<W::Error>>
            {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> $crate::private::minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut $crate::private::minicbor::Decoder<'b>,
                _: &mut C,
            ) -> ::core::result::Result<Self, $crate::private::minicbor::decode::Error> {
                let at = d.position();
                d.bytes()?.try_into().map(Self).map_err(|_| {
                    $crate::private::minicbor::decode::Error::message(concat!(
                        stringify!($name),
                        " of another length"
                    ))
                    .at(at)
                })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #![allow(
        unreachable_pub,
        dead_code,
        reason = "the macro is made for ids that others use"
    )]

    use crate::{CanonicalError, HexError, from_bytes, to_bytes};

    define_id!(ShelfId, 16, "Names a shelf.");

    #[test]
    fn shows_and_reads_itself() {
        let id = ShelfId::from_bytes([0xa1; 16]);
        assert_eq!(id.to_string(), "a1".repeat(16));
        assert_eq!(format!("{id:?}"), "ShelfId(a1a1a1a1…)");
        assert_eq!("a1".repeat(16).parse::<ShelfId>().unwrap(), id);
        assert_eq!(
            "A1".repeat(16).parse::<ShelfId>(),
            Err(HexError::Digit { at: 0 })
        );
        assert_eq!(
            "a1".parse::<ShelfId>(),
            Err(HexError::Length {
                found: 2,
                expected: 32
            })
        );
    }

    #[test]
    fn encodes_as_a_byte_string_of_its_length() {
        let id = ShelfId::from_bytes([1; 16]);
        let bytes = to_bytes(&id);
        assert_eq!(bytes, [&[0x50][..], &[1; 16]].concat());
        assert_eq!(from_bytes::<ShelfId>(&bytes).unwrap(), id);
        assert!(matches!(
            from_bytes::<ShelfId>(&[0x40]),
            Err(CanonicalError::Structure(_))
        ));
    }
}
