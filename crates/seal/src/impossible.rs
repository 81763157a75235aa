//! What must not compile, each beside the same lines with the right type, which do compile: so that a
//! case fails for its reason and for no other. (Which error it is, stable `rustdoc` does not compare.)

/// What opens: the key of an epoch of records, and an entry that was verified.
///
/// ```
/// use seal::{OpeningKey, open_batch};
/// use wire::verify::VerifiedEntry;
///
/// fn open(key: &OpeningKey, entry: &VerifiedEntry, object: &[u8]) {
///     let _ = open_batch(key, entry, object);
/// }
/// ```
///
/// An entry that nobody verified does not open.
///
/// ```compile_fail,E0308
/// use seal::{OpeningKey, open_batch};
/// use wire::Entry;
///
/// fn open(key: &OpeningKey, entry: &Entry, object: &[u8]) {
///     let _ = open_batch(key, entry, object);
/// }
/// ```
///
/// Nor one whose signatures verify, but which stands in no log.
///
/// ```compile_fail,E0308
/// use seal::{OpeningKey, open_batch};
/// use wire::SignedEntry;
///
/// fn open(key: &OpeningKey, entry: &SignedEntry, object: &[u8]) {
///     let _ = open_batch(key, entry, object);
/// }
/// ```
///
/// The key of a governance epoch does not open records.
///
/// ```compile_fail,E0308
/// use seal::{ForGovernance, OpeningKey, open_batch};
/// use wire::verify::VerifiedEntry;
///
/// fn open(key: &OpeningKey<ForGovernance>, entry: &VerifiedEntry, object: &[u8]) {
///     let _ = open_batch(key, entry, object);
/// }
/// ```
struct Opening;

/// What may be shown of secrets: that they are there.
///
/// ```
/// use seal::{OpeningKey, StreamKey};
///
/// fn show(key: &OpeningKey, stream: &StreamKey) {
///     println!("{key:?} {stream:?}");
/// }
/// ```
///
/// They have no `Display`.
///
/// ```compile_fail,E0277
/// use seal::OpeningKey;
///
/// fn show(key: &OpeningKey) {
///     println!("{key}");
/// }
/// ```
///
/// ```compile_fail,E0277
/// use seal::StreamKey;
///
/// fn show(stream: &StreamKey) {
///     println!("{stream}");
/// }
/// ```
struct Showing;
