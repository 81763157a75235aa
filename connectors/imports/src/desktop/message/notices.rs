//! What the program tells in a conversation: timers, calls, changes of a group, identities.

use connector::Fields;
use connector::normal::{Gathered, stable_id};
use record::{
    Account, Call, CallMedia, CallState, Change, Changed, Content, Loss, LossWhy, MemberAct,
    MemberChange, Membership, Milliseconds, Participant, TextId, Unknown,
};

use super::{Event, message_id};
use crate::desktop::people::service_id;

impl Event<'_> {
    /// What the program tells of a conversation.
    pub(super) fn told(&self, root: &Fields<'_>, kind: &str, gathered: &mut Gathered<'_>) {
        let id = root.any("id").unwrap_or_else(|| self.sent.to_string());
        let own = stable_id(&format!("desktop/{id}"));
        match kind {
            "timer-notification" => {
                let timer = root.obj("expirationTimerUpdate");
                let by = timer.as_ref().and_then(|timer| {
                    let id = timer
                        .any("sourceServiceId")
                        .or_else(|| timer.any("sourceUuid"));
                    service_id(id.as_deref(), timer.any("source").as_deref())
                });
                let seconds = timer.and_then(|timer| timer.any("expireTimer"));
                let by = by.unwrap_or_else(|| self.author.id.clone());
                let draft = self
                    .draft(root, message_id(&by, self.sent))
                    .sender(Some(Participant::new(by)));
                let after = seconds.unwrap_or_else(|| "0".to_owned());
                gathered.add(draft, changed("timer", Some(after)));
            }
            "group-v2-change" => self.group(root, own, gathered),
            "call-history" => {
                let draft = self.draft(root, own);
                gathered.add(draft, call(root));
            }
            "delivery-issue" | "chat-session-refreshed" => {
                let draft = self.draft(root, own);
                let loss = Loss {
                    from: Some(Milliseconds::new(self.sent)),
                    to: Some(Milliseconds::new(self.sent)),
                    count: Some(1),
                    detail: Some(format!(
                        "{kind}: a message that Signal Desktop could not read"
                    )),
                    ..Loss::new(LossWhy::Undecryptable)
                };
                gathered.add(draft, loss);
            }
            "keychange"
            | "verified-change"
            | "profile-change"
            | "change-number-notification"
            | "conversation-merge"
            | "title-transition-notification"
            | "phone-number-discovery"
            | "joined-signal-notification"
            | "universal-timer-notification"
            | "message-request-response-event" => {
                let draft = self.draft(root, own);
                let content = Account {
                    what: kind.to_owned(),
                    value: root
                        .any("key_changed")
                        .or_else(|| root.any("verifiedChanged")),
                };
                gathered.add(draft, content);
            }
            other => {
                let draft = self.draft(root, own);
                let content: Content = Unknown {
                    type_name: other.to_owned(),
                    text: root.any("body"),
                }
                .into();
                gathered.add(draft, content);
            }
        }
    }

    fn group(&self, root: &Fields<'_>, id: TextId, gathered: &mut Gathered<'_>) {
        let change = root.obj("groupV2Change");
        let by = change.as_ref().and_then(|change| {
            service_id(change.any("from").as_deref(), None).map(Participant::new)
        });
        let mut draft = self.draft(root, id);
        if let Some(by) = &by {
            draft = draft.sender(Some(by.clone()));
        }
        let mut members = Vec::new();
        let mut changes = Vec::new();
        for detail in change.iter().flat_map(|change| change.list("details")) {
            let what = detail.any("type").unwrap_or_default();
            let who = ["aci", "serviceId", "uuid"]
                .iter()
                .find_map(|name| detail.any(name));
            let who = service_id(who.as_deref(), None);
            let act = match what.as_str() {
                "member-add-from-link" => Some(MemberAct::Joined),
                "member-add" | "member-add-from-invite" | "member-add-from-admin-approval" => {
                    Some(MemberAct::Added)
                }
                "member-remove" if who.as_ref() == by.as_ref().map(|by| &by.id) => {
                    Some(MemberAct::Left)
                }
                "member-remove" => Some(MemberAct::Removed),
                "member-privilege" => Some(match detail.uint("newPrivilege") {
                    Some(2) => MemberAct::Promoted,
                    _ => MemberAct::Demoted,
                }),
                "pending-add-one" => Some(MemberAct::Invited),
                "pending-remove-one" => Some(MemberAct::Declined),
                "admin-approval-add-one" => Some(MemberAct::Requested),
                _ => None,
            };
            match (act, who) {
                (Some(act), Some(who)) => members.push(MemberChange {
                    member: Participant::new(who),
                    act,
                    by: by.clone(),
                    detail: Some(what),
                }),
                _ => {
                    let after = ["newTitle", "description", "newPrivilege", "count"]
                        .iter()
                        .find_map(|name| detail.any(name));
                    let what = if what == "create" {
                        "created".to_owned()
                    } else {
                        what
                    };
                    changes.push(Changed {
                        what,
                        before: None,
                        after,
                        target: None,
                    });
                }
            }
        }
        if members.is_empty() && changes.is_empty() {
            changes.push(Changed {
                what: "group".to_owned(),
                ..Changed::default()
            });
        }
        if !members.is_empty() {
            gathered.add(draft.clone(), Membership { changes: members });
        }
        if !changes.is_empty() {
            gathered.add(draft, Change { changes });
        }
    }
}

fn changed(what: &str, after: Option<String>) -> Change {
    Change {
        changes: vec![Changed {
            what: what.to_owned(),
            after,
            ..Changed::default()
        }],
    }
}

fn call(root: &Fields<'_>) -> Call {
    let details = root.obj("callHistoryDetails");
    let mut call = Call::new(CallMedia::Unknown, CallState::Other);
    call.id = root.any("callId");
    let Some(details) = details else {
        return call;
    };
    call.id = call.id.or_else(|| details.any("callId"));
    call.group = details.any("callMode").as_deref() == Some("Group");
    call.media = match details.flag("wasVideoCall") {
        Some(true) => CallMedia::Video,
        Some(false) => CallMedia::Audio,
        None => CallMedia::Unknown,
    };
    let accepted = details.int("acceptedTime");
    let ended = details.int("endedTime");
    call.state = match (
        details.flag("wasDeclined"),
        accepted,
        details.flag("wasIncoming"),
    ) {
        (Some(true), _, _) => CallState::Declined,
        (_, Some(_), _) => CallState::Ended,
        (_, None, Some(true)) => CallState::Missed,
        _ => CallState::Other,
    };
    call.duration_seconds = accepted
        .zip(ended)
        .and_then(|(from, to)| u64::try_from(to.checked_sub(from)? / 1_000).ok());
    call
}
