//! The plan in force: taken from mail that the control chain vouches for, kept, obeyed (plan.md).

use std::sync::{Arc, PoisonError};

use canonical::sha256;
use record::{
    Account, Body, Conversation, ConversationKind, Envelope, Participants, Record, Source, TextId,
    Time,
};
use seal::{Plan, PlanError, open_judged_mail};
use wire::authority::Authority;
use wire::verify::{ControlReader, JudgedEntry};
use wire::{AccountHandle, Leaf, RetentionClass};

use crate::agent::{Agent, KeepError, own_source};
use crate::control::ControlError;
use crate::identity::Identity;
use crate::intake::IntakeError;
use crate::local_key::{LocalKey, PositionError};
use crate::spool::{Day, Group, Spool, SpoolError};

/// Why the plan that was kept can not be obeyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptPlanError {
    /// The spool.
    #[error("the spool")]
    Spool(#[from] SpoolError),
    /// It was sealed under another local key.
    #[error("opening the plan that was kept")]
    Seal(#[from] PositionError),
    /// It is no plan.
    #[error("reading the plan that was kept")]
    Plan(#[from] PlanError),
}

/// What one piece of mail came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailTaken {
    /// A plan, which is in force now.
    Plan(u64),
    /// A plan that is not newer than the one in force (PLAN-2).
    Older(u64),
    /// Not understood, or not allowed: the plan in force stays. Said in the log of the agent.
    Refused,
}

/// The plan that was kept, or none (PLAN-7).
pub(crate) fn kept_plan(
    spool: &Spool,
    local: &LocalKey,
    agent: wire::SignerId,
) -> Result<Plan, KeptPlanError> {
    match spool.plan()? {
        Some(sealed) => Ok(Plan::from_bytes(&local.open_position(&sealed)?)?),
        None => Ok(Plan::none(agent)),
    }
}

/// The plan that an agent which runs in another process has kept. Changes nothing.
///
/// # Errors
///
/// When its spool can not be read, or the plan was sealed under another local key.
pub fn plan_beside(identity: &Identity) -> Result<Plan, KeptPlanError> {
    let database = identity.folder().join("spool").join("spool.db");
    match crate::spool::plan_beside(&database)? {
        Some(sealed) => Ok(Plan::from_bytes(&identity.local().open_position(&sealed)?)?),
        None => Ok(Plan::none(identity.signer().id())),
    }
}

impl Agent {
    /// The control chain as it stood before an index of the log: a delegation that has ended since
    /// was in force then (CONTROL-3).
    pub(crate) fn control_before(
        &self,
        index: tlog::LogIndex,
    ) -> Result<ControlReader, ControlError> {
        let kept = self.spool().control()?;
        if kept.iter().all(|(at, _)| *at < index.get()) {
            return Ok(self.control().reader().clone());
        }
        let mut reader = ControlReader::new(self.identity().trust().genesis.clone())?;
        for (at, leaf) in kept.into_iter().take_while(|(at, _)| *at < index.get()) {
            let leaf = Leaf::parse(&leaf).map_err(ControlError::Kept)?;
            reader.take_kept(&leaf, tlog::LogIndex::new(at))?;
        }
        Ok(reader)
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what stands in mail to this agent; `authority` is that of the mail's place in the log,
    /// `object` are the bytes that its entry names. The next mail is read behind it, whatever it was.
    ///
    /// # Errors
    ///
    /// When the spool fails, or the record that acknowledges a plan did not become durable; the
    /// same mail is then taken again.
    pub fn take_mail(
        &self,
        entry: &JudgedEntry,
        authority: &Authority,
        object: &[u8],
    ) -> Result<MailTaken, KeepError> {
        let next = tlog::LogIndex::new(entry.standing().index().get().saturating_add(1));
        let opened = open_judged_mail(self.identity().mailbox(), entry, object);
        let plan = match opened {
            Ok(mail) => Plan::of_mail(&mail, entry, authority, self.identity().signer().id()),
            Err(error) => {
                tracing::warn!(%error, "mail does not open");
                self.spool().keep_mail(next, None)?;
                return Ok(MailTaken::Refused);
            }
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                // PLAN-3 among others: the plan in force stays.
                tracing::error!(%error, "a plan is refused; the one in force stays");
                self.refuse_plan(&error, object)?;
                self.spool().keep_mail(next, None)?;
                return Ok(MailTaken::Refused);
            }
        };
        let number = plan.number();
        if number <= self.plan().number() {
            self.spool().keep_mail(next, None)?;
            return Ok(MailTaken::Older(number));
        }
        let bytes = plan.to_bytes();
        let sealed = self.identity().local().seal_position(&bytes)?;
        // PLAN-6. The acknowledgement first: it has the same id if a crash makes it come again.
        let value = format!(
            "{number} {} private={}",
            canonical::hex(&sha256(&bytes)),
            plan.private_rules()
        );
        self.keep_account_record("plan", &format!("plan:{number}"), value)?;
        self.spool().keep_mail(next, Some(&sealed))?;
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
        Ok(MailTaken::Plan(number))
    }

    /// PLAN-5: makes records of what was left out of an account on days that are over, or under
    /// another plan. Gives how many.
    ///
    /// # Errors
    ///
    /// When a record did not become durable; its counts stay and are told later.
    pub(crate) fn tell_left_out(
        &self,
        source: &Source,
        account: AccountHandle,
    ) -> Result<u64, KeepError> {
        let mut told = 0;
        loop {
            let now = self.environment().now();
            let found = self
                .spool()
                .left_out(&account, Day::of(now), self.plan().number())?;
            let Some(left) = found else {
                return Ok(told);
            };
            let value = format!(
                "{} excluded={} private={} plan={}",
                left.day.begins(),
                left.excluded,
                left.private,
                left.plan
            );
            // Told at this time: late counts of the same day are another record.
            let id = format!("left-out:{}:{}:{now}", left.day.begins(), left.plan);
            let record = account_record(source, "left-out", &id, value, now)?;
            let group = Group {
                account: Some(account),
                told: Some(left),
                ..Group::default()
            };
            self.keep_own_in(record, RetentionClass::default(), group)?;
            told += 1;
        }
    }

    fn refuse_plan(&self, error: &PlanError, object: &[u8]) -> Result<(), KeepError> {
        let id = format!("plan-refused:{}", canonical::hex(&sha256(object)));
        self.keep_account_record("plan-refused", &id, error.to_string())
    }

    /// A record of the kind `account` of the agent itself.
    pub(crate) fn keep_account_record(
        &self,
        what: &str,
        source_id: &str,
        value: String,
    ) -> Result<(), KeepError> {
        let agent = format!("agent:{}", self.identity().signer().id());
        let source = own_source("greffe", &agent, &agent)?;
        let now = self.environment().now();
        let record = account_record(&source, what, source_id, value, now)?;
        self.keep_own_in(record, RetentionClass::default(), Group::default())
    }
}

fn account_record(
    source: &Source,
    what: &str,
    source_id: &str,
    value: String,
    now: canonical::Milliseconds,
) -> Result<Record, IntakeError> {
    let id =
        |what, text: &str| TextId::new(text).map_err(|source| IntakeError::Id { what, source });
    let account = Account {
        what: what.to_owned(),
        value: Some(value),
    };
    Record::new(
        Envelope::builder(
            source,
            id("conversation", "agent")?,
            id("source id", source_id)?,
            Time::utc(now),
        ),
        Participants::of(Conversation::new(ConversationKind::Unknown)),
        Body::from(account),
        None,
        Vec::new(),
    )
    .map_err(IntakeError::Loss)
}
