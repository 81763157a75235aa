//! The plaintext of a sealed object: form, length, content, zeros (BATCH-4, BATCH-5).

/// Least plaintext of the live form, in bytes.
const LEAST: usize = 1024;

/// Form byte and content length.
pub(crate) const HEADER: usize = 5;

/// How the content of a plaintext stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is: never compressed, so that its size tells nothing about secrets beside chosen text.
    Plain,
    /// `uint32 inflated length ‖ one zstd frame`; imports only.
    Compressed,
}

impl Form {
    fn number(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Compressed => 1,
        }
    }
}

/// Why a plaintext is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaddingError {
    /// Shorter than form and length.
    #[error("the plaintext has {length} bytes, fewer than its head")]
    Short {
        /// Bytes found.
        length: usize,
    },
    /// A form that this version does not know or that is not allowed here.
    #[error("form {form} is not allowed here")]
    Form {
        /// The number found.
        form: u8,
    },
    /// The content goes beyond the plaintext.
    #[error("the content claims {content} bytes of a plaintext of {length}")]
    Content {
        /// Bytes claimed.
        content: u64,
        /// Bytes of the plaintext.
        length: usize,
    },
    /// The plaintext has another length than its content is padded to.
    #[error("the plaintext has {found} bytes where padding gives {expected}")]
    Length {
        /// Bytes found.
        found: usize,
        /// Bytes that the padding rule gives.
        expected: usize,
    },
    /// Padding that is not zero.
    #[error("the padding is not zero")]
    NotZero,
}

/// Bytes of the plaintext that carries so much content (BATCH-5).
pub(crate) fn padded(form: Form, content: usize) -> usize {
    let unpadded = content.saturating_add(HEADER);
    padme(match form {
        Form::Plain => unpadded.max(LEAST),
        Form::Compressed => unpadded,
    })
}

/// Writes form and length to the front of `plaintext`, whose content and zeros stand already.
///
/// `plaintext` begins at the form byte and has the padded length.
pub(crate) fn write_head(plaintext: &mut [u8], form: Form, content: usize) {
    if let Some((head, _)) = plaintext.split_first_chunk_mut::<HEADER>() {
        let [a, b, c, d] = u32::try_from(content).unwrap_or(u32::MAX).to_be_bytes();
        *head = [form.number(), a, b, c, d];
    }
}

/// Finds the content of a plaintext and checks all that stands around it.
pub(crate) fn content(plaintext: &[u8]) -> Result<(Form, &[u8]), PaddingError> {
    let length = plaintext.len();
    let Some(([number, size @ ..], rest)) = plaintext.split_first_chunk::<HEADER>() else {
        return Err(PaddingError::Short { length });
    };
    let form = match number {
        0 => Form::Plain,
        1 => Form::Compressed,
        form => return Err(PaddingError::Form { form: *form }),
    };
    let size = u32::from_be_bytes(*size);
    let beyond = PaddingError::Content {
        content: u64::from(size),
        length,
    };
    let size = usize::try_from(size).map_err(|_| beyond)?;
    let (content, zeros) = rest.split_at_checked(size).ok_or(beyond)?;
    let expected = padded(form, size);
    if expected != length {
        return Err(PaddingError::Length {
            found: length,
            expected,
        });
    }
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(PaddingError::NotZero);
    }
    Ok((form, content))
}

/// Rounds up so that a length of n bits keeps only its log₂ n leading ones.
fn padme(length: usize) -> usize {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let unit = 1_usize << exponent.saturating_sub(kept);
    length.checked_next_multiple_of(unit).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plaintext(form: Form, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; padded(form, content.len())];
        bytes[HEADER..HEADER + content.len()].copy_from_slice(content);
        write_head(&mut bytes, form, content.len());
        bytes
    }

    #[test]
    fn batch_5_padme_lengths() {
        for (length, padded) in [
            (2, 2),
            (9, 10),
            (1024, 1024),
            (1025, 1088),
            (1088, 1088),
            (1089, 1152),
            (65_536, 65_536),
            (65_537, 67_584),
            (1_000_000, 1_015_808),
            (4_194_304, 4_194_304),
        ] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn batch_5_at_least_a_kibibyte_when_live() {
        assert_eq!(padded(Form::Plain, 1), 1024);
        assert_eq!(padded(Form::Plain, 1019), 1024);
        assert_eq!(padded(Form::Plain, 1020), 1088);
        assert_eq!(padded(Form::Compressed, 100), 112);
    }

    #[test]
    fn batch_4_reads_what_it_wrote() {
        for form in [Form::Plain, Form::Compressed] {
            for size in [0, 1, 1019, 1020, 5000] {
                let content_bytes = vec![7; size];
                let bytes = plaintext(form, &content_bytes);
                assert_eq!(content(&bytes), Ok((form, &content_bytes[..])));
            }
        }
    }

    #[test]
    fn batch_5_refuses_other_padding() {
        let good = plaintext(Form::Plain, b"abc");
        let mut bytes = good.clone();
        *bytes.last_mut().unwrap() = 1;
        assert_eq!(content(&bytes), Err(PaddingError::NotZero));

        let mut bytes = good.clone();
        bytes.extend_from_slice(&[0; 64]);
        assert_eq!(
            content(&bytes),
            Err(PaddingError::Length {
                found: 1088,
                expected: 1024
            })
        );

        let mut bytes = good.clone();
        bytes[0] = 2;
        assert_eq!(content(&bytes), Err(PaddingError::Form { form: 2 }));

        let mut bytes = good.clone();
        bytes[1] = 1;
        assert!(matches!(content(&bytes), Err(PaddingError::Content { .. })));

        assert_eq!(content(&good[..4]), Err(PaddingError::Short { length: 4 }));
    }
}
