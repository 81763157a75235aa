//! Objects arrive in pieces, cut or not, and are kept whole or not at all: UPLOAD-1, LIMIT-1.

use std::time::Duration;

use bytes::Bytes;
use client::{CallError, RelayClient, UploadProgress};
use futures_util::{StreamExt as _, TryStreamExt as _};
use wire::ObjectHash;

use crate::house::{House, ciphertext, object};
use crate::reads::{Raw, raw};

async fn fetched(
    client: &RelayClient,
    object: ObjectHash,
    range: Option<std::ops::Range<u64>>,
) -> Result<Vec<u8>, CallError> {
    let pieces: Vec<Bytes> = client
        .fetch_object(object, range)
        .await?
        .try_collect()
        .await?;
    Ok(pieces.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_up_and_comes_down_in_ranges() {
    let house = House::new().await;
    let bytes = ciphertext(7, 3_000_001);
    let named = object(&bytes).hash;
    let path = house.folder.path().join("large");
    std::fs::write(&path, &bytes).unwrap();
    let (agent, vault) = (
        house.agent.client(&house.relay),
        house.vault.client(&house.relay),
    );
    assert_eq!(
        agent.upload_progress(named).await.unwrap(),
        UploadProgress::Missing
    );
    agent.upload_file(named, &path).await.unwrap();
    assert_eq!(
        agent.upload_progress(named).await.unwrap(),
        UploadProgress::Complete
    );
    agent.upload_file(named, &path).await.unwrap();

    assert_eq!(fetched(&vault, named, None).await.unwrap(), bytes);
    for range in [0..1, 65_535..65_537, 2_999_990..3_000_001, 5..5] {
        let expected = &bytes[range.start as usize..range.end as usize];
        assert_eq!(fetched(&vault, named, Some(range)).await.unwrap(), expected);
    }
    let beyond = fetched(&vault, named, Some(3_000_001..3_000_002))
        .await
        .unwrap_err();
    assert_eq!(beyond.status(), Some(416));
    let nothing = fetched(&vault, ObjectHash::from_bytes([1; 32]), None)
        .await
        .unwrap_err();
    assert_eq!(nothing.status(), Some(404));
}

/// Sends a PATCH whose body stops in the middle, as when the network is cut.
async fn cut(house: &House, named: ObjectHash, bytes: &Bytes, offset: u64, sent: usize) {
    let start = usize::try_from(offset).unwrap();
    let piece = bytes.slice(start..start + sent);
    let (held, broken) = tokio::sync::oneshot::channel::<()>();
    let body = futures_util::stream::once(async move { Ok::<_, std::io::Error>(piece) }).chain(
        futures_util::stream::once(async move {
            let _ = broken.await;
            Err(std::io::Error::other("cut"))
        }),
    );
    let request =
        Raw::patch(house, named, offset, bytes.len() as u64).body(reqwest::Body::wrap_stream(body));
    let call = tokio::spawn(request.send());
    // The bytes before the cut have arrived when the relay tells so.
    let client = house.agent.client(&house.relay);
    let wanted = UploadProgress::Partial(offset + sent as u64);
    tokio::time::timeout(Duration::from_secs(20), async {
        while client.upload_progress(named).await.unwrap() != wanted {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(held);
    assert!(call.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cut_in_the_middle_goes_on_also_after_a_restart() {
    let house = House::new().await;
    let bytes = ciphertext(8, 400_000);
    let named = object(&bytes).hash;
    cut(&house, named, &bytes, 0, 100_000).await;
    cut(&house, named, &bytes, 100_000, 50_000).await;
    let house = house.restart().await;
    let agent = house.agent.client(&house.relay);
    assert_eq!(
        agent.upload_progress(named).await.unwrap(),
        UploadProgress::Partial(150_000)
    );
    // Nobody else's upload is touched by it.
    let vault = house.vault.client(&house.relay);
    assert_eq!(
        vault.upload_progress(named).await.unwrap(),
        UploadProgress::Missing
    );
    agent.upload_object(named, bytes.clone()).await.unwrap();
    assert_eq!(fetched(&vault, named, None).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_with_another_hash_are_discarded() {
    let house = House::new().await;
    let (bytes, named) = (ciphertext(9, 70_000), object(b"something else").hash);
    let agent = house.agent.client(&house.relay);
    let error = agent.upload_object(named, bytes).await.unwrap_err();
    assert_eq!(error.status(), Some(422));
    assert!(matches!(error, CallError::Problem { problem, .. } if problem.name() == "object-hash"));
    assert_eq!(
        agent.upload_progress(named).await.unwrap(),
        UploadProgress::Missing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_an_upload_says_what_it_is() {
    let house = House::new().await;
    let bytes = ciphertext(10, 1_000);
    let named = object(&bytes).hash;
    for (offset, length, status, name) in [
        (5, 1_000, 409, "upload-offset"),
        (0, 0, 413, "too-large"),
        (0, (8 << 30) + 1, 413, "too-large"),
        (0, 999, 400, "upload-length"),
        (2_000, 1_000, 400, "upload-length"),
    ] {
        let response = Raw::patch(&house, named, offset, length)
            .body(bytes.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{offset} {length}");
        let offset = response
            .headers()
            .get("upload-offset")
            .map(|at| at.to_str().unwrap().to_owned());
        assert_eq!(offset, (status == 409).then(|| "0".to_owned()));
        let problem = wire::Problem::parse(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem.name(), name);
    }
    // The headers are signed: others than those signed are another request.
    let response = raw(
        &house,
        &house.agent,
        "PATCH",
        named_path(&house, named),
        ("0", "1000"),
    )
    .header("Upload-Offset", "0")
    .header("Upload-Length", "2000")
    .body(bytes)
    .send()
    .await
    .unwrap();
    assert_eq!(response.status().as_u16(), 401);
}

fn named_path(house: &House, named: ObjectHash) -> String {
    wire::api::Route::Object(named).target(&house.owner.archive())
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_uploads_are_counted_and_idle_ones_are_discarded() {
    let house = House::with(|config| config.limits.uploads_per_signer = 2).await;
    let archive = house.relay.archive(house.owner.archive()).unwrap();
    let bytes = ciphertext(11, 1_000);
    for seed in 0..2 {
        let named = object(&[seed]).hash;
        let response = Raw::patch(&house, named, 0, 5_000)
            .body(bytes.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 204);
    }
    let third = Raw::patch(&house, object(&[9]).hash, 0, 5_000)
        .body(bytes.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(third.status().as_u16(), 429);
    assert!(third.headers().contains_key("retry-after"));
    drop(archive);
    let now = relay::Clock::system().now();
    let uploads =
        crate::whole::log_folder(&house.owner, house.folder.path()).with_file_name("uploads");
    let objects = std::sync::Arc::new(
        relay::store::FolderObjects::open(uploads.with_file_name("objects")).unwrap(),
    );
    let uploads = relay::store::Uploads::open(uploads, objects, 2, u64::MAX).unwrap();
    assert_eq!(
        uploads
            .discard_idle(now.plus(-3_600_000), Duration::from_secs(3_600))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        uploads
            .discard_idle(now.plus(3_600_001), Duration::from_secs(3_600))
            .await
            .unwrap(),
        2
    );
    let client = house.agent.client(&house.relay);
    assert_eq!(
        client.upload_progress(object(&[0]).hash).await.unwrap(),
        UploadProgress::Missing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_for_one_upload_the_later_one_is_told_where_it_stands() {
    use relay::store::{AppendError, Appended, FolderObjects, ObjectStore as _, Uploads};
    let folder = tempfile::tempdir().unwrap();
    let objects = std::sync::Arc::new(FolderObjects::open(folder.path().join("objects")).unwrap());
    let uploads = Uploads::open(folder.path().join("uploads"), objects.clone(), 1, 1_000).unwrap();
    let bytes = ciphertext(12, 900);
    let (signer, named) = (wire::SignerId::from_bytes([4; 32]), object(&bytes).hash);
    let first = uploads.begin(signer, named, 0, 900).await.unwrap();
    let second = uploads.begin(signer, named, 0, 900).await.unwrap();
    let piece = |range: std::ops::Range<usize>| bytes.slice(range);
    assert_eq!(
        uploads
            .append(signer, named, 0, 900, piece(0..300))
            .await
            .unwrap(),
        300
    );
    let late = uploads
        .append(signer, named, 0, 900, piece(0..300))
        .await
        .unwrap_err();
    assert!(matches!(late, AppendError::Offset { at: 300 }));
    // One ends in the middle; the other goes on with a file that is opened anew.
    drop(first);
    assert_eq!(
        uploads
            .append(signer, named, 300, 900, piece(300..500))
            .await
            .unwrap(),
        500
    );
    assert_eq!(
        uploads.finish(signer, named, 900).await.unwrap(),
        Appended::Partial(500)
    );
    drop(second);
    // Other uploads find the signer's one place and most of the bytes taken, also after a restart.
    let uploads = Uploads::open(folder.path().join("uploads"), objects.clone(), 1, 1_000).unwrap();
    let other = object(b"other").hash;
    assert!(matches!(
        uploads.begin(signer, other, 0, 5).await,
        Err(AppendError::Full)
    ));
    let stranger = wire::SignerId::from_bytes([5; 32]);
    assert!(matches!(
        uploads.begin(stranger, other, 0, 501).await,
        Err(AppendError::Full)
    ));
    drop(uploads.begin(stranger, other, 0, 500).await.unwrap());
    let _turn = uploads.begin(signer, named, 500, 900).await.unwrap();
    assert_eq!(
        uploads
            .append(signer, named, 500, 900, piece(500..900))
            .await
            .unwrap(),
        900
    );
    assert_eq!(
        uploads.finish(signer, named, 900).await.unwrap(),
        Appended::Complete
    );
    assert_eq!(objects.length(named).await.unwrap(), Some(900));
    drop(uploads.begin(signer, other, 0, 1_000).await.unwrap());
}
