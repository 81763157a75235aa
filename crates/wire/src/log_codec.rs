//! CBOR forms of the log's numbers and hashes, whose types belong to `tlog`.

/// A tree size as an unsigned integer.
pub(crate) mod tree_size {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error, Write};
    use tlog::TreeSize;

    pub(crate) fn encode<C, W: Write>(
        v: &TreeSize,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), Error<W::Error>> {
        e.u64(v.get())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<TreeSize, DecodeError> {
        d.u64().map(TreeSize::new)
    }
}

/// A log index as an unsigned integer.
pub(crate) mod log_index {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error, Write};
    use tlog::LogIndex;

    pub(crate) fn encode<C, W: Write>(
        v: &LogIndex,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), Error<W::Error>> {
        e.u64(v.get())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<LogIndex, DecodeError> {
        d.u64().map(LogIndex::new)
    }
}

/// A hash of the tree as a byte string of 32 bytes.
pub(crate) mod log_hash {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error, Write};
    use tlog::Hash;

    pub(crate) fn encode<C, W: Write>(
        v: &Hash,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), Error<W::Error>> {
        e.bytes(v.as_bytes())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Hash, DecodeError> {
        let at = d.position();
        Hash::from_slice(d.bytes()?)
            .ok_or_else(|| DecodeError::message("hash of another length").at(at))
    }
}
