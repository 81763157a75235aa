//! What archives write into the header of a message that was no mail: from which network it
//! comes, to which conversation it belongs, what it is.
//!
//! Only fields of archives that are known are believed; every other field stays a field.

use record::NetworkName;

use super::mime::Head;

/// Beginnings of field names that archives and the programs that feed them use.
const ARCHIVES: [&str; 16] = [
    "x-globalrelay-",
    "x-smarsh-",
    "x-telemessage-",
    "x-tm-",
    "x-rsmf-",
    "x-greffe-",
    "x-mattermost-",
    "x-symphony-",
    "x-slack-",
    "x-actiance-",
    "x-vantage-",
    "x-leapxpert-",
    "x-movius-",
    "x-merge1-",
    "x-arctera-",
    "x-crosslead-",
];

/// Endings that say the network, the surest first.
const NETWORKS: [&str; 8] = [
    "msgtype",
    "network",
    "platform",
    "application",
    "channel",
    "messagetype",
    "message-type",
    "source",
];

/// Endings that say the conversation.
const CONVERSATIONS: [&str; 11] = [
    "channelid",
    "channel-id",
    "streamid",
    "stream-id",
    "thread-id",
    "threadid",
    "conversationid",
    "conversation-id",
    "chat-id",
    "room-id",
    "eventcollectionid",
];

/// Words by which archives name networks.
const WORDS: [(&str, &str); 22] = [
    ("whatsapp", "whatsapp"),
    ("signal", "signal"),
    ("telegram", "telegram"),
    ("wecom", "wechat"),
    ("wechat", "wechat"),
    ("weixin", "wechat"),
    ("element", "matrix"),
    ("matrix", "matrix"),
    ("imessage", "imessage"),
    ("sms", "sms"),
    ("mms", "sms"),
    ("text message", "sms"),
    ("textmessage", "sms"),
    ("teams", "teams"),
    ("slack", "slack"),
    ("mattermost", "mattermost"),
    ("symphony", "symphony"),
    ("bloomberg", "bloomberg"),
    ("hangout", "google-chat"),
    ("google chat", "google-chat"),
    ("zoom", "zoom"),
    ("webex", "webex"),
];

/// What the header says.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) network: Option<NetworkName>,
    pub(crate) conversation: Option<String>,
}

/// Reads the fields of archives.
pub(crate) fn marks(head: &Head<'_>) -> Marks {
    let mut found = Marks::default();
    let mut rank = NETWORKS.len();
    for name in head.names() {
        let small = name.to_ascii_lowercase();
        let Some(ending) = ARCHIVES.iter().find_map(|begin| small.strip_prefix(begin)) else {
            continue;
        };
        if let Some(at) = NETWORKS.iter().position(|known| ending == *known)
            && at < rank
            && let Some(network) = head.text(&name).as_deref().and_then(network)
        {
            rank = at;
            found.network = Some(network);
        }
        if found.conversation.is_none() && CONVERSATIONS.contains(&ending) {
            found.conversation = head.text(&name).filter(|id| !id.is_empty());
        }
    }
    found
}

/// The network that a value means, where it is one that is known. Mail is none of them.
pub(crate) fn network(value: &str) -> Option<NetworkName> {
    let value = value.trim().to_ascii_lowercase();
    let (_, name) = WORDS.iter().find(|(word, _)| names(&value, word))?;
    NetworkName::new(name).ok()
}

/// Whether the word stands in the value and is not a part of a longer one.
fn names(value: &str, word: &str) -> bool {
    value.match_indices(word).any(|(at, _)| {
        let before = value.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::mime::head_of;

    #[test]
    fn fields_of_archives_are_believed_and_others_are_not() {
        let head = head_of(
            b"X-GlobalRelay-MsgType: WhatsApp Archiver\nX-Mattermost-ChannelID: c-7\nX-Other-Network: Signal\n\n",
        );
        let found = marks(&head);
        assert_eq!(found.network.unwrap().as_str(), "whatsapp");
        assert_eq!(found.conversation.as_deref(), Some("c-7"));
        let other = head_of(b"X-Mailer: Signal 1\nX-Smarsh-Source: payroll\n\n");
        assert!(marks(&other).network.is_none());
        assert_eq!(network("Android SMS").unwrap().as_str(), "sms");
        assert!(network("transmission").is_none());
    }
}
