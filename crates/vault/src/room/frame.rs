//! Frames of the reading room's protocol (ROOM-1): a length, a kind, the content.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Largest frame that a client may send, in bytes of content (ROOM-1).
pub const MAX_REQUEST: usize = 4 << 20;
/// Largest frame that the room sends, in bytes of content (ROOM-1).
pub const MAX_ANSWER: usize = 16 << 20;
/// Largest piece of an attachment in one frame, in bytes (ROOM-1).
pub const PIECE: usize = 65_536;

/// Why a frame was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side ended before a frame began.
    #[error("the other side has ended the conversation")]
    Ended,
    /// Reading or writing failed, or the other side ended within a frame.
    #[error("frame broken off")]
    Io(#[from] io::Error),
    /// The frame claims more bytes than allowed.
    #[error("frame of {length} bytes where {limit} are allowed")]
    TooLong {
        /// Bytes that it claims.
        length: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Not the kind that is expected here.
    #[error("frame of kind {0} is not expected here")]
    Kind(u8),
    /// Not the structure that is expected here. The reader's words are left out: they could
    /// repeat content.
    #[error("frame is not a message of this protocol")]
    Structure,
}

/// One frame: a message, or a piece of an attachment.
pub enum Frame {
    /// JSON, as UTF-8 bytes.
    Message(Zeroizing<Vec<u8>>),
    /// Plain bytes of an attachment.
    Piece(Zeroizing<Vec<u8>>),
}

/// Content is not for logs.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, bytes) = match self {
            Self::Message(bytes) => ("Message", bytes),
            Self::Piece(bytes) => ("Piece", bytes),
        };
        write!(f, "{kind}({} bytes)", bytes.len())
    }
}

/// Reads one frame of at most `limit` bytes.
///
/// # Errors
///
/// [`FrameError::Ended`] when nothing more comes; else what is wrong with the frame.
pub fn read_frame(from: &mut impl Read, limit: usize) -> Result<Frame, FrameError> {
    let mut head = [0_u8; 5];
    let first = loop {
        match from.read(&mut head) {
            Ok(read) => break read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    };
    if first == 0 {
        return Err(FrameError::Ended);
    }
    from.read_exact(head.get_mut(first..).unwrap_or_default())?;
    let [a, b, c, d, kind] = head;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    // Grows with what really arrives; a claim alone allocates nothing large.
    let mut content = Zeroizing::new(Vec::with_capacity(length.min(PIECE)));
    let read = from.take(length as u64).read_to_end(&mut content)?;
    if read < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match kind {
        0 => Ok(Frame::Message(content)),
        1 => Ok(Frame::Piece(content)),
        other => Err(FrameError::Kind(other)),
    }
}

/// Reads one message of at most `limit` bytes.
///
/// # Errors
///
/// As [`read_frame`]; a piece, or another structure than `T`, is refused.
pub fn read_message<T: DeserializeOwned>(
    from: &mut impl Read,
    limit: usize,
) -> Result<T, FrameError> {
    match read_frame(from, limit)? {
        Frame::Message(content) => {
            serde_json::from_slice(&content).map_err(|_| FrameError::Structure)
        }
        Frame::Piece(_) => Err(FrameError::Kind(1)),
    }
}

/// Writes one message.
///
/// # Errors
///
/// When it is larger than [`MAX_ANSWER`], or writing fails.
pub fn write_message<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    let content = Zeroizing::new(serde_json::to_vec(message).map_err(|_| FrameError::Structure)?);
    write_frame(to, 0, &content)
}

/// Writes one piece of an attachment; an empty piece ends it.
///
/// # Errors
///
/// When it is larger than [`PIECE`], or writing fails.
pub fn write_piece(to: &mut impl Write, piece: &[u8]) -> Result<(), FrameError> {
    if piece.len() > PIECE {
        return Err(FrameError::TooLong {
            length: piece.len(),
            limit: PIECE,
        });
    }
    write_frame(to, 1, piece)
}

fn write_frame(to: &mut impl Write, kind: u8, content: &[u8]) -> Result<(), FrameError> {
    let too_long = FrameError::TooLong {
        length: content.len(),
        limit: MAX_ANSWER,
    };
    if content.len() > MAX_ANSWER {
        return Err(too_long);
    }
    let length = u32::try_from(content.len()).map_err(|_| too_long)?;
    let mut head = [0; 5];
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[4] = kind;
    to.write_all(&head)?;
    to.write_all(content)?;
    to.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ROOM-1.
    #[test]
    fn room_1_messages_and_pieces_come_back() {
        let mut wire = Vec::new();
        write_message(&mut wire, &vec!["a", "b"]).unwrap();
        write_piece(&mut wire, b"xyz").unwrap();
        let mut from = wire.as_slice();
        assert_eq!(
            read_message::<Vec<String>>(&mut from, 100).unwrap(),
            ["a", "b"]
        );
        assert!(
            matches!(read_frame(&mut from, 100).unwrap(), Frame::Piece(piece) if *piece == b"xyz")
        );
        assert!(matches!(read_frame(&mut from, 100), Err(FrameError::Ended)));
    }

    /// ROOM-1.
    #[test]
    fn room_1_refuses_long_cut_and_unknown_frames() {
        let long = [0, 0, 0, 101, 0];
        assert!(matches!(
            read_frame(&mut long.as_slice(), 100),
            Err(FrameError::TooLong {
                length: 101,
                limit: 100
            })
        ));
        let cut = [0, 0, 0, 9, 0, b'{'];
        assert!(matches!(
            read_frame(&mut cut.as_slice(), 100),
            Err(FrameError::Io(_))
        ));
        let kind = [0, 0, 0, 0, 7];
        assert!(matches!(
            read_frame(&mut kind.as_slice(), 100),
            Err(FrameError::Kind(7))
        ));
        let structure = [0, 0, 0, 2, 0, b'{', b'}'];
        assert!(matches!(
            read_message::<Vec<String>>(&mut structure.as_slice(), 100),
            Err(FrameError::Structure)
        ));
        assert!(write_piece(&mut Vec::new(), &[0; PIECE + 1]).is_err());
    }
}
