//! TLS 1.3 with a certificate of our own making, whose key is pinned by those who come.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use wire::TlsIdentity;

/// Where certificate and key of a listener come from.
#[derive(Debug, Clone)]
pub enum TlsSource {
    /// Made once and kept in this folder, so that the pin stays the same.
    SelfSigned(PathBuf),
    /// PEM files of the operator: chain, and PKCS#8, SEC 1 or PKCS#1 key.
    Files {
        /// Certificate chain, the server's own first.
        chain: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}

/// Why a listener has no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can not be read or written.
    #[error("the file {path} can not be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file holds no certificate or key in PEM.
    #[error("the file {path} holds no certificate or key in PEM")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate could not be made.
    #[error("the certificate can not be made")]
    Make(#[from] rcgen::Error),
    /// Certificate and key do not serve together.
    #[error("certificate and key do not serve")]
    Serve(#[from] rustls::Error),
    /// The certificate's key can not be found in it.
    #[error("the certificate can not be read")]
    Certificate,
}

/// What a listener needs: the configuration, and the pin that clients compare.
#[derive(Debug, Clone)]
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) pin: TlsIdentity,
}

impl ServerTls {
    pub(crate) fn load(source: &TlsSource) -> Result<Self, TlsError> {
        let (chain, key) = match source {
            TlsSource::SelfSigned(folder) => {
                let (chain, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
                if !chain.exists() {
                    make_certificate(folder, &chain, &key)?;
                }
                (chain, key)
            }
            TlsSource::Files { chain, key } => (chain.clone(), key.clone()),
        };
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, source }
        };
        let certificates: Vec<_> = CertificateDer::pem_file_iter(&chain)
            .map_err(pem(&chain))?
            .collect::<Result<_, _>>()
            .map_err(pem(&chain))?;
        let private = PrivateKeyDer::from_pem_file(&key).map_err(pem(&key))?;
        let pin = certificates
            .first()
            .and_then(|certificate| pin_of(certificate))
            .ok_or(TlsError::Certificate)?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&TLS13])?
                .with_no_client_auth()
                .with_single_cert(certificates, private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            pin,
        })
    }
}

/// SHA-256 of the certificate's SubjectPublicKeyInfo.
fn pin_of(certificate: &CertificateDer<'_>) -> Option<TlsIdentity> {
    let certificate = rustls::server::ParsedCertificate::try_from(certificate).ok()?;
    let spki = certificate.subject_public_key_info();
    Some(TlsIdentity::from_bytes(canonical::sha256(&spki)))
}

/// The key is written before the certificate: the certificate's presence means that both stand.
fn make_certificate(folder: &Path, chain: &Path, key: &Path) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed(vec![
        "localhost".to_owned(),
        "greffe-relay".to_owned(),
    ])?;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(file(folder))?;
    write_private(key, made.signing_key.serialize_pem().as_bytes()).map_err(file(key))?;
    write_private(chain, made.cert.pem().as_bytes()).map_err(file(chain))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(file(folder))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let partial = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_is_stable_and_the_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let source = TlsSource::SelfSigned(folder.path().join("tls"));
        let first = ServerTls::load(&source).unwrap();
        assert_eq!(ServerTls::load(&source).unwrap().pin, first.pin);
        let facts = fs::metadata(folder.path().join("tls/key.pem")).unwrap();
        assert_eq!(facts.permissions().mode() & 0o077, 0);
    }

    #[test]
    fn files_without_pem_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chain.pem");
        fs::write(&file, "nothing").unwrap();
        let source = TlsSource::Files {
            chain: file.clone(),
            key: file.clone(),
        };
        assert!(
            ServerTls::load(&source)
                .unwrap_err()
                .to_string()
                .contains("certificate")
        );
    }
}
