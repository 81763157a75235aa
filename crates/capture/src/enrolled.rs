//! What a newly enrolled agent says first: what its custodian agreed to (ENROL-6), and what the
//! chain that it continues never delivered (CLONE-3).

use std::path::Path;

use record::{
    AliasKind, Consent, ConsentAct, Conversation, ConversationKind, Envelope, Loss, LossWhy,
    Participant, ParticipantId, Participants, Record, TextId, Time,
};
use wire::{RetentionClass, SignerId};

use crate::agent::{Agent, KeepError, own_source};
use crate::intake::IntakeError;
use crate::spool::{Group, SpoolError, Undelivered, undelivered};

impl Agent {
    /// Records that the custodian agreed, as an entry of its own. Said again it is the same record.
    ///
    /// # Errors
    ///
    /// When the record did not become durable.
    pub fn record_consent(
        &self,
        name: &str,
        text: &str,
        at: canonical::Milliseconds,
    ) -> Result<(), KeepError> {
        let agent = format!("agent:{}", self.identity().signer().id());
        let source = own_source("greffe", &agent, &agent)?;
        let id =
            |what, text: &str| TextId::new(text).map_err(|source| IntakeError::Id { what, source });
        let who = ParticipantId::parse(agent.as_str()).map_err(|source| IntakeError::Id {
            what: "participant",
            source,
        })?;
        let consent = Consent {
            act: ConsentAct::Agreed,
            participant: Some(Participant::new(who).alias(AliasKind::Display, name)),
            text: Some(text.to_owned()),
            at: Some(at),
        };
        let record = Record::new(
            Envelope::builder(
                &source,
                id("conversation", "agent")?,
                id("source id", &format!("consent:{at}"))?,
                Time::utc(at),
            ),
            Participants::of(Conversation::new(ConversationKind::Unknown)),
            consent,
            None,
            Vec::new(),
        )
        .map_err(IntakeError::Loss)?;
        self.keep_own_in(record, RetentionClass::default(), Group::default())
    }

    /// Records what the old chain's spool in `folder` holds and never delivered: ciphertext that
    /// nobody can seal again. Nothing if everything was delivered. Gives what it found.
    ///
    /// # Errors
    ///
    /// When the old spool can not be read or the loss did not become durable.
    pub fn record_lost_spool(
        &self,
        old: SignerId,
        folder: &Path,
    ) -> Result<Undelivered, KeepError> {
        let lost = undelivered(&folder.join("spool").join("spool.db"))?;
        if lost.entries == 0 {
            return Ok(lost);
        }
        let loss = Loss {
            from: lost.first,
            to: lost.last,
            count: Some(lost.records),
            place: Some(format!("{} entries of {old}", lost.entries)),
            detail: Some(
                "sealed by an agent that was restored from a copy, and never delivered".to_owned(),
            ),
            ..Loss::new(LossWhy::Other)
        };
        let record = self.own_loss(&format!("lost-spool:{old}"), loss)?;
        self.keep_own_in(record, RetentionClass::default(), Group::default())?;
        Ok(lost)
    }
}

impl From<rusqlite::Error> for KeepError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Spool(SpoolError::from(error))
    }
}
