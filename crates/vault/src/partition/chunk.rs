//! Records' parts, many to a compressed frame (PARTITION-10).

use minicbor::{Decoder, Encoder};
use zstd::bulk::Compressor;

/// Records of one chunk.
const RECORDS: u32 = 128;
/// A chunk ends once it has so many bytes before compression.
const BYTES: usize = 512 * 1024;
/// What one chunk may inflate to: a full chunk and one record of the largest size, with attachments.
const MOST: usize = BYTES + 16 * 1024 * 1024;
const LEVEL: i32 = 1;

/// Records that wait for their chunk to fill.
#[derive(Default)]
pub(crate) struct Pending {
    records: u32,
    bytes: Vec<u8>,
    /// Its tables are as large as a chunk: they are made once.
    compressor: Option<Compressor<'static>>,
}

impl Pending {
    pub(crate) fn len(&self) -> u32 {
        self.records
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records >= RECORDS || self.bytes.len() >= BYTES
    }

    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        let mut encoder = Encoder::new(&mut self.bytes);
        // Writing to memory does not fail.
        let _ = encoder.array(parts.len() as u64);
        for part in parts {
            let _ = encoder.bytes(part);
        }
        self.records += 1;
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.records = 0;
        self.bytes.clear();
    }

    /// The chunk as it is stored, and an empty one to go on with; `None` if nothing waits.
    pub(crate) fn seal(&mut self) -> Option<Vec<u8>> {
        if self.records == 0 {
            return None;
        }
        // Compressing in memory fails only without memory; the plain form stays readable then.
        let stored = self.compressed().unwrap_or_else(|_| {
            let mut stored = vec![0];
            stored.extend_from_slice(&self.bytes);
            stored
        });
        self.clear();
        Some(stored)
    }

    fn compressed(&mut self) -> std::io::Result<Vec<u8>> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        let frame = compressor.compress(&self.bytes)?;
        let mut stored = Vec::with_capacity(5 + frame.len());
        stored.push(1);
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        stored.extend_from_slice(&length.to_be_bytes());
        stored.extend_from_slice(&frame);
        Ok(stored)
    }
}

/// The parts of the record at `place` of a stored chunk.
pub(crate) fn open(stored: &[u8], place: u32) -> Option<Vec<Vec<u8>>> {
    let (form, rest) = stored.split_first()?;
    let plain = match form {
        0 => rest.to_vec(),
        1 => {
            let (length, frame) = rest.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            zstd::bulk::decompress(frame, length.min(MOST)).ok()?
        }
        _ => return None,
    };
    let mut decoder = Decoder::new(&plain);
    for _ in 0..place {
        decoder.skip().ok()?;
    }
    let count = decoder.array().ok()??;
    (0..count)
        .map(|_| decoder.bytes().ok().map(<[u8]>::to_vec))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks PARTITION-10.
    #[test]
    fn every_record_comes_back_from_its_chunk() {
        let mut pending = Pending::default();
        for n in 0..200u32 {
            pending.push(&[&n.to_be_bytes(), &[], &vec![7; n as usize]]);
            if pending.is_full() {
                break;
            }
        }
        assert_eq!(pending.len(), 128);
        let stored = pending.seal().unwrap();
        assert!(pending.seal().is_none());
        for n in [0u32, 1, 127] {
            let parts = open(&stored, n).unwrap();
            assert_eq!(
                parts,
                [n.to_be_bytes().to_vec(), Vec::new(), vec![7; n as usize]]
            );
        }
        assert!(open(&stored, 128).is_none());
        assert!(
            open(&[], 0).is_none()
                && open(&[9, 1], 0).is_none()
                && open(&stored[..20], 0).is_none()
        );
    }
}
