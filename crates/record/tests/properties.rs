//! Whatever a record says: it is read as it was written, and no flipped bit goes unseen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use record::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_read_as_it_was_written(record in record()) {
        let parts = record.parts();
        let again = Record::from_parts(parts.slices(), record.attachments().to_vec()).unwrap();
        prop_assert!(again == record);
        prop_assert_eq!(again.parts().into_vecs(), parts.into_vecs());
        for attachment in record.attachments() {
            let bytes = canonical::to_bytes(attachment);
            let again: Attachment = canonical::from_bytes(&bytes).unwrap();
            prop_assert!(again == *attachment);
        }
    }

    /// CBOR-1: two encodings never mean the same record.
    #[test]
    fn cbor_1_a_flipped_bit_is_refused_or_means_something_else(
        record in record(),
        part in 0_usize..4,
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut parts = record.parts().into_vecs();
        if !parts[part].is_empty() {
            let place = place.index(parts[part].len());
            parts[part][place] ^= 1 << bit;
            let slices = parts.each_ref().map(Vec::as_slice);
            if let Ok(other) = Record::from_parts(slices, record.attachments().to_vec()) {
                prop_assert!(other != record);
                prop_assert_eq!(other.parts().into_vecs(), parts);
            }
        }
    }

    /// A cut or lengthened part is refused.
    #[test]
    fn cbor_3_a_part_of_another_length_is_refused(record in record(), cut in any::<prop::sample::Index>()) {
        for part in 0..3 {
            let mut parts = record.parts().into_vecs();
            parts[part].push(0);
            let attachments = record.attachments().to_vec();
            prop_assert!(Record::from_parts(parts.each_ref().map(Vec::as_slice), attachments.clone()).is_err());
            let length = cut.index(parts[part].len() - 1);
            parts[part].truncate(length);
            prop_assert!(Record::from_parts(parts.each_ref().map(Vec::as_slice), attachments).is_err());
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(parts in [vec(any::<u8>(), 0..60), vec(any::<u8>(), 0..60), vec(any::<u8>(), 0..60), vec(any::<u8>(), 0..60)]) {
        prop_assert!(Record::from_parts(parts.each_ref().map(Vec::as_slice), vec![]).is_err());
    }

    /// Debug shows no text of a record, whatever stands in it.
    #[test]
    fn debug_shows_no_content(record in record()) {
        let shown = format!(
            "{record:?} {:?} {:?} {:?} {:?} {:?}",
            record.envelope(), record.participants(), record.body(), record.original(),
            record.attachments(),
        );
        for text in record.searchable_text().into_iter().filter(|text| text.contains('§')) {
            prop_assert!(!shown.contains(text));
        }
        prop_assert!(!shown.contains('§'));
    }
}

// Strategies are boxed: the tree of all of them is larger than a test's stack.
fn record() -> BoxedStrategy<Record> {
    (
        envelope(),
        participants(),
        body(),
        option::of(original()),
        vec(attachment(), 1..4),
    )
        .prop_map(|(envelope, participants, body, original, attachments)| {
            Record::new(envelope, participants, body, original, attachments).unwrap()
        })
        .boxed()
}

/// Every text begins with a sign that no `Debug` writes.
fn words() -> impl Strategy<Value = String> {
    "§\\PC{0,20}"
}

fn some() -> impl Strategy<Value = Option<String>> {
    option::of(words())
}

fn text_id() -> impl Strategy<Value = TextId> {
    "§[a-z:@.öß名]{0,30}".prop_map(|text| TextId::new(text).unwrap())
}

fn ms() -> impl Strategy<Value = Milliseconds> {
    any::<i64>().prop_map(Milliseconds::new)
}

fn some_ms() -> impl Strategy<Value = Option<Milliseconds>> {
    option::of(ms())
}

fn number() -> impl Strategy<Value = Option<u64>> {
    option::of(prop_oneof![any::<u64>(), 0_u64..300])
}

fn time() -> impl Strategy<Value = Time> {
    (ms(), option::of(-1080_i16..=1080)).prop_map(|(at, offset)| Time {
        at,
        offset: offset.and_then(OffsetMinutes::new),
    })
}

fn record_id() -> impl Strategy<Value = RecordId> {
    any::<[u8; 32]>().prop_map(RecordId::from_bytes)
}

fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn envelope() -> BoxedStrategy<EnvelopeBuilder> {
    let source = (
        prop_oneof![
            select(NetworkName::known().to_vec()),
            Just(NetworkName::new("x-1").unwrap())
        ],
        text_id(),
        text_id(),
        text_id(),
        one(Assurance::all()),
        one(Mode::all()),
    )
        .prop_map(
            |(network, account, custodian, connector, assurance, mode)| Source {
                network,
                account,
                custodian,
                connector,
                assurance,
                mode,
            },
        );
    let times = (
        option::of(time()),
        option::of(time()),
        option::of(time()),
        time(),
    );
    let rest = (one(Direction::all()), option::of(record_id()), number());
    (source, text_id(), text_id(), times, rest)
        .prop_map(
            |(source, conversation, source_id, times, (direction, roster, position))| {
                let (sent, server, received, captured) = times;
                Envelope::builder(&source, conversation, source_id, captured)
                    .direction(direction)
                    .sent(sent)
                    .server(server)
                    .received(received)
                    .roster(roster)
                    .position(position)
            },
        )
        .boxed()
}

fn participant_id() -> impl Strategy<Value = ParticipantId> {
    "[a-z][a-z0-9-]{0,8}:§\\PC{0,10}".prop_map(|id| ParticipantId::parse(id).unwrap())
}

fn participant() -> BoxedStrategy<Participant> {
    let alias = (one(AliasKind::all()), words()).prop_map(|(kind, name)| Alias { kind, name });
    (participant_id(), vec(alias, 0..3), some(), number())
        .prop_map(|(id, aliases, role, device)| Participant {
            id,
            aliases,
            role,
            device,
        })
        .boxed()
}

fn participants() -> BoxedStrategy<Participants> {
    let topic = (text_id(), some()).prop_map(|(id, title)| Topic { id, title });
    let conversation = (one(ConversationKind::all()), some(), option::of(topic))
        .prop_map(|(kind, title, topic)| Conversation { kind, title, topic });
    let one_of = || option::of(participant());
    (one_of(), vec(participant(), 0..3), conversation, one_of())
        .prop_map(
            |(sender, recipients, conversation, on_behalf_of)| Participants {
                sender,
                recipients,
                conversation,
                on_behalf_of,
            },
        )
        .boxed()
}

fn original() -> impl Strategy<Value = Original> {
    prop_oneof![
        (words(), vec(any::<u8>(), 0..40)).prop_map(|(kind, bytes)| Original::inline(kind, bytes)),
        words().prop_map(|kind| Original::attached(kind, AttachmentIndex::new(0))),
    ]
}

fn attachment() -> BoxedStrategy<Attachment> {
    let texts = (some(), some(), some(), some());
    let sizes = (option::of(any::<u32>()), option::of(any::<u32>()), number());
    (texts, any::<u64>(), any::<[u8; 32]>(), sizes)
        .prop_map(|(texts, size, sha256, sizes)| {
            let (name, declared_type, sniffed_type, reference) = texts;
            let (width, height, duration_ms) = sizes;
            let sha256 = FileHash::from_bytes(sha256);
            Attachment {
                name,
                declared_type,
                sniffed_type,
                reference,
                width,
                height,
                duration_ms,
                ..Attachment::new(size, sha256)
            }
        })
        .boxed()
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    vec(
        (words(), words()).prop_map(|(name, value)| Field { name, value }),
        0..3,
    )
}

fn index() -> impl Strategy<Value = AttachmentIndex> {
    Just(AttachmentIndex::new(0))
}

fn leaf() -> BoxedStrategy<Part> {
    let span =
        (any::<u32>(), any::<u32>(), words(), some()).prop_map(|(start, length, style, target)| {
            Span {
                start,
                length,
                style,
                target,
            }
        });
    prop_oneof![
        (words(), vec(span, 0..3)).prop_map(|(text, spans)| Text { text, spans }.into()),
        (index(), words()).prop_map(|(attachment, form)| Media { attachment, form }.into()),
        (any::<i32>(), any::<i32>(), some(), some(), number()).prop_map(
            |(latitude_e7, longitude_e7, name, address, live_seconds)| {
                Location {
                    latitude_e7,
                    longitude_e7,
                    name,
                    address,
                    live_seconds,
                }
                .into()
            }
        ),
        (words(), fields()).prop_map(|(name, fields)| Card { name, fields }.into()),
        (some(), some(), some(), option::of(index())).prop_map(|(pack, id, emoji, attachment)| {
            Sticker {
                pack,
                id,
                emoji,
                attachment,
            }
            .into()
        }),
        (words(), some(), some(), option::of(index())).prop_map(
            |(address, title, description, attachment)| {
                Preview {
                    address,
                    title,
                    description,
                    attachment,
                }
                .into()
            }
        ),
        (
            words(),
            one(MissingWhy::all()),
            some(),
            some(),
            number(),
            some()
        )
            .prop_map(|(what, why, name, media_type, size, reference)| {
                Missing {
                    what,
                    why,
                    name,
                    media_type,
                    size,
                    reference,
                }
                .into()
            }),
    ]
    .boxed()
}

fn part() -> BoxedStrategy<Part> {
    leaf()
        .prop_recursive(3, 12, 3, |inner| {
            let message = (
                option::of(participant()),
                option::of(time()),
                vec(inner.clone(), 0..3),
            )
                .prop_map(|(sender, sent, parts)| NestedMessage {
                    sender,
                    sent,
                    parts,
                });
            prop_oneof![
                (some(), vec(message, 0..3)).prop_map(|(title, messages)| Nested {
                    title,
                    messages
                }
                .into()),
                (words(), some(), fields(), vec(inner, 0..3)).prop_map(
                    |(type_name, title, fields, parts)| {
                        Structured {
                            type_name,
                            title,
                            fields,
                            parts,
                        }
                        .into()
                    }
                ),
            ]
        })
        .boxed()
}

fn target() -> BoxedStrategy<Target> {
    (
        text_id(),
        option::of(participant_id()),
        some_ms(),
        some(),
        option::of(text_id()),
    )
        .prop_map(|(source_id, author, sent, excerpt, conversation)| Target {
            source_id,
            author,
            sent,
            excerpt,
            conversation,
        })
        .boxed()
}

fn targets() -> impl Strategy<Value = Vec<Target>> {
    vec(target(), 1..3)
}

fn message() -> BoxedStrategy<Message> {
    let expiry = (any::<u64>(), one(ExpiryStart::all()), some_ms())
        .prop_map(|(seconds, from, at)| Expiry { seconds, from, at });
    let forward =
        (option::of(participant()), some_ms(), some()).prop_map(|(author, sent, conversation)| {
            Forward {
                author,
                sent,
                conversation,
            }
        });
    let voter =
        (participant(), some_ms()).prop_map(|(participant, at)| TallyVoter { participant, at });
    let tally = (words(), any::<u64>(), vec(voter, 0..2)).prop_map(|(value, count, by)| Tally {
        value,
        count,
        by,
    });
    (
        vec(part(), 0..4),
        option::of(target()),
        option::of(expiry),
        any::<bool>(),
        option::of(forward),
        vec(tally, 0..2),
        vec(words(), 0..3),
    )
        .prop_map(
            |(parts, in_reply_to, expiry, view_once, forward, reactions, marks)| Message {
                parts,
                in_reply_to,
                expiry,
                view_once,
                forward,
                reactions,
                marks,
            },
        )
        .boxed()
}

fn body() -> BoxedStrategy<Body> {
    (
        prop_oneof![4 => about_messages(), 3 => about_others(), 2 => about_capture()],
        fields(),
    )
        .prop_map(|(content, fields)| Body { content, fields })
        .boxed()
}

fn about_messages() -> BoxedStrategy<Content> {
    prop_oneof![
        message().prop_map(Content::from),
        (target(), message(), option::of(message())).prop_map(|(target, message, former)| Edit {
            target,
            message,
            former
        }
        .into()),
        (
            targets(),
            one(DeleteScope::all()),
            option::of(participant()),
            option::of(message())
        )
            .prop_map(|(targets, scope, by, former)| {
                Delete {
                    targets,
                    scope,
                    by,
                    former,
                }
                .into()
            }),
        (target(), words(), any::<bool>()).prop_map(|(target, value, removed)| Reaction {
            target,
            value,
            removed
        }
        .into()),
        (targets(), one(ReceiptState::all()), some_ms(), some()).prop_map(
            |(targets, state, at, error)| Receipt {
                targets,
                state,
                at,
                error
            }
            .into()
        ),
    ]
    .boxed()
}

fn about_others() -> BoxedStrategy<Content> {
    let member = (
        participant(),
        one(MemberAct::all()),
        option::of(participant()),
        some(),
    )
        .prop_map(|(member, act, by, detail)| MemberChange {
            member,
            act,
            by,
            detail,
        });
    let changed = (words(), some(), some(), option::of(target())).prop_map(
        |(what, before, after, target)| Changed {
            what,
            before,
            after,
            target,
        },
    );
    let option = (words(), some(), number(), option::of(any::<bool>())).prop_map(
        |(text, id, votes, chosen)| PollOption {
            text,
            id,
            votes,
            chosen,
        },
    );
    let asked = (
        one(PollAct::all()),
        option::of(target()),
        some(),
        vec(option, 0..3),
    );
    let answered = (
        vec(words(), 0..3),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        number(),
    );
    prop_oneof![
        (
            some(),
            one(CallMedia::all()),
            one(CallState::all()),
            number(),
            some(),
            any::<bool>()
        )
            .prop_map(|(id, media, state, duration_seconds, reason, group)| {
                Call {
                    id,
                    media,
                    state,
                    duration_seconds,
                    reason,
                    group,
                }
                .into()
            }),
        vec(member, 1..3).prop_map(|changes| Membership { changes }.into()),
        vec(changed, 1..3).prop_map(|changes| Change { changes }.into()),
        (asked, answered).prop_map(|(asked, answered)| {
            let (act, target, question, options) = asked;
            let (choices, several, anonymous, voters) = answered;
            Poll {
                act,
                target,
                question,
                options,
                choices,
                several,
                anonymous,
                voters,
            }
            .into()
        }),
        (
            one(ConsentAct::all()),
            option::of(participant()),
            some(),
            some_ms()
        )
            .prop_map(|(act, participant, text, at)| {
                Consent {
                    act,
                    participant,
                    text,
                    at,
                }
                .into()
            }),
    ]
    .boxed()
}

fn about_capture() -> BoxedStrategy<Content> {
    prop_oneof![
        (
            one(LossWhy::all()),
            some_ms(),
            some_ms(),
            number(),
            some(),
            some()
        )
            .prop_map(|(why, from, to, count, place, detail)| {
                Loss {
                    why,
                    from,
                    to,
                    count,
                    place,
                    detail,
                }
                .into()
            }),
        (vec(participant(), 0..3), option::of(record_id())).prop_map(|(members, former)| Roster {
            members,
            former
        }
        .into()),
        (words(), some()).prop_map(|(what, state)| Activity { what, state }.into()),
        (words(), some()).prop_map(|(what, value)| Account { what, value }.into()),
        (words(), some()).prop_map(|(type_name, text)| Unknown { type_name, text }.into()),
    ]
    .boxed()
}
