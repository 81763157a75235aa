//! Two archives of one relay know nothing of each other.

use relay::Relay;
use wire::Role;

use crate::house::{Chain, Owner, batch, bundle, ciphertext, config, heartbeat, object};

#[tokio::test(flavor = "multi_thread")]
async fn two_archives_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (Owner::new(1), Owner::new(11));
    let mut config = config(folder.path());
    config.archives.extend([one.config(), two.config()]);
    let relay = Relay::start(config).await.unwrap();
    // The same keys in both: an agent that serves two owners.
    let (mut here, mut there) = (Chain::new(2, one.archive()), Chain::new(2, two.archive()));
    let vault = Chain::new(3, one.archive());
    let start = [
        one.genesis_entry(),
        one.enrol(&here, Role::Agent),
        one.enrol(&vault, Role::Vault),
        one.publish_epochs(),
    ];
    one.root.client(&relay).post_entries(&start).await.unwrap();
    let start = [two.genesis_entry(), two.publish_epochs()];
    two.root.client(&relay).post_entries(&start).await.unwrap();

    // Enrolled in one is unknown in the other, as a writer and as a reader.
    let refused = there
        .client(&relay)
        .post_entries(&[there.draft(heartbeat(0), Vec::new())])
        .await
        .unwrap_err();
    assert_eq!(refused.refusal().unwrap().code().name(), "unknown-signer");
    assert_eq!(
        there
            .client(&relay)
            .checkpoint()
            .await
            .unwrap_err()
            .status(),
        Some(403)
    );
    let enrol = two.enrol(&there, Role::Agent);
    two.root
        .client(&relay)
        .post_entries(&[enrol])
        .await
        .unwrap();

    // An entry of the one is foreign to the other, also within a bundle.
    let entry = here.draft(heartbeat(0), Vec::new());
    let other = relay.archive(two.archive()).unwrap();
    let submitted = other.submit(&bundle(&[entry])).await.unwrap();
    assert_eq!(submitted.refused.unwrap().code().name(), "foreign-archive");

    // An object of the one is missing in the other.
    let sealed = ciphertext(1, 500);
    here.client(&relay)
        .upload_object(object(&sealed).hash, sealed.clone())
        .await
        .unwrap();
    let named = there.draft(batch(two.epoch), vec![object(&sealed)]);
    let refused = there
        .client(&relay)
        .post_entries(&[named])
        .await
        .unwrap_err();
    assert_eq!(refused.refusal().unwrap().code().name(), "object-missing");
    let said = here.say(batch(one.epoch), vec![object(&sealed)]);
    here.client(&relay).post_entries(&[said]).await.unwrap();
    // And taken in the one, it is free in the other.
    there
        .client(&relay)
        .upload_object(object(&sealed).hash, sealed.clone())
        .await
        .unwrap();
    let said = there.say(batch(two.epoch), vec![object(&sealed)]);
    let answer = there
        .client(&relay)
        .post_entries(std::slice::from_ref(&said))
        .await
        .unwrap();
    assert_eq!(two.verify(&said, &answer.receipts()[0]).index().get(), 3);

    // An archive that is not configured is foreign to the relay.
    let nobody = Chain::new(2, Owner::new(21).archive());
    for error in [
        nobody.client(&relay).checkpoint().await.unwrap_err(),
        nobody
            .client(&relay)
            .post_entries(&[nobody.draft(heartbeat(0), Vec::new())])
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.status(), Some(404));
        assert_eq!(error.refusal().unwrap().code().name(), "foreign-archive");
    }
}
