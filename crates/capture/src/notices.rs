//! Telling those who are captured (PLAN-9, CONN-10): a conversation in which something was said gets a
//! notice, once, in the words of the plan in force.
//!
//! That one is due is durable with the record that says so, and stays so until the record that it was
//! given is durable: a crash of either side between asks again.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use connector::{Down, Notice, NoticeText};
use record::{ConsentAct, Content, ConversationKind, Record};
use seal::Plan;

use crate::converse::{ConversationError, Happening, Shared};
use crate::local_key::{LocalKey, PositionError};
use crate::spool::NoticeChanges;

/// Conversations, by their ids, that an event's records tell something about.
#[derive(Default)]
pub(crate) struct Noticed {
    spoken: BTreeSet<String>,
    given: BTreeSet<String>,
}

impl Noticed {
    /// Hears that a record was captured, or was known and comes again.
    pub(crate) fn hear(&mut self, record: &Record, plan: &Plan) {
        let envelope = record.envelope();
        let conversation = envelope.conversation().as_str();
        match &record.body().content {
            Content::Consent(consent) if consent.act == ConsentAct::Notice => {
                self.given.insert(conversation.to_owned());
            }
            Content::Message(_)
            | Content::Edit(_)
            | Content::Reaction(_)
            | Content::Call(_)
            | Content::Poll(_) => {
                let told = matches!(
                    record.participants().conversation.kind,
                    ConversationKind::Unknown | ConversationKind::Direct | ConversationKind::Group
                );
                let network = envelope.network().as_str();
                if told && !plan.notices_in(network, conversation).is_empty() {
                    self.spoken.insert(conversation.to_owned());
                }
            }
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.spoken.extend(other.spoken);
        self.given.extend(other.given);
    }

    /// What becomes durable of it.
    pub(crate) fn changes(
        &self,
        local: &LocalKey,
        (network, account): (&str, &str),
    ) -> Result<NoticeChanges, PositionError> {
        let mark = |conversation: &String| {
            local.conversation([
                network.as_bytes(),
                account.as_bytes(),
                conversation.as_bytes(),
            ])
        };
        let due = self.spoken.iter().map(|conversation| {
            let sealed = local.seal_position(conversation.as_bytes())?;
            Ok((mark(conversation), sealed))
        });
        Ok(NoticeChanges {
            due: due.collect::<Result<_, _>>()?,
            given: self.given.iter().map(mark).collect(),
        })
    }
}

impl Shared<'_> {
    /// Asks the connector for every notice that is due and that it was not asked for in this
    /// conversation with it. Gives what is to be told where it gives none.
    pub(crate) fn ask_notices(&self) -> Result<Option<Happening>, ConversationError> {
        let (Some(account), Some(intake)) = (self.terms.resume, self.intake.get()) else {
            return Ok(None);
        };
        let due = self.agent.spool().notices_due(&account)?;
        if due.is_empty() {
            return Ok(None);
        }
        if !self.gives_notices() {
            return Ok(Some(Happening::NoticesNotGiven));
        }
        let plan = self.agent.plan();
        let local = self.agent.identity().local();
        let network = intake.source().network.as_str();
        for (mark, sealed) in due {
            let new = {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.insert(mark)
            };
            if !new {
                continue;
            }
            let Ok(conversation) = String::from_utf8(local.open_position(&sealed)?) else {
                continue;
            };
            let texts: Vec<NoticeText> = plan
                .notices_in(network, &conversation)
                .into_iter()
                .map(|notice| NoticeText {
                    language: notice.language.clone(),
                    text: notice.text.clone(),
                })
                .collect();
            // Another plan says nothing there any more.
            if texts.is_empty() {
                continue;
            }
            // A connector that is gone is asked when it is started next.
            let _ = self.say(&Down::Notice(Notice {
                conversation,
                texts,
            }));
        }
        Ok(None)
    }
}
