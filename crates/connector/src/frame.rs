//! Frames: `uint32 big-endian length ‖ content`, at most 8 MiB of content (CONN-6).

use std::io::{self, Read, Write};

use crate::limit;

/// Why no frame could be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is above the limit, or a message to be sent is (CONN-6).
    #[error(
        "a frame of {length} bytes is above the limit of {}",
        limit::FRAME_BYTES
    )]
    TooLong {
        /// Bytes that were announced.
        length: usize,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame")]
    Torn,
    /// The stream failed.
    #[error("reading or writing a frame")]
    Io(#[from] io::Error),
}

/// Reads the next frame's content into `content`, which keeps its capacity. `false` at a clean
/// end of the stream.
///
/// Memory grows with what has arrived, not with what was announced.
///
/// # Errors
///
/// On a length above the limit, before anything of the frame is read; on an end inside a frame;
/// on a failing stream.
pub fn read_frame(stream: &mut impl Read, content: &mut Vec<u8>) -> Result<bool, FrameError> {
    let mut head = [0; 4];
    match read_up_to(stream, &mut head)? {
        0 => return Ok(false),
        4 => {}
        _ => return Err(FrameError::Torn),
    }
    let length = u32::from_be_bytes(head) as usize;
    if length > limit::FRAME_BYTES {
        return Err(FrameError::TooLong { length });
    }
    content.clear();
    let read = stream.take(length as u64).read_to_end(content)?;
    if read < length {
        return Err(FrameError::Torn);
    }
    Ok(true)
}

/// Writes one frame, a small one in one call of the stream, and flushes.
///
/// # Errors
///
/// On content above the limit, before anything is written; on a failing stream.
pub fn write_frame(stream: &mut impl Write, content: &[u8]) -> Result<(), FrameError> {
    if content.len() < SMALL {
        stream.write_all(&framed(content)?)?;
    } else {
        stream.write_all(&head(content)?)?;
        stream.write_all(content)?;
    }
    stream.flush()?;
    Ok(())
}

/// A frame's bytes.
///
/// # Errors
///
/// On content above the limit.
pub fn framed(content: &[u8]) -> Result<Vec<u8>, FrameError> {
    let head = head(content)?;
    let mut frame = Vec::with_capacity(4 + content.len());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(content);
    Ok(frame)
}

/// Content that is not worth copying to spare a call of the stream, in bytes.
const SMALL: usize = 16 << 10;

fn head(content: &[u8]) -> Result<[u8; 4], FrameError> {
    let length = content.len();
    if length > limit::FRAME_BYTES {
        return Err(FrameError::TooLong { length });
    }
    u32::try_from(length)
        .map(u32::to_be_bytes)
        .map_err(|_| FrameError::TooLong { length })
}

fn read_up_to(stream: &mut impl Read, bytes: &mut [u8]) -> Result<usize, io::Error> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
