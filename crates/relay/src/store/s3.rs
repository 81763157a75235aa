//! The stores in a bucket that speaks S3.
//!
//! An S3 store answers a write only once the object is durable, and shows either the former object
//! or the whole new one; so the guarantees of the traits are those of the service.

use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    Error as S3Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, WriteMultipart,
};
use wire::ObjectHash;

use super::folder::blocking;
use super::{LogFile, LogStore, ObjectBytes, ObjectStore, StoreError};

/// Size of a part of a multipart upload, in bytes; an object of 8 GiB has 1,024 of them.
const PART: usize = 8 << 20;
/// Parts that are on their way at once: with [`PART`] it bounds the memory of one upload.
const PARTS_UNDER_WAY: usize = 2;

/// Where a bucket is and how to get in.
#[derive(Clone)]
pub struct S3Config {
    /// Endpoint, as `https://host:port`; plain `http` only when [`allow_http`](Self::allow_http).
    pub endpoint: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Speak without TLS. What crosses is ciphertext and log, but the access key's signatures and
    /// the store's answers are then only as safe as the network.
    pub allow_http: bool,
    /// Folder within the bucket, without slashes at its ends; may be empty.
    pub prefix: String,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Config")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// The files of a log in a bucket.
#[derive(Debug, Clone)]
pub struct S3Log {
    bucket: Bucket,
}

/// Sealed objects in a bucket.
#[derive(Debug, Clone)]
pub struct S3Objects {
    bucket: Bucket,
}

impl S3Log {
    /// A log under `<prefix>/<folder>/` of the bucket. Nothing is asked of the store yet.
    ///
    /// # Errors
    ///
    /// When the configuration makes no client.
    pub fn new(config: &S3Config, folder: &str) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Bucket::new(config, folder)?,
        })
    }
}

impl S3Objects {
    /// Objects under `<prefix>/<folder>/` of the bucket. Nothing is asked of the store yet.
    ///
    /// # Errors
    ///
    /// When the configuration makes no client.
    pub fn new(config: &S3Config, folder: &str) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Bucket::new(config, folder)?,
        })
    }
}

impl LogStore for S3Log {
    fn put<'a>(&'a self, file: &'a LogFile, bytes: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let key = self.bucket.key(file.as_str());
            self.bucket
                .store
                .put(&key, bytes.into())
                .await
                .map_err(remote("write a file of the log"))?;
            Ok(())
        }
        .boxed()
    }

    fn get<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        async move {
            let doing = "read a file of the log";
            match self.bucket.store.get(&self.bucket.key(file.as_str())).await {
                Ok(found) => Ok(Some(found.bytes().await.map_err(remote(doing))?)),
                Err(S3Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(remote(doing)(error)),
            }
        }
        .boxed()
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<LogFile>, StoreError>> {
        async move {
            let folder = self.bucket.key("staged");
            let listed: Vec<_> = self
                .bucket
                .store
                .list(Some(&folder))
                .try_collect()
                .await
                .map_err(remote("list the staged groups"))?;
            Ok(listed
                .iter()
                .filter_map(|found| LogFile::staged_named(found.location.filename()?))
                .collect())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self
                .bucket
                .store
                .delete(&self.bucket.key(file.as_str()))
                .await
            {
                Ok(()) | Err(S3Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(remote("remove a file of the log")(error)),
            }
        }
        .boxed()
    }
}

impl ObjectStore for S3Objects {
    fn length(&self, object: ObjectHash) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        async move {
            match self.bucket.store.head(&self.bucket.object(object)).await {
                Ok(facts) => Ok(Some(facts.size)),
                Err(S3Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(remote("look for an object")(error)),
            }
        }
        .boxed()
    }

    fn keep<'a>(
        &'a self,
        object: ObjectHash,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let doing = "keep an object";
            let key = self.bucket.object(object);
            let path = file.to_owned();
            let mut source =
                match blocking(move || std::fs::File::open(path).map_err(StoreError::io(doing)))
                    .await
                {
                    Ok(source) => source,
                    // A repeated call after an error whose upload had worked.
                    Err(_) if self.length(object).await?.is_some() => return Ok(()),
                    Err(error) => return Err(error),
                };
            let upload = self
                .bucket
                .store
                .put_multipart(&key)
                .await
                .map_err(remote(doing))?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
            loop {
                let read = blocking(move || {
                    let mut piece = BytesMut::zeroed(PART);
                    let length =
                        read_full(&mut source, &mut piece).map_err(StoreError::io(doing))?;
                    piece.truncate(length);
                    Ok((piece.freeze(), source))
                });
                let step = async {
                    let (piece, source) = read.await?;
                    upload
                        .wait_for_capacity(PARTS_UNDER_WAY)
                        .await
                        .map_err(remote(doing))?;
                    Ok((piece, source))
                };
                match step.await {
                    Ok((piece, rest)) => {
                        if piece.is_empty() {
                            break;
                        }
                        upload.put(piece);
                        source = rest;
                    }
                    Err(error) => {
                        // Parts that stay behind cost the owner money; the store's own rule for
                        // abandoned uploads takes those that this call can not reach.
                        let _ = upload.abort().await;
                        return Err(error);
                    }
                }
            }
            upload.finish().await.map_err(remote(doing))?;
            Ok(())
        }
        .boxed()
    }

    fn read(
        &self,
        object: ObjectHash,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Option<ObjectBytes>, StoreError>> {
        async move {
            let doing = "read an object";
            // An object store refuses an empty range; there is nothing to ask for then.
            if range.is_empty() {
                return Ok(self
                    .length(object)
                    .await?
                    .map(|_| futures_util::stream::empty().boxed()));
            }
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            match self
                .bucket
                .store
                .get_opts(&self.bucket.object(object), options)
                .await
            {
                Ok(found) => Ok(Some(
                    found
                        .into_stream()
                        .map(move |piece| piece.map_err(remote(doing)))
                        .boxed(),
                )),
                Err(S3Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(remote(doing)(error)),
            }
        }
        .boxed()
    }
}

#[derive(Debug, Clone)]
struct Bucket {
    store: Arc<AmazonS3>,
    folder: String,
}

impl Bucket {
    fn new(config: &S3Config, folder: &str) -> Result<Self, StoreError> {
        let store = AmazonS3Builder::new()
            .with_endpoint(&config.endpoint)
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(&config.secret_access_key)
            .with_allow_http(config.allow_http)
            .build()
            .map_err(remote("be configured"))?;
        let parts = [config.prefix.as_str(), folder];
        let folder = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        Ok(Self {
            store: Arc::new(store),
            folder,
        })
    }

    fn key(&self, name: &str) -> Key {
        Key::from(format!("{}/{name}", self.folder))
    }

    fn object(&self, object: ObjectHash) -> Key {
        self.key(&object.to_string())
    }
}

fn remote(doing: &'static str) -> impl FnOnce(S3Error) -> StoreError {
    move |source| StoreError::Remote {
        doing,
        source: Box::new(source),
    }
}

/// Fills the buffer as far as the file goes; returns the bytes read.
fn read_full(file: &mut std::fs::File, mut buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut total = 0;
    while !buffer.is_empty() {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                total += read;
                buffer = buffer.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
