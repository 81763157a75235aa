//! The accounts, conversations and people of the samples.

use record::*;

/// One captured account.
pub(crate) struct Setting {
    source: Source,
    conversation: &'static str,
    sender: ParticipantId,
    kind: ConversationKind,
}

impl Setting {
    pub(crate) fn record(
        self,
        body: impl Into<Body>,
        original: Option<Original>,
        attachments: Vec<Attachment>,
    ) -> Record {
        let at = |ms: i64| Milliseconds::new(1_716_210_000_000 + ms);
        let offset = OffsetMinutes::new(-330).unwrap();
        let envelope = Envelope::builder(
            &self.source,
            text(self.conversation),
            text("event-1"),
            Time::utc(at(4_000)),
        )
        .direction(Direction::Incoming)
        .sent(Time::with_offset(at(1_000), offset))
        .server(Time::utc(at(2_000)))
        .received(Time::utc(at(3_000)))
        .roster(RecordId::from_bytes([0xa5; 32]))
        .position(70_000);
        let participants = Participants {
            sender: Some(Participant {
                role: Some("admin".into()),
                device: Some(2),
                ..Participant::new(self.sender)
                    .alias(AliasKind::Phone, "+49 170 0000001")
                    .alias(AliasKind::Display, "Mira Öz")
            }),
            recipients: vec![person("name", "Ben"), person("name", "Ines")],
            conversation: Conversation {
                topic: Some(Topic {
                    id: text("topic-7"),
                    title: Some("Termine".into()),
                }),
                ..Conversation::new(self.kind).title("Haushalt 2024")
            },
            on_behalf_of: Some(person("channel", "1000000000001")),
        };
        Record::new(envelope, participants, body, original, attachments).unwrap()
    }

    pub(crate) fn least(self, body: impl Into<Body>) -> Record {
        let envelope = Envelope::builder(
            &self.source,
            text(self.conversation),
            text("event-0"),
            Time::utc(Milliseconds::new(0)),
        );
        Record::new(envelope, Participants::default(), body, None, vec![]).unwrap()
    }
}

fn account(network: NetworkName, account: &str, connector: &str) -> Source {
    Source {
        network,
        account: text(account),
        custodian: text("c-17"),
        connector: text(connector),
        assurance: Assurance::Device,
        mode: Mode::Live,
    }
}

pub(crate) fn signal() -> Setting {
    let aci = "8c78cd2a-16ff-427d-83dc-1a5e36ce713d";
    Setting {
        source: account(
            NetworkName::SIGNAL,
            &format!("aci:{aci}"),
            "signal/0.1.0 signal-cli",
        ),
        conversation: "group:dGhlIGJ1ZGdldCBncm91cA==",
        sender: id("tel", "+491700000001"),
        kind: ConversationKind::Group,
    }
}

pub(crate) fn whatsapp() -> Setting {
    Setting {
        source: Source {
            assurance: Assurance::Export,
            mode: Mode::Import,
            ..account(
                NetworkName::WHATSAPP,
                "wa:4915700000001",
                "imports/0.1.0 whatsapp-export",
            )
        },
        conversation: "120363000000000001@g.us",
        sender: id("wa", "4915700000002"),
        kind: ConversationKind::Group,
    }
}

pub(crate) fn telegram() -> Setting {
    Setting {
        source: Source {
            mode: Mode::Backfill,
            ..account(
                NetworkName::TELEGRAM,
                "user:481516",
                "telegram/0.1.0 session",
            )
        },
        conversation: "channel:1000000000001",
        sender: id("user", "234200"),
        kind: ConversationKind::Channel,
    }
}

pub(crate) fn wechat() -> Setting {
    Setting {
        source: Source {
            assurance: Assurance::Business,
            ..account(
                NetworkName::WECHAT,
                "wecom:MiraOez",
                "wechat/0.1.0 finance-sdk",
            )
        },
        conversation: "wrErxtDgAAhteCglUZH2kUt3rq431qmg",
        sender: id("wecom", "wmErxtDgAA9AW32YyyuYRimKr7D1KWlw"),
        kind: ConversationKind::Direct,
    }
}

pub(crate) fn matrix() -> Setting {
    Setting {
        source: account(
            NetworkName::MATRIX,
            "mxid:@mira:example.org",
            "matrix/0.1.0 device",
        ),
        conversation: "!board:example.org",
        sender: id("mxid", "@ben:example.org"),
        kind: ConversationKind::Group,
    }
}

pub(crate) fn text(text: &str) -> TextId {
    TextId::new(text).unwrap()
}

pub(crate) fn id(scheme: &str, value: &str) -> ParticipantId {
    ParticipantId::new(scheme, value).unwrap()
}

pub(crate) fn person(scheme: &str, value: &str) -> Participant {
    Participant::new(id(scheme, value))
}
