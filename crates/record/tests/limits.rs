//! The limits of a record, at the last value accepted and the first one refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use record::*;

#[test]
fn record_2_a_text_has_a_mebibyte_at_most() {
    assert!(message("x".repeat(MAX_TEXT)).is_ok());
    assert_eq!(
        message("x".repeat(MAX_TEXT + 1)).unwrap_err(),
        RecordError::TextTooLong {
            part: RecordPart::Body,
            bytes: MAX_TEXT + 1
        }
    );
    let many = Message {
        parts: vec![
            Text::plain("x".repeat(MAX_TEXT)).into(),
            Text::plain("y".repeat(99)).into(),
        ],
        ..Message::default()
    };
    assert!(record(many, None, vec![]).is_ok());
}

#[test]
fn record_2_titles_and_media_types_have_limits_too() {
    let participants = Participants::of(
        Conversation::new(ConversationKind::Group).title("x".repeat(MAX_TEXT + 1)),
    );
    let refused = Record::new(envelope(), participants, Message::default(), None, vec![]);
    assert_eq!(
        refused.unwrap_err(),
        RecordError::TextTooLong {
            part: RecordPart::Participants,
            bytes: MAX_TEXT + 1
        }
    );
    let original = Original::inline("x".repeat(MAX_TEXT + 1), Vec::new());
    assert_eq!(
        record(Message::default(), Some(original), vec![]).unwrap_err(),
        RecordError::TextTooLong {
            part: RecordPart::Original,
            bytes: MAX_TEXT + 1
        }
    );
    let attachment = Attachment {
        reference: Some("x".repeat(MAX_TEXT + 1)),
        ..file()
    };
    assert_eq!(
        record(Message::default(), None, vec![attachment]).unwrap_err(),
        RecordError::TextTooLong {
            part: RecordPart::Attachments,
            bytes: MAX_TEXT + 1
        }
    );
}

#[test]
fn record_5_bundles_nest_eight_deep_at_most() {
    assert!(record(nested(MAX_NESTING), None, vec![]).is_ok());
    assert_eq!(
        record(nested(MAX_NESTING + 1), None, vec![]).unwrap_err(),
        RecordError::NestedTooDeep
    );
    // The deepest that is accepted can be read again, also as the former text of an edit.
    let edit = Edit {
        target: Target::new(TextId::new("1").unwrap()),
        message: nested(MAX_NESTING),
        former: Some(nested(MAX_NESTING)),
    };
    let record = record(edit, None, vec![]).unwrap();
    assert!(Record::from_parts(record.parts().slices(), vec![]).is_ok());
}

/// Foreign bytes as deep as CBOR-3 allows are judged on a stack that any thread has.
#[test]
fn record_5_depth_needs_little_stack() {
    let judged = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        let sound = message("a".into()).unwrap().parts().into_vecs();
        // [0, {0: [[7, {1: [{2: [[7, …]]}]}]]}] without an end to it but the limit.
        let mut refused = 0;
        for levels in 1..20 {
            let mut body = vec![0xa1, 0, 0x82, 0, 0xa1, 0];
            for _ in 0..levels {
                body.extend([0x81, 0x82, 7, 0xa1, 1, 0x81, 0xa1, 2]);
            }
            body.push(0x80);
            let parts: [&[u8]; 4] = [&sound[0], &sound[1], &body, &sound[3]];
            match Record::from_parts(parts, vec![]) {
                Ok(_) => assert!(levels <= MAX_NESTING),
                Err(PartsError::Record(RecordError::NestedTooDeep))
                | Err(PartsError::Encoding { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        refused
    });
    assert_eq!(judged.unwrap().join().unwrap(), 19 - MAX_NESTING);
}

#[test]
fn record_6_a_large_original_is_an_attachment() {
    let original = |bytes| Some(Original::inline("text/plain", vec![0; bytes]));
    let at = |bytes| record(Message::default(), original(bytes), vec![]);
    assert!(at(MAX_INLINE_ORIGINAL).is_ok());
    assert_eq!(
        at(MAX_INLINE_ORIGINAL + 1).unwrap_err(),
        RecordError::OriginalTooLarge {
            bytes: MAX_INLINE_ORIGINAL + 1
        }
    );
}

#[test]
fn record_6_every_index_has_an_attachment() {
    let index = AttachmentIndex::new(1);
    let media = || Media {
        attachment: index,
        form: "image".into(),
    };
    let places: Vec<Content> = vec![
        Message::of(media()).into(),
        Message::of(Sticker {
            attachment: Some(index),
            ..Sticker::default()
        })
        .into(),
        Message::of(Preview {
            attachment: Some(index),
            ..Preview::default()
        })
        .into(),
        Message::of(Structured {
            parts: vec![media().into()],
            ..Structured::default()
        })
        .into(),
        Message::of(Nested {
            messages: vec![NestedMessage {
                parts: vec![media().into()],
                ..NestedMessage::default()
            }],
            ..Nested::default()
        })
        .into(),
        Edit {
            target: target(),
            message: Message::of(media()),
            former: None,
        }
        .into(),
        Edit {
            target: target(),
            message: Message::default(),
            former: Some(Message::of(media())),
        }
        .into(),
        Delete {
            targets: vec![target()],
            former: Some(Message::of(media())),
            ..Delete::default()
        }
        .into(),
    ];
    let refused = RecordError::NoSuchAttachment {
        index: 1,
        attachments: 1,
    };
    for content in places {
        assert_eq!(
            record(content.clone(), None, vec![file()]).unwrap_err(),
            refused
        );
        assert!(record(content, None, vec![file(), file()]).is_ok());
    }
    let original = || Some(Original::attached("text/plain", index));
    assert_eq!(
        record(Message::default(), original(), vec![file()]).unwrap_err(),
        refused
    );
    assert!(record(Message::default(), original(), vec![file(), file()]).is_ok());
}

#[test]
fn record_7_attachments_and_their_names_have_limits() {
    assert!(record(Message::default(), None, vec![file(); MAX_ATTACHMENTS]).is_ok());
    assert_eq!(
        record(Message::default(), None, vec![file(); MAX_ATTACHMENTS + 1]).unwrap_err(),
        RecordError::TooManyAttachments {
            attachments: MAX_ATTACHMENTS + 1
        }
    );
    let named = |bytes| Attachment {
        name: Some("x".repeat(bytes)),
        ..file()
    };
    assert!(record(Message::default(), None, vec![named(MAX_NAME)]).is_ok());
    assert_eq!(
        record(Message::default(), None, vec![file(), named(MAX_NAME + 1)]).unwrap_err(),
        RecordError::NameTooLong {
            index: 1,
            bytes: MAX_NAME + 1
        }
    );
}

#[test]
fn record_8_the_parts_have_three_mebibytes_together() {
    let of = |texts: &[usize]| {
        let parts = texts
            .iter()
            .map(|bytes| Text::plain("x".repeat(*bytes)).into())
            .collect();
        record(
            Message {
                parts,
                ..Message::default()
            },
            None,
            vec![],
        )
    };
    let size = |record: &Record| record.parts().slices().iter().map(|part| part.len()).sum();
    let empty: usize = size(&of(&[0; 4]).unwrap());
    // The length of a text this long takes five bytes instead of one.
    let last = MAX_PARTS - empty - 4 * 4 - 3 * 900_000;
    assert_eq!(
        size(&of(&[900_000, 900_000, 900_000, last]).unwrap()),
        MAX_PARTS
    );
    assert_eq!(
        of(&[900_000, 900_000, 900_000, last + 1]).unwrap_err(),
        RecordError::TooLarge {
            bytes: MAX_PARTS + 1
        }
    );

    let sound = of(&[1]).unwrap().parts().into_vecs();
    let padded = vec![0; MAX_PARTS];
    let parts: [&[u8]; 4] = [&sound[0], &sound[1], &sound[2], &padded];
    assert!(matches!(
        Record::from_parts(parts, vec![]).unwrap_err(),
        PartsError::Record(RecordError::TooLarge { .. })
    ));
}

#[test]
fn record_9_events_about_others_name_them() {
    let nothing: Vec<Content> = vec![
        Delete::default().into(),
        Receipt {
            targets: vec![],
            state: ReceiptState::Read,
            at: None,
            error: None,
        }
        .into(),
        Membership::default().into(),
        Change::default().into(),
    ];
    for content in nothing {
        assert_eq!(
            record(content, None, vec![]).unwrap_err(),
            RecordError::AboutNothing
        );
    }
    assert!(record(Roster::default(), None, vec![]).is_ok());
}

fn message(text: String) -> Result<Record, RecordError> {
    record(Message::plain(text), None, vec![])
}

fn nested(levels: usize) -> Message {
    let inner = Part::from(Text {
        text: "a".into(),
        spans: vec![Span {
            start: 0,
            length: 1,
            style: "bold".into(),
            target: None,
        }],
    });
    Message::of((0..levels).fold(inner, |part, _| {
        let messages = vec![NestedMessage {
            parts: vec![part],
            ..NestedMessage::default()
        }];
        Nested {
            title: None,
            messages,
        }
        .into()
    }))
}

fn target() -> Target {
    Target::new(TextId::new("1").unwrap())
}

fn file() -> Attachment {
    Attachment::new(0, FileHash::from_bytes([0; 32]))
}

fn envelope() -> EnvelopeBuilder {
    let text = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::MATRIX,
        account: text("a"),
        custodian: text("c"),
        connector: text("k"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    Envelope::builder(
        &source,
        text("r"),
        text("e"),
        Time::utc(Milliseconds::new(0)),
    )
}

fn record(
    body: impl Into<Body>,
    original: Option<Original>,
    attachments: Vec<Attachment>,
) -> Result<Record, RecordError> {
    Record::new(
        envelope(),
        Participants::default(),
        body,
        original,
        attachments,
    )
}
