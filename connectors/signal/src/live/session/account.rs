//! The account: whether it is linked, how it is linked, and receiving for it.

use connector::State as CaptureState;
use connector::kit::{Context, KitError, failed};
use serde_json::{Value, json};

use super::{Phase, Purpose, Session};
use crate::live::accounts;
use crate::live::daemon;
use crate::live::evidence::{Meaning, meaning};
use crate::live::version::{Fitness, Version};
use crate::live::wire::Answer;
use crate::system::running;

const UNLINKED: &str = "no device was linked";
/// Codes that nobody scanned.
const LINKS: u32 = 30;

impl Session {
    pub(super) fn version(
        &mut self,
        ctx: &mut Context<'_>,
        answer: Answer,
    ) -> Result<(), KitError> {
        let answer = answer.unwrap_or_default();
        let text = answer
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(version) = Version::parse(text) else {
            return ctx.trouble("signal-cli-version", &[("version", text)]);
        };
        let released = daemon::find(&self.settings).and_then(|path| daemon::released(&path));
        let seen = self.delivery.first_seen(text);
        match version.fitness(released, seen, (self.clock)()) {
            Fitness::Fit => Ok(()),
            Fitness::TooOld => ctx.trouble("signal-cli-old", &[("version", text)]),
            Fitness::Ages(days) => {
                let days = days.to_string();
                ctx.trouble("signal-cli-ages", &[("version", text), ("days", &days)])
            }
        }
    }

    pub(super) fn accounts(
        &mut self,
        ctx: &mut Context<'_>,
        answer: &Value,
    ) -> Result<(), KitError> {
        let numbers: Vec<&str> = answer
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|account| account.get("number")?.as_str())
            .collect();
        let known = accounts::linked(&self.settings.data);
        if self.settings.link {
            // In a daemon that serves several accounts those are others.
            let made = numbers.first().filter(|_| self.settings.socket.is_none());
            return match made {
                Some(number) => self.linked(ctx, number),
                None => self.link(ctx),
            };
        }
        let wanted = ctx.start().account.clone();
        let ours = numbers.iter().find(|number| {
            wanted.strip_prefix("tel:") == Some(number)
                || known
                    .iter()
                    .any(|own| own.number == **number && own.id == wanted)
        });
        match ours {
            Some(number) => {
                (*number).clone_into(&mut self.number);
                self.delivery.set_number(&self.number);
                self.subscribe()
            }
            None => {
                self.delivery.begins()?;
                self.refuse(ctx)
            }
        }
    }

    /// The device was removed, or is not there.
    pub(super) fn refuse(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        if self.phase != Phase::Refused {
            self.phase = Phase::Refused;
            self.refused = accounts::mark(&self.settings.data);
            ctx.trouble("signal-unlinked", &[])?;
        }
        self.say(ctx, CaptureState::Unlinked, None)
    }

    /// Whether somebody linked the account again: signal-cli must be started with what is there now.
    pub(super) fn look_for_link(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        if accounts::mark(&self.settings.data) == self.refused {
            return Ok(());
        }
        self.gap(UNLINKED);
        self.fall(ctx, "the account was linked again")
    }

    fn subscribe(&mut self) -> Result<(), KitError> {
        self.delivery.begins()?;
        let account = self.number.clone();
        self.phase = Phase::Asking;
        self.call(
            "subscribeReceive",
            json!({"account": account}),
            Purpose::Subscribe,
        );
        Ok(())
    }

    pub(super) fn subscribed(
        &mut self,
        ctx: &mut Context<'_>,
        answer: Answer,
    ) -> Result<(), KitError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(refused) => {
                let unlinked = meaning(&refused.message) == Meaning::Unlinked;
                if unlinked {
                    return self.refuse(ctx);
                }
                return self.fall(ctx, "signal-cli does not receive");
            }
        };
        self.child.subscription = answer.as_u64();
        self.phase = Phase::Receiving;
        self.child.starts = 0;
        self.timers.subscribed = running();
        self.record_gaps()?;
        self.delivery.sign(None);
        self.say(ctx, CaptureState::Connected, None)?;
        self.delivery.ask_groups();
        self.delivery.ask_contacts();
        Ok(())
    }

    pub(super) fn link(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        if self.links >= LINKS {
            return Err(failed("signal-link-unused", &[]));
        }
        self.links += 1;
        self.phase = Phase::Linking;
        self.call("startLink", json!({}), Purpose::StartLink);
        self.say(ctx, CaptureState::Unlinked, None)
    }

    pub(super) fn link_started(
        &mut self,
        ctx: &mut Context<'_>,
        answer: Answer,
    ) -> Result<(), KitError> {
        let answer = answer
            .map_err(|refused| failed("signal-link-failed", &[("detail", &refused.message)]))?;
        let Some(uri) = answer.get("deviceLinkUri").and_then(Value::as_str) else {
            return Err(failed("signal-link-failed", &[("detail", "no address")]));
        };
        ctx.request_link("qr", uri)?;
        let params = json!({"deviceLinkUri": uri, "deviceName": self.settings.device_name});
        self.call("finishLink", params, Purpose::FinishLink);
        Ok(())
    }

    pub(super) fn link_finished(
        &mut self,
        ctx: &mut Context<'_>,
        answer: Answer,
    ) -> Result<(), KitError> {
        match answer {
            Ok(answer) => {
                let number = answer
                    .get("number")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if self.settings.link {
                    return self.linked(ctx, number);
                }
                self.gap(UNLINKED);
                self.call("listAccounts", json!({}), Purpose::Accounts);
                self.phase = Phase::Asking;
                Ok(())
            }
            // Nobody used it in time: the server keeps a link for a minute or so.
            Err(refused) if self.links < LINKS => {
                self.child.last = refused.message;
                self.link(ctx)
            }
            Err(refused) => Err(failed(
                "signal-link-failed",
                &[("detail", &refused.message)],
            )),
        }
    }

    /// CONN-9: says whose device was linked.
    fn linked(&mut self, ctx: &mut Context<'_>, number: &str) -> Result<(), KitError> {
        let id = accounts::linked(&self.settings.data)
            .into_iter()
            .find(|own| own.number == number)
            .map_or_else(|| format!("tel:{number}"), |own| own.id);
        ctx.request_link("linked", &id)?;
        self.phase = Phase::Linked;
        Ok(())
    }
}
