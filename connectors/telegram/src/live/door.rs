//! Telegram at the door: the secret that it repeats with every update, and whose the update is.

use business::{Door, Saying, Secret, Teller, Whose, is_same};
use http::HeaderMap;

use super::api::{Api, CallError};
use super::owners::{Owner, Owners};

const SECRET: &str = "x-telegram-bot-api-secret-token";

/// Whoever has the secret is Telegram.
pub(crate) struct BotDoor {
    secret: Secret,
    owners: Owners,
    api: Api,
    teller: Teller,
}

impl BotDoor {
    pub(crate) fn new(secret: Secret, owners: Owners, api: Api, teller: Teller) -> Self {
        Self {
            secret,
            owners,
            api,
            teller,
        }
    }
}

impl Door for BotDoor {
    fn greeting(&self, _: &str) -> Option<String> {
        None
    }

    fn may_be_genuine(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(SECRET).iter();
        match (given.next(), given.next()) {
            (Some(given), None) => is_same(self.secret.reveal().as_bytes(), given.as_bytes()),
            _ => false,
        }
    }

    fn is_genuine(&self, headers: &HeaderMap, _: &[u8]) -> bool {
        // Telegram signs no body: what came with the secret is its own.
        self.may_be_genuine(headers)
    }

    fn whose(&self, body: &[u8]) -> Whose {
        let asked = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.owners.of(&self.api, body))
        });
        match asked {
            Ok(Owner::Own) => Whose {
                ours: true,
                ..Whose::default()
            },
            Ok(Owner::Stranger(who)) => Whose {
                unknown: vec![who],
                ..Whose::default()
            },
            Err(error) => {
                self.teller.tell(match error {
                    CallError::Token(why) => Saying::TokenRefused(why),
                    other => Saying::Away(format!("{other:?}")),
                });
                Whose {
                    later: true,
                    ..Whose::default()
                }
            }
        }
    }
}

impl std::fmt::Debug for BotDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BotDoor")
    }
}
