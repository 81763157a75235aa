//! One pass over foreign bytes before anything is built from them.

use crate::CanonicalError;

/// Deepest nesting of arrays and maps that a reader accepts (CBOR-3).
pub const MAX_DEPTH: usize = 64;

/// What the pass saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// Deepest nesting of arrays and maps, at most [`MAX_DEPTH`].
    pub depth: usize,
    /// Bytes of the longest text string.
    pub longest_text: usize,
}

/// Checks that `bytes` are exactly one item in deterministic encoding (CBOR-1, CBOR-2, CBOR-3).
///
/// Takes time linear in the length and memory bounded by [`MAX_DEPTH`], whatever the bytes say.
///
/// # Errors
///
/// The first deviation met, with its place.
pub fn check(bytes: &[u8]) -> Result<Shape, CanonicalError> {
    let mut shape = Shape::default();
    let mut at = 0;
    let mut open: [Level; MAX_DEPTH] = [Level::CLOSED; MAX_DEPTH];
    let mut depth = 0;
    loop {
        let start = at;
        let head = head(bytes, &mut at)?;
        let mut opened = None;
        match head.major {
            0 | 1 => {}
            2 => skip(bytes, &mut at, head.value, start)?,
            3 => {
                let from = at;
                skip(bytes, &mut at, head.value, start)?;
                let text = bytes.get(from..at).unwrap_or_default();
                if std::str::from_utf8(text).is_err() {
                    return Err(CanonicalError::NotUtf8 { at: start });
                }
                shape.longest_text = shape.longest_text.max(text.len());
            }
            4 => opened = Some((head.value, false)),
            5 => opened = Some((head.value.saturating_mul(2), true)),
            7 if head.value == 20 || head.value == 21 => {}
            _ => return Err(CanonicalError::Forbidden { at: start }),
        }
        if let Some((items, map)) = opened {
            let Some(level) = open.get_mut(depth) else {
                return Err(CanonicalError::TooDeep { at: start });
            };
            *level = Level {
                items,
                map,
                former: (0, 0),
                key: at,
            };
            depth += 1;
            shape.depth = shape.depth.max(depth);
        }
        // Close what is complete; then the next item begins at `at`.
        loop {
            let Some(level) = depth.checked_sub(1).and_then(|top| open.get_mut(top)) else {
                return if at == bytes.len() {
                    Ok(shape)
                } else {
                    Err(CanonicalError::Trailing { at })
                };
            };
            if opened.take().is_none() {
                level.completed(bytes, at)?;
            }
            if level.items > 0 {
                break;
            }
            depth -= 1;
        }
    }
}

/// An array or map that is being read.
#[derive(Clone, Copy)]
struct Level {
    /// Items that are still to come; a map has two for each entry.
    items: u64,
    map: bool,
    /// Where the map's last key stands; empty before the first.
    former: (usize, usize),
    /// Where the item that is being read begins.
    key: usize,
}

impl Level {
    const CLOSED: Self = Self {
        items: 0,
        map: false,
        former: (0, 0),
        key: 0,
    };

    /// Takes note of an item that ends before `end`.
    fn completed(&mut self, bytes: &[u8], end: usize) -> Result<(), CanonicalError> {
        if self.map && self.items.is_multiple_of(2) {
            let key = bytes.get(self.key..end).unwrap_or_default();
            // Nothing comes before the first key: it compares with the empty string.
            let former = bytes.get(self.former.0..self.former.1).unwrap_or_default();
            if former >= key {
                return Err(CanonicalError::KeyOrder { at: self.key });
            }
            self.former = (self.key, end);
        }
        self.items -= 1;
        self.key = end;
        Ok(())
    }
}

struct Head {
    major: u8,
    value: u64,
}

fn head(bytes: &[u8], at: &mut usize) -> Result<Head, CanonicalError> {
    let start = *at;
    let short = CanonicalError::Short { at: start };
    let Some(&first) = bytes.get(start) else {
        return Err(short);
    };
    let (major, info) = (first >> 5, first & 0x1f);
    *at += 1;
    let width = match info {
        0..=23 => {
            return Ok(Head {
                major,
                value: u64::from(info),
            });
        }
        24..=27 => 1_usize << (info - 24),
        31 => return Err(CanonicalError::Indefinite { at: start }),
        _ => return Err(CanonicalError::Forbidden { at: start }),
    };
    // Simple values beyond the first twenty-four, and floating point.
    if major == 7 {
        return Err(CanonicalError::Forbidden { at: start });
    }
    let Some(field) = bytes.get(*at..*at + width) else {
        return Err(short);
    };
    *at += width;
    let value = field
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let least = match width {
        1 => 24,
        2 => 1 << 8,
        4 => 1 << 16,
        _ => 1 << 32,
    };
    if value < least {
        return Err(CanonicalError::NotShortest { at: start });
    }
    Ok(Head { major, value })
}

fn skip(bytes: &[u8], at: &mut usize, length: u64, start: usize) -> Result<(), CanonicalError> {
    let rest = bytes.len() - *at;
    match usize::try_from(length) {
        Ok(length) if length <= rest => {
            *at += length;
            Ok(())
        }
        _ => Err(CanonicalError::Short { at: start }),
    }
}
