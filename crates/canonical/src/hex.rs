//! Lower-case hexadecimal, as ids and vectors are written.

/// Why a text is not the hexadecimal form of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// Too short or too long.
    #[error("has {found} characters where {expected} are wanted")]
    Length {
        /// Characters found.
        found: usize,
        /// Characters wanted.
        expected: usize,
    },
    /// A character other than `0-9a-f`.
    #[error("character {at} is not a lower-case hexadecimal digit")]
    Digit {
        /// Its place, from 0.
        at: usize,
    },
}

/// `bytes` as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reads lower-case hexadecimal digits into `bytes`.
///
/// # Errors
///
/// When the text has another length than twice that of `bytes`, or another character.
pub fn hex_into(text: &str, bytes: &mut [u8]) -> Result<(), HexError> {
    let digits = text.as_bytes();
    if digits.len() != bytes.len() * 2 {
        return Err(HexError::Length {
            found: digits.len(),
            expected: bytes.len() * 2,
        });
    }
    for (place, (byte, pair)) in bytes.iter_mut().zip(digits.chunks_exact(2)).enumerate() {
        *byte = 0;
        for (half, digit) in pair.iter().enumerate() {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => {
                    return Err(HexError::Digit {
                        at: place * 2 + half,
                    });
                }
            };
            *byte = *byte << 4 | nibble;
        }
    }
    Ok(())
}
