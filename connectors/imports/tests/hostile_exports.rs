//! Any bytes, and sound exports with any bytes in them: no panic, an end, and every export that
//! is read to its end is told as done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use agent::import;
use proptest::prelude::*;

const MAPPING: &str = "[columns]\ntime = \"t\"\nsender = \"s\"\ntext = \"x\"\n";

/// A sound export of each kind, and the name of its file.
const SOUND: [(&str, &str); 5] = [
    (
        "a.eml",
        "Message-ID: <1@b>\nDate: Tue, 3 Nov 2026 09:01:58 +0100\nFrom: A <a@b>\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n\n\
         --x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\ncaf=C3=A9\n--x\n\
         Content-Type: message/rfc822\n\nFrom: e@f\n\nhi\n--x\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0K\n--x--\n",
    ),
    (
        "export.json",
        "{\n  \"room_name\": \"Desk\",\n  \"room_creator\": \"A\",\n  \"exported_by\": \"B\",\n  \"messages\": [\n    {\n      \"type\": \"m.room.message\", \"event_id\": \"$1\",\n      \"room_id\": \"!r:b\", \"sender\": \"@a:b\", \"origin_server_ts\": 1793692918000,\n      \"content\": {\"msgtype\": \"m.image\", \"url\": \"mxc://b/c\", \"body\": \"a.png\"}\n    },\n    {\n      \"type\": \"m.room.member\", \"state_key\": \"@a:b\", \"event_id\": \"$2\", \"room_id\": \"!r:b\", \"content\": {\"membership\": \"join\"}\n    }\n  ]\n}",
    ),
    (
        "Ben (+41790000002).json",
        "[\n{\"id\":\"1\",\"conversationId\":\"c\",\"type\":\"incoming\",\"sent_at\":1793692918000,\"body\":\"hi\",\"sourceServiceId\":\"9d0652a3-dcc3-4d11-975f-74d61598733f\",\"bodyRanges\":[{\"start\":0,\"length\":2,\"style\":1}],\"reactions\":[{\"emoji\":\"x\",\"fromId\":\"c\",\"timestamp\":5}]},\n{\"id\":\"2\",\"conversationId\":\"c\",\"type\":\"outgoing\",\"sent_at\":2,\"editHistory\":[{\"timestamp\":3,\"body\":\"b\"},{\"timestamp\":2,\"body\":\"a\"}]}\n]\n",
    ),
    (
        "data.json",
        "{\"date\": \"2026-11-03T09:01:58\", \"sender\": \"Me\", \"body\": \"hi  \", \"quote\": \"\", \"sticker\": null, \"reactions\": [[\"Ben\", \"x\"]], \"attachments\": [{\"name\": \"a\", \"path\": \"media/a\"}], \"deleted\": false, \"call\": false, \"missed\": false}\n",
    ),
    (
        "t.csv",
        "t,s,x\n2026-11-03T08:01:58Z,a,\"one\ntwo\"\n2026-11-03T08:02:58Z,b,three\n",
    ),
];

fn read_all(bytes: &[u8]) {
    imports::fuzz_mail(bytes);
    imports::fuzz_element(bytes);
    imports::fuzz_signal_desktop(bytes);
    imports::fuzz_signal_export(bytes);
    imports::fuzz_table(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        read_all(&bytes);
    }

    #[test]
    fn sound_exports_with_noise_are_read_to_their_end(
        which in 0_usize..SOUND.len(),
        noise in prop::collection::vec(any::<u8>(), 0..60),
        at in 0_usize..900,
        gone in 0_usize..40,
    ) {
        let (name, text) = SOUND[which];
        let mut bytes = text.as_bytes().to_vec();
        let at = at.min(bytes.len());
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, noise);
        read_all(&bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let settings: &[(&str, &str)] = match name {
            "t.csv" => &[("zone", "UTC"), ("mapping", MAPPING)],
            _ => &[("zone", "UTC")],
        };
        let found = import(&path, settings);
        // Noise may make it another kind of file, or none, or another header: then it is refused.
        prop_assert!(found.done.is_some() || found.troubles.iter().any(|trouble| trouble.fatal));
    }
}
