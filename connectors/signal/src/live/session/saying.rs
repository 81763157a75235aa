//! What is said in the account's name: notices, and what the agent asks to send.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use connector::kit::{Context, KitError};
use connector::{Notice, Send};
use serde_json::{Value, json};

use super::{Phase, Purpose, Session};
use crate::journal::EntryKind;
use crate::live::accounts;
use crate::live::entries::{GROUP, SentEntry};
use crate::live::outgoing;
use crate::live::wire::Answer;
use crate::system::running;

/// After a notice could not be given for the first time, and the longest such pause.
const LATER: Duration = Duration::from_secs(15);
const LATEST: Duration = Duration::from_secs(3_600);

/// Notices as far as this run has tried to give them.
#[derive(Default)]
pub(super) struct Attempts {
    /// One is under way: its answer is to come.
    pub(super) under_way: bool,
    /// Words that the agent wants to be said, by conversation (CONN-10).
    pub(super) asked: BTreeMap<String, String>,
    /// Conversations where it failed: how often, and when it is tried again.
    pub(super) failed: HashMap<String, (u32, Duration)>,
}

impl Session {
    /// CONN-10
    pub(super) fn asked(&mut self, notice: Notice) {
        let texts = notice.texts.iter();
        let texts = texts.map(|text| (text.language.as_str(), text.text.as_str()));
        if let Some(words) = self.settings.words(texts) {
            self.notices.asked.insert(notice.conversation, words);
        }
    }

    /// Begins to give the next notice that is owed, or finds out that it was given. Returns whether
    /// that has told the journal something, after which there may be another.
    pub(super) fn give_notice(&mut self, ctx: &mut Context<'_>) -> Result<bool, KitError> {
        if self.notices.under_way {
            return Ok(false);
        }
        let Attempts { asked, failed, .. } = &mut self.notices;
        let Some(notices) = self.delivery.notices() else {
            return Ok(false);
        };
        asked.retain(|id, _| !notices.is_given(id));
        let now = running();
        let may = |id: &str| failed.get(id).is_none_or(|(_, until)| *until <= now);
        let usual = self.settings.notice();
        let Some(due) = notices.due(asked, usual.as_deref(), may) else {
            return Ok(false);
        };
        let mut sent = SentEntry {
            conversation: due.conversation,
            text: due.text,
            again: due.unsure,
            ..SentEntry::default()
        };
        if due.unsure {
            if let Some(timestamp) = self.already_sent(&sent) {
                sent.timestamp = Some(timestamp);
                (sent.again, sent.found) = (false, true);
                self.delivery.append(EntryKind::NoticeGiven, &sent)?;
                return Ok(true);
            }
            ctx.trouble("signal-notice-again", &[])?;
        }
        // Whoever finds this entry and no other behind it does not know whether it was sent.
        self.delivery.append(EntryKind::NoticeSending, &sent)?;
        let params = message_params(&self.number, &sent);
        self.notices.under_way = self.call("send", params, Purpose::Notice(sent));
        Ok(self.notices.under_way)
    }

    /// What signal-cli's own record says of a notice whose answer was lost.
    fn already_sent(&self, sent: &SentEntry) -> Option<i64> {
        let linked = accounts::linked(&self.settings.data);
        let own = linked.iter().find(|own| own.number == self.number)?;
        // A record that can not be read tells as little as one in which nothing stands.
        outgoing::sent(&own.database, &sent.conversation, &sent.text)
            .ok()
            .flatten()
    }

    pub(super) fn notice_answered(
        &mut self,
        ctx: &mut Context<'_>,
        mut sent: SentEntry,
        answer: Answer,
    ) -> Result<(), KitError> {
        self.notices.under_way = false;
        match timestamp(&answer) {
            Ok(timestamp) => {
                self.notices.failed.remove(&sent.conversation);
                sent.timestamp = Some(timestamp);
                self.delivery.append(EntryKind::NoticeGiven, &sent)
            }
            Err(detail) => {
                let tries = self.notices.failed.get(&sent.conversation);
                let tries = tries.map_or(0, |(tries, _)| *tries);
                let pause = LATER.saturating_mul(1 << tries.min(16)).min(LATEST);
                let again = (tries + 1, running() + pause);
                self.notices.failed.insert(sent.conversation.clone(), again);
                self.delivery.append(EntryKind::NoticeFailed, &sent)?;
                if tries > 0 {
                    return Ok(());
                }
                ctx.trouble("signal-notice-failed", &[("detail", &detail)])
            }
        }
    }

    pub(super) fn send(&mut self, ctx: &mut Context<'_>, send: &Send) -> Result<(), KitError> {
        let number = send.number;
        let sent: Result<SentEntry, _> = serde_json::from_slice(&send.content);
        match sent {
            Ok(sent) if self.phase == Phase::Receiving => {
                let params = message_params(&self.number, &sent);
                self.call("send", params, Purpose::Send { number, sent });
                Ok(())
            }
            Ok(_) => {
                ctx.trouble("signal-send-failed", &[("detail", "not connected")])?;
                ctx.sent(number, None)
            }
            Err(_) => {
                ctx.trouble("signal-send-failed", &[("detail", "not understood")])?;
                ctx.sent(number, None)
            }
        }
    }

    pub(super) fn send_answered(
        &mut self,
        ctx: &mut Context<'_>,
        number: u64,
        mut sent: SentEntry,
        answer: &Answer,
    ) -> Result<(), KitError> {
        match timestamp(answer) {
            Ok(timestamp) => {
                sent.timestamp = Some(timestamp);
                self.delivery.append(EntryKind::Sent, &sent)?;
                ctx.sent(number, Some(timestamp.to_string()))
            }
            Err(detail) => {
                ctx.trouble("signal-send-failed", &[("detail", &detail)])?;
                ctx.sent(number, None)
            }
        }
    }
}

fn message_params(account: &str, sent: &SentEntry) -> Value {
    let conversation = sent.conversation.as_str();
    if let Some(group) = conversation.strip_prefix(GROUP) {
        return json!({"account": account, "groupId": group, "message": sent.text});
    }
    let recipient = match conversation.split_once(':') {
        Some(("pni", id)) => format!("PNI:{id}"),
        Some((_, id)) => id.to_owned(),
        None => conversation.to_owned(),
    };
    json!({"account": account, "recipient": [recipient], "message": sent.text})
}

/// When it was sent, unless it reached nobody.
fn timestamp(answer: &Answer) -> Result<i64, String> {
    let answer = answer.as_ref().map_err(|refused| refused.message.clone())?;
    let results = answer.get("results").and_then(Value::as_array);
    let types: Vec<&str> = results
        .into_iter()
        .flatten()
        .filter_map(|result| result.get("type")?.as_str())
        .collect();
    if !types.is_empty() && !types.contains(&"SUCCESS") {
        return Err(types.join(", "));
    }
    answer
        .get("timestamp")
        .and_then(Value::as_i64)
        .ok_or_else(|| "no time".to_owned())
}
