//! Records of every kind, as five networks might give them; the source of `vectors/record/`.

pub(crate) mod described;
pub(crate) mod files;
pub(crate) mod setting;

use record::*;
use setting::*;

pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) record: Record,
}

pub(crate) fn all() -> Vec<Sample> {
    let mut samples = messages();
    samples.extend(changes_of_messages());
    samples.extend(around_messages());
    samples.extend(around_capture());
    samples
}

fn messages() -> Vec<Sample> {
    vec![
        sample(
            "message-least",
            "the least that a record can say: a message without parts, no optional field",
            signal().least(Message::default()),
        ),
        sample(
            "message-plain",
            "a text in a group, with every time and alias",
            signal().record(
                Message::plain("Der Haushaltsausschuss tagt am Donnerstag um 9 Uhr."),
                Some(Original::inline(
                    "application/json",
                    &br#"{"dataMessage":{}}"#[..],
                )),
                vec![],
            ),
        ),
        sample(
            "message-styled",
            "spans count Unicode scalar values, here behind letters outside the basic plane",
            telegram().record(styled(), None, vec![]),
        ),
        sample(
            "message-answer",
            "a forwarded, disappearing answer with reactions summed up",
            whatsapp().record(answer(), None, vec![]),
        ),
        sample(
            "message-attachments",
            "files in their forms; the original is an attachment too",
            whatsapp().record(
                attached(),
                Some(Original::attached("text/plain", AttachmentIndex::new(3))),
                files(),
            ),
        ),
        sample(
            "message-places",
            "a location south and west of the origin, and a contact",
            whatsapp().record(places(), None, vec![]),
        ),
        sample(
            "message-structured",
            "structured and nested parts within one another, eight deep",
            wechat().record(deep(), None, vec![]),
        ),
    ]
}

fn styled() -> Message {
    let span = |start, length, style: &str, target: Option<&str>| Span {
        start,
        length,
        style: style.into(),
        target: target.map(Into::into),
    };
    Message::of(Text {
        text: "📈📉 @mira siehe Blatt 4".into(),
        spans: vec![
            span(3, 5, "mention", Some("user:481516")),
            span(9, 5, "bold", None),
            span(15, 7, "link", Some("https://example.org/blatt/4")),
        ],
    })
}

fn answer() -> Message {
    Message {
        parts: vec![Text::plain("نعم، العقد جاهز للتوقيع").into()],
        in_reply_to: Some(Target {
            author: Some(id("wa", "4915700000002")),
            sent: Some(Milliseconds::new(1_716_210_000_000)),
            excerpt: Some("هل العقد جاهز؟".into()),
            conversation: Some(text("120363000000000001@g.us")),
            ..Target::new(text("3EB0C431C26A1916E07A"))
        }),
        expiry: Some(Expiry {
            seconds: 604_800,
            from: ExpiryStart::Sent,
            at: Some(Milliseconds::new(1_716_814_801_000)),
        }),
        view_once: true,
        forward: Some(Forward {
            author: Some(person("wa", "4915700000003")),
            sent: Some(Milliseconds::new(1_716_100_000_000)),
            conversation: Some("Einkauf".into()),
        }),
        reactions: vec![
            Tally {
                value: "👍".into(),
                count: 2,
                by: vec![
                    TallyVoter {
                        participant: person("wa", "4915700000004"),
                        at: Some(Milliseconds::new(1_716_210_900_000)),
                    },
                    TallyVoter {
                        participant: person("name", "Ines"),
                        at: None,
                    },
                ],
            },
            Tally {
                value: "❤️".into(),
                count: 11,
                by: vec![],
            },
        ],
        marks: vec!["pinned".into(), "frequently-forwarded".into()],
    }
}

fn attached() -> Message {
    let media = |index, form: &str| {
        Part::from(Media {
            attachment: AttachmentIndex::new(index),
            form: form.into(),
        })
    };
    Message {
        parts: vec![
            media(0, "image"),
            Text::plain("Befund vom 3. Mai, Seite 1").into(),
            media(1, "voice"),
            Sticker {
                pack: Some("9acc9e8aba563d26a4994e69263e3b25".into()),
                id: Some("4".into()),
                emoji: Some("🦊".into()),
                attachment: Some(AttachmentIndex::new(2)),
            }
            .into(),
            Preview {
                address: "https://example.org/studie".into(),
                title: Some("Étude multicentrique".into()),
                description: Some("Résultats préliminaires".into()),
                attachment: Some(AttachmentIndex::new(0)),
            }
            .into(),
            Missing {
                name: Some("IMG-20240503-WA0007.jpg".into()),
                media_type: Some("image/jpeg".into()),
                size: Some(184_320),
                reference: Some("wamid.HBgN".into()),
                ..Missing::new("image", MissingWhy::NotIncluded)
            }
            .into(),
        ],
        ..Message::default()
    }
}

fn files() -> Vec<Attachment> {
    let file = |size, fill| Attachment::new(size, FileHash::from_bytes([fill; 32]));
    vec![
        Attachment {
            name: Some("Befund 2024-05-03.png".into()),
            declared_type: Some("image/png".into()),
            sniffed_type: Some("image/png".into()),
            reference: Some("media/7421".into()),
            width: Some(1920),
            height: Some(1080),
            ..file(482_113, 0x11)
        },
        Attachment {
            declared_type: Some("audio/ogg".into()),
            duration_ms: Some(7_350),
            ..file(29_004, 0x22)
        },
        file(0, 0x33),
        Attachment {
            sniffed_type: Some("text/plain".into()),
            ..file(5_368_709_121, 0x44)
        },
    ]
}

fn places() -> Message {
    Message {
        parts: vec![
            Location {
                latitude_e7: -338_567_844,
                longitude_e7: -584_000_001,
                name: Some("Muelle 3".into()),
                address: Some("Av. Costanera 1200".into()),
                live_seconds: Some(900),
            }
            .into(),
            Location {
                latitude_e7: 0,
                longitude_e7: 1_800_000_000,
                ..Location::default()
            }
            .into(),
            Card {
                name: "Oficina de aduanas".into(),
                fields: vec![Field::new("TEL;type=WORK", "+54 11 4000 0000")],
            }
            .into(),
        ],
        ..Message::default()
    }
}

/// Structured parts and bundles in turn, as deep as RECORD-5 allows.
pub(crate) fn deep() -> Message {
    let mut part = Part::from(Text::plain("最里面的消息"));
    for level in (1..=MAX_NESTING).rev() {
        part = if level % 2 == 1 {
            Nested {
                title: Some(format!("聊天记录 {level}")),
                messages: vec![NestedMessage {
                    sender: Some(person("wecom", "wmErxtDgAA9AW32YyyuYRimKr7D1KWlw")),
                    sent: Some(Time::utc(Milliseconds::new(1_716_210_000_000))),
                    parts: vec![part],
                }],
            }
            .into()
        } else {
            Structured {
                type_name: "mixed".into(),
                title: None,
                fields: vec![Field::new("level", level.to_string())],
                parts: vec![part],
            }
            .into()
        };
    }
    Message::of(part)
}

fn changes_of_messages() -> Vec<Sample> {
    let target = || Target::new(text("$eventid:example.org"));
    vec![
        sample(
            "edit",
            "an edit whose former text is known",
            matrix().record(
                Edit {
                    target: target(),
                    message: Message::plain("Kurs 101,25"),
                    former: Some(Message::plain("Kurs 102,25")),
                },
                None,
                vec![],
            ),
        ),
        sample(
            "edit-without-former",
            "an edit whose former text the source does not give",
            matrix().record(
                Edit {
                    target: target(),
                    message: Message::default(),
                    former: None,
                },
                None,
                vec![],
            ),
        ),
        sample(
            "delete",
            "a moderator removes a message whose text is known",
            telegram().record(
                Delete {
                    targets: vec![Target::new(text("81")), Target::new(text("82"))],
                    scope: DeleteScope::Moderator,
                    by: Some(person("user", "481516")),
                    former: Some(Message::plain("Bitte nicht weitersagen.")),
                },
                None,
                vec![],
            ),
        ),
        sample(
            "reaction",
            "a reaction",
            signal().record(
                Reaction {
                    target: target(),
                    value: "🎉".into(),
                    removed: false,
                },
                None,
                vec![],
            ),
        ),
        sample(
            "reaction-removed",
            "a reaction taken back",
            signal().record(
                Reaction {
                    target: target(),
                    value: "🎉".into(),
                    removed: true,
                },
                None,
                vec![],
            ),
        ),
        sample(
            "receipt",
            "two messages failed",
            whatsapp().record(
                Receipt {
                    targets: vec![Target::new(text("wamid.A")), Target::new(text("wamid.B"))],
                    state: ReceiptState::Failed,
                    at: Some(Milliseconds::new(1_716_210_005_000)),
                    error: Some("131047: Re-engagement message".into()),
                },
                None,
                vec![],
            ),
        ),
    ]
}

fn around_messages() -> Vec<Sample> {
    vec![
        sample(
            "call",
            "a call of a group that nobody took, with all that may be known of it",
            signal().record(
                Call {
                    id: Some("7512981".into()),
                    duration_seconds: Some(0),
                    reason: Some("timeout".into()),
                    group: true,
                    ..Call::new(CallMedia::Video, CallState::Missed)
                },
                None,
                vec![],
            ),
        ),
        sample(
            "membership",
            "one is added by another, one leaves",
            whatsapp().record(
                Membership {
                    changes: vec![
                        MemberChange {
                            member: person("wa", "4915700000009"),
                            act: MemberAct::Added,
                            by: Some(person("wa", "4915700000002")),
                            detail: Some("admin".into()),
                        },
                        MemberChange {
                            member: person("name", "~ Hidden 1"),
                            act: MemberAct::Left,
                            by: None,
                            detail: None,
                        },
                    ],
                },
                None,
                vec![],
            ),
        ),
        sample(
            "change",
            "a new title, and a pinned message",
            matrix().record(
                Change {
                    changes: vec![
                        Changed {
                            what: "title".into(),
                            before: Some("Vorstand".into()),
                            after: Some("Vorstand 2024".into()),
                            target: None,
                        },
                        Changed {
                            what: "pin".into(),
                            target: Some(Target::new(text("$pinned:example.org"))),
                            ..Changed::default()
                        },
                    ],
                },
                None,
                vec![],
            ),
        ),
        sample(
            "poll",
            "a poll with its options",
            telegram().record(
                Poll {
                    question: Some("Когда встречаемся?".into()),
                    options: vec![
                        PollOption {
                            text: "Понедельник".into(),
                            id: Some("0".into()),
                            votes: Some(4),
                            chosen: Some(true),
                        },
                        PollOption {
                            text: "Среда".into(),
                            ..PollOption::default()
                        },
                    ],
                    several: Some(false),
                    anonymous: Some(true),
                    voters: Some(4),
                    ..Poll::new(PollAct::Created)
                },
                None,
                vec![],
            ),
        ),
        sample(
            "poll-vote",
            "a vote for two options",
            telegram().record(
                Poll {
                    target: Some(Target::new(text("90"))),
                    choices: vec!["0".into(), "1".into()],
                    ..Poll::new(PollAct::Voted)
                },
                None,
                vec![],
            ),
        ),
        sample(
            "consent",
            "a counterparty agrees to be archived",
            wechat().record(
                Consent {
                    act: ConsentAct::Agreed,
                    participant: Some(person("wecom", "wmErxtDgAA9AW32YyyuYRimKr7D1KWlw")),
                    text: Some("同意存档会话内容".into()),
                    at: Some(Milliseconds::new(1_716_209_000_000)),
                },
                None,
                vec![],
            ),
        ),
        sample(
            "activity",
            "somebody types",
            signal().record(
                Activity {
                    what: "typing".into(),
                    state: Some("started".into()),
                },
                None,
                vec![],
            ),
        ),
    ]
}

fn around_capture() -> Vec<Sample> {
    vec![
        sample(
            "loss",
            "a damaged line of an export, with all that may be known of it",
            whatsapp().record(
                Loss {
                    from: Some(Milliseconds::new(1_716_200_000_000)),
                    to: Some(Milliseconds::new(1_716_210_000_000)),
                    count: Some(3),
                    place: Some("line 4711".into()),
                    detail: Some("time can not be read".into()),
                    ..Loss::new(LossWhy::Damaged)
                },
                None,
                vec![],
            ),
        ),
        sample("loss-least", "nothing known but why", {
            signal().least(Loss::new(LossWhy::Offline))
        }),
        sample(
            "roster",
            "the members of a group, following a former roster",
            signal().record(
                Roster {
                    members: vec![
                        person("aci", "8c78cd2a-16ff-427d-83dc-1a5e36ce713d"),
                        person("tel", "+491700000001"),
                    ],
                    former: Some(RecordId::from_bytes([0x5a; 32])),
                },
                None,
                vec![],
            ),
        ),
        sample("roster-empty", "a group without members", {
            signal().record(Roster::default(), None, vec![])
        }),
        sample(
            "account",
            "the device was unlinked",
            signal().record(
                Account {
                    what: "unlinked".into(),
                    value: Some("device 2".into()),
                },
                None,
                vec![],
            ),
        ),
        sample(
            "unknown",
            "an event that the model does not know, its text kept, with fields",
            wechat().record(
                Body {
                    fields: vec![
                        Field::new("msgtype", "sphfeed"),
                        Field::new("sub_type", "4"),
                    ],
                    ..Body::from(Unknown {
                        type_name: "sphfeed".into(),
                        text: Some("视频号动态".into()),
                    })
                },
                Some(Original::inline("application/json", Vec::new())),
                vec![],
            ),
        ),
    ]
}

fn sample(name: &'static str, about: &'static str, record: Record) -> Sample {
    Sample {
        name,
        about,
        record,
    }
}
