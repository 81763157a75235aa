//! What signal-cli writes to its standard error, read as evidence: it is the only trace of what it
//! drops.

/// What a line means for the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing.
    Nothing,
    /// A message was dropped or could not be read.
    Dropped,
    /// The thread that receives has ended, whatever the rest still answers.
    ReceiverDied,
    /// The server can not be reached now; what waits there stays there.
    Away,
    /// The device was unlinked, or the account is gone.
    Unlinked,
    /// The server takes no client of this release any more.
    Expired,
    /// Java is missing.
    NoJava,
    /// Java is older than this signal-cli wants.
    OldJava,
    /// Another process uses the account's files.
    InUse,
}

/// Phrases, the longest lists first where one line could match several.
const PHRASES: &[(Meaning, &[&str])] = &[
    (
        Meaning::OldJava,
        &[
            "UnsupportedClassVersionError",
            "Unrecognized option: --enable-native-access",
        ],
    ),
    (
        Meaning::NoJava,
        &[
            "JAVA_HOME is not set",
            "JAVA_HOME is set to an invalid directory",
            "java: not found",
        ],
    ),
    (
        Meaning::Expired,
        &[
            "DeprecatedVersionException",
            "StatusCode: 499",
            "[499]",
            "client version is deprecated",
        ],
    ),
    (
        Meaning::Unlinked,
        &[
            "AuthorizationFailedException",
            "Authorization failed",
            "NotRegisteredException",
            "User is not registered",
            "StatusCode: 403",
            "[403]",
        ],
    ),
    (Meaning::ReceiverDied, &["Exception in thread \"receive"]),
    (
        Meaning::InUse,
        &["Config file is in use by another instance"],
    ),
    (
        Meaning::Away,
        &[
            "WebSocket",
            "Connection closed",
            "closed unexpectedly",
            "UnknownHostException",
            "ConnectException",
            "SocketTimeoutException",
            "Failed to connect",
            "Receiving messages failed, retrying",
            "reconnect",
        ],
    ),
    (
        Meaning::Dropped,
        &[
            "Exception in thread",
            "Failed to decrypt",
            "failed to decrypt",
            "InvalidMessage",
            "ProtocolException",
            "Invalid message",
            "invalid message",
            "Ignoring message",
            "ignoring message",
            "Unknown message",
            "unknown message",
            "Failed to handle",
            "Failed to process",
            "Failed to retrieve attachment",
            "Failed to download attachment",
            "Dropping",
            "dropping",
            "Discard",
            "discard",
        ],
    ),
];

/// What the line means. Lines of level INFO and below mean nothing unless the process can not live.
pub(crate) fn meaning(line: &str) -> Meaning {
    let found = PHRASES
        .iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| line.contains(phrase)))
        .map_or(Meaning::Nothing, |(meaning, _)| *meaning);
    let quiet = ["INFO", "DEBUG", "TRACE"]
        .iter()
        .any(|level| line.split_whitespace().take(3).any(|word| word == *level));
    match found {
        Meaning::Dropped | Meaning::Away if quiet => Meaning::Nothing,
        other => other,
    }
}

/// What of a line may stand unsealed: its level, who says it, and names of exceptions. The rest
/// can hold numbers, names and texts.
pub(crate) fn without_content(line: &str) -> String {
    let mut kept = Vec::new();
    for (at, word) in line.split_whitespace().enumerate().take(64) {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let name = bare.len() <= 100
            && bare
                .chars()
                .all(|c| c.is_ascii_alphabetic() || c == '.' || c == '$');
        let level = matches!(bare, "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR");
        let thrown = bare.ends_with("Exception") || bare.ends_with("Error");
        if name && (level || thrown || (at < 3 && is_logger(bare))) {
            kept.push(bare);
        }
    }
    kept.join(" ")
}

/// A class of signal-cli or its libraries, as loggers are called.
fn is_logger(word: &str) -> bool {
    [
        "Handler",
        "Helper",
        "Manager",
        "ManagerImpl",
        "Store",
        "Daemon",
        "Command",
    ]
    .iter()
    .any(|ending| word.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        for (line, expected) in [
            (
                "INFO  SocketHandler - Started JSON-RPC server",
                Meaning::Nothing,
            ),
            (
                "Exception in thread \"receive-0\" java.lang.NullPointerException",
                Meaning::ReceiverDied,
            ),
            (
                "WARN  IncomingMessageHandler - Failed to decrypt incoming message",
                Meaning::Dropped,
            ),
            (
                "WARN  ReceiveHelper - Connection closed unexpectedly, reconnecting in 100 ms",
                Meaning::Away,
            ),
            ("INFO  ReceiveHelper - Connection closed", Meaning::Nothing),
            (
                "WARN  MultiAccountManager - Ignoring +4917: User is not registered. (NotRegisteredException)",
                Meaning::Unlinked,
            ),
            (
                "Error: LinkageError occurred while loading main class org.asamk.signal.Main java.lang.UnsupportedClassVersionError: org/asamk/signal/Main has been compiled by a more recent version",
                Meaning::OldJava,
            ),
            (
                "ERROR: JAVA_HOME is not set and no 'java' command could be found in your PATH.",
                Meaning::NoJava,
            ),
        ] {
            assert_eq!(meaning(line), expected, "{line}");
        }
    }

    #[test]
    fn nothing_of_what_people_wrote_stays_unsealed() {
        let line = "WARN  IncomingMessageHandler - from +491700000001 \"pay Zed tomorrow\" \
                    org.whispersystems.InvalidMessageException: aci 9d0652a3-7b";
        assert_eq!(
            without_content(line),
            "WARN IncomingMessageHandler org.whispersystems.InvalidMessageException"
        );
    }
}
