//! Lists of objects in JSON files of any size: each element's bytes, and what is broken between.

use std::io::Read;

use connector::kit::KitError;

use crate::telegram::scan::{Broken, Place, Scanner, Slice};

/// A piece of a document.
pub(crate) enum Piece<'s> {
    /// A member beside the list: its name and value.
    Member(&'s str, Slice<'s>),
    /// An element, which is JSON.
    Element(Slice<'s>),
    /// What is none.
    Broken(Slice<'s>),
    /// The file ends before its end.
    EndsEarly(Place),
}

/// Finds where the next element begins, as the writer of the file indents it.
pub(crate) type Start = fn(&[u8]) -> Option<usize>;

type Take<'t> = &'t mut dyn FnMut(Piece<'_>) -> Result<(), KitError>;

/// Goes through an object of which one member is the list. What is broken is stepped over to the
/// next element.
pub(crate) fn in_object<R: Read>(
    input: &mut Scanner<R>,
    name: &str,
    start: Start,
    take: Take<'_>,
) -> Result<(), KitError> {
    if !input.take(b'{') {
        return rest(input, start, take);
    }
    loop {
        if input.take(b'}') {
            return Ok(());
        }
        if input.peek().is_none() {
            return take(Piece::EndsEarly(input.place()));
        }
        let Ok(key) = input.key() else {
            return rest(input, start, take);
        };
        if key == name && input.take(b'[') {
            if !elements(input, start, take)? {
                return Ok(());
            }
        } else {
            match input.value() {
                Ok(slice) => take(Piece::Member(&key, slice))?,
                Err(Broken) => return rest(input, start, take),
            }
        }
        input.take(b',');
    }
}

/// Goes through a list.
pub(crate) fn alone<R: Read>(
    input: &mut Scanner<R>,
    start: Start,
    take: Take<'_>,
) -> Result<(), KitError> {
    if !input.take(b'[') {
        return rest(input, start, take);
    }
    elements(input, start, take).map(|_| ())
}

/// The elements up to the end of the list; `false` where the file ends within it, which is said.
fn elements<R: Read>(
    input: &mut Scanner<R>,
    start: Start,
    take: Take<'_>,
) -> Result<bool, KitError> {
    loop {
        match input.peek() {
            Some(b']') => {
                input.take(b']');
                return Ok(true);
            }
            Some(b',') => {
                input.take(b',');
            }
            None => {
                take(Piece::EndsEarly(input.place()))?;
                return Ok(false);
            }
            Some(_) => match input.value() {
                Ok(slice) => {
                    let length = slice.bytes.len();
                    if serde_json::from_slice::<serde::de::IgnoredAny>(slice.bytes).is_ok() {
                        take(Piece::Element(slice))?;
                    } else {
                        input.back(length);
                        step(input, start, take)?;
                    }
                }
                Err(Broken) => step(input, start, take)?,
            },
        }
    }
}

/// All that is left, in pieces.
fn rest<R: Read>(input: &mut Scanner<R>, start: Start, take: Take<'_>) -> Result<(), KitError> {
    if input.peek().is_none() {
        return take(Piece::EndsEarly(input.place()));
    }
    while input.peek().is_some() {
        step(input, start, take)?;
    }
    Ok(())
}

fn step<R: Read>(input: &mut Scanner<R>, start: Start, take: Take<'_>) -> Result<(), KitError> {
    let mut outcome = Ok(());
    input.skip_to(start, &mut |slice| {
        if outcome.is_ok() && !slice.bytes.iter().all(u8::is_ascii_whitespace) {
            outcome = take(Piece::Broken(slice));
        }
    });
    outcome
}
