//! Signed requests: how a reader or uploader shows the relay who it is (READ-1).
//!
//! Time and nonce are arguments; that no nonce is taken twice within the window is the relay's to
//! remember.

use canonical::{Milliseconds, define_id, hex_into};
use data_encoding::BASE64;

use crate::id::{ArchiveId, SignerId};
use crate::key::{PublicKey, SignatureBytes, SignerKey};
use crate::{label, limit};

define_id!(RequestNonce, 16, "Random bytes that make a request unique.");

/// Name of the header.
pub const SIGNED_HEADER: &str = "Greffe-Signed";

/// Longest value of the header: ids, a time, and a signature.
const HEADER_BYTES: usize = 64 + 1 + 20 + 1 + 32 + 1 + 88;

/// What of a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The archive whose path is asked.
    pub archive: ArchiveId,
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query as sent ([`Route::target`](crate::api::Route::target)).
    pub target: &'a str,
    /// Value of `Upload-Offset`, empty where absent.
    pub upload_offset: &'a str,
    /// Value of `Upload-Length`, empty where absent.
    pub upload_length: &'a str,
}

/// A header that was read; nothing is verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedHeader {
    signer: SignerId,
    time: Milliseconds,
    nonce: RequestNonce,
    signature: SignatureBytes,
}

/// A request whose signature verifies and whose time is within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticRequest {
    signer: SignerId,
    time: Milliseconds,
    nonce: RequestNonce,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The header is not `<signer> <ms> <nonce> <signature>`.
    #[error("the Greffe-Signed header is malformed")]
    Malformed,
    /// More than five minutes from the relay's clock.
    #[error("the request's time is {0} ms from the relay's clock")]
    Time(i64),
    /// The signature is not the key's, or not over this request.
    #[error("the request's signature does not verify")]
    Signature,
}

impl Request<'_> {
    /// The header's value.
    #[must_use]
    pub fn sign(&self, key: &SignerKey, time: Milliseconds, nonce: RequestNonce) -> String {
        let signature = key.sign(&self.message(time, &nonce));
        format!(
            "{} {time} {nonce} {}",
            key.id(),
            BASE64.encode(signature.as_bytes())
        )
    }

    /// READ-1.
    fn message(&self, time: Milliseconds, nonce: &RequestNonce) -> Vec<u8> {
        let upload = [self.upload_offset, self.upload_length].join("\n");
        let mut bytes = label::REQUEST.framed();
        bytes.extend_from_slice(self.archive.as_bytes());
        bytes.extend_from_slice(self.method.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.target.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&time.get().to_be_bytes());
        bytes.extend_from_slice(nonce.as_bytes());
        bytes.extend_from_slice(&canonical::sha256(upload.as_bytes()));
        bytes
    }
}

impl SignedHeader {
    /// Reads the header's value.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(value: &str) -> Result<Self, RequestError> {
        if value.len() > HEADER_BYTES {
            return Err(RequestError::Malformed);
        }
        let mut fields = value.split(' ');
        let mut field = || fields.next().ok_or(RequestError::Malformed);
        let (signer, time, nonce, signature) = (field()?, field()?, field()?, field()?);
        if fields.next().is_some() {
            return Err(RequestError::Malformed);
        }
        let mut id = [0; 32];
        hex_into(signer, &mut id).map_err(|_| RequestError::Malformed)?;
        let milliseconds: i64 = time.parse().map_err(|_| RequestError::Malformed)?;
        // One spelling, and what the signature covers is unsigned.
        if milliseconds < 0 || milliseconds.to_string() != time {
            return Err(RequestError::Malformed);
        }
        let encoded = signature;
        let signature = BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| RequestError::Malformed)?;
        // The decoder alone takes several padded pieces.
        if BASE64.encode(&signature) != encoded {
            return Err(RequestError::Malformed);
        }
        Ok(Self {
            signer: SignerId::from_bytes(id),
            time: Milliseconds::new(milliseconds),
            nonce: nonce.parse().map_err(|_| RequestError::Malformed)?,
            signature: SignatureBytes::try_from(signature.as_slice())
                .map_err(|_| RequestError::Malformed)?,
        })
    }

    /// Who claims to ask.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.signer
    }

    /// Verifies the header for a request, by the relay's clock and the signer's key.
    ///
    /// # Errors
    /// When the time is outside the window, the key is not the signer's, or the signature is false.
    pub fn verify(
        &self,
        request: &Request<'_>,
        now: Milliseconds,
        key: &PublicKey,
    ) -> Result<AuthenticRequest, RequestError> {
        let apart = self.time.since(now);
        if apart.saturating_abs() > limit::REQUEST_WINDOW_MS {
            return Err(RequestError::Time(apart));
        }
        let message = request.message(self.time, &self.nonce);
        if key.signer_id() == self.signer && key.verifies(&message, &self.signature) {
            Ok(AuthenticRequest {
                signer: self.signer,
                time: self.time,
                nonce: self.nonce,
            })
        } else {
            Err(RequestError::Signature)
        }
    }
}

impl AuthenticRequest {
    /// Who asks.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.signer
    }

    /// When, by the signer's clock. The nonce may be forgotten when the relay's clock is more than
    /// [`limit::REQUEST_WINDOW_MS`] after this.
    #[must_use]
    pub fn time(&self) -> Milliseconds {
        self.time
    }

    /// The nonce, to be accepted once.
    #[must_use]
    pub fn nonce(&self) -> RequestNonce {
        self.nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Milliseconds = Milliseconds::new(1_800_000_000_000);

    fn request() -> Request<'static> {
        Request {
            archive: ArchiveId::from_bytes([1; 32]),
            method: "PATCH",
            target: "/v1/x/objects/y",
            upload_offset: "0",
            upload_length: "77",
        }
    }

    #[test]
    fn read_1_a_signed_request_is_believed_and_no_other() {
        let key = SignerKey::from_seed(&[5; 32]).unwrap();
        let header = request().sign(&key, NOW, RequestNonce::from_bytes([9; 16]));
        let read = SignedHeader::parse(&header).unwrap();
        let authentic = read.verify(&request(), NOW, &key.public()).unwrap();
        assert_eq!(
            (authentic.signer(), authentic.nonce()),
            (key.id(), RequestNonce::from_bytes([9; 16]))
        );

        let altered = [
            Request {
                archive: ArchiveId::from_bytes([2; 32]),
                ..request()
            },
            Request {
                method: "GET",
                ..request()
            },
            Request {
                target: "/v1/x/objects/z",
                ..request()
            },
            Request {
                upload_offset: "1",
                ..request()
            },
            Request {
                upload_length: "",
                ..request()
            },
            Request {
                upload_offset: "",
                upload_length: "77",
                ..request()
            },
        ];
        for other in altered {
            assert_eq!(
                read.verify(&other, NOW, &key.public()),
                Err(RequestError::Signature),
                "{other:?}"
            );
        }
        let stranger = SignerKey::from_seed(&[6; 32]).unwrap();
        assert_eq!(
            read.verify(&request(), NOW, &stranger.public()),
            Err(RequestError::Signature)
        );
    }

    #[test]
    fn read_1_the_window_is_five_minutes() {
        let key = SignerKey::from_seed(&[5; 32]).unwrap();
        let header = request().sign(&key, NOW, RequestNonce::from_bytes([9; 16]));
        let read = SignedHeader::parse(&header).unwrap();
        for apart in [-300_000, 300_000] {
            assert!(
                read.verify(&request(), NOW.plus(apart), &key.public())
                    .is_ok()
            );
        }
        for apart in [-300_001, 300_001] {
            assert_eq!(
                read.verify(&request(), NOW.plus(apart), &key.public()),
                Err(RequestError::Time(-apart))
            );
        }
    }

    #[test]
    fn read_1_header_has_one_spelling() {
        let key = SignerKey::from_seed(&[5; 32]).unwrap();
        let header = request().sign(&key, NOW, RequestNonce::from_bytes([9; 16]));
        let [signer, time, nonce, signature]: [&str; 4] =
            header.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let bytes = BASE64.decode(signature.as_bytes()).unwrap();
        let (first, rest) = bytes.split_at(1);
        let pieces = BASE64.encode(first) + &BASE64.encode(rest);
        for bad in [
            String::new(),
            format!("{signer} {time} {nonce} {pieces}"),
            format!("{header} "),
            format!(" {header}"),
            format!("{} {time} {nonce} {signature}", signer.to_uppercase()),
            format!("{signer} +{time} {nonce} {signature}"),
            format!("{signer} 0{time} {nonce} {signature}"),
            format!("{signer} -1 {nonce} {signature}"),
            format!("{signer} {time} {nonce}00 {signature}"),
            format!(
                "{signer} {time} {nonce} {}",
                signature.trim_end_matches('=')
            ),
            format!("{signer} {time} {nonce}"),
            "x".repeat(10_000),
        ] {
            assert_eq!(
                SignedHeader::parse(&bad),
                Err(RequestError::Malformed),
                "{bad}"
            );
        }
    }
}
