//! What a custodian is told before they enrol, in plain words: in the letter and by
//! `greffe agent enrol`.

use seal::Invitation;

use super::standing::time;
use crate::text::{say, word};

/// Who invites, and until when.
pub(crate) fn intro(invitation: &Invitation) -> String {
    say!(
        "consent-intro",
        inviter = crate::text::printable(invitation.inviter.as_deref().unwrap_or("–")),
        until = time(invitation.until.get()),
    )
}

/// What is captured, who can read it, who can not, and what rights there are.
pub(crate) fn text(invitation: &Invitation) -> String {
    let inviter = crate::text::printable(invitation.inviter.as_deref().unwrap_or("–"));
    [
        say!("consent-what", inviter = inviter.as_str()),
        say!("consent-who", inviter = inviter.as_str()),
        word("consent-who-not"),
        say!("consent-rights", inviter = inviter.as_str()),
    ]
    .join("\n\n")
}
