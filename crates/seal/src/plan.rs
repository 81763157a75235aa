//! Plans: what one agent may and must capture (plan.md). Decides about records by their envelope
//! and participants; what is left out is not read further.

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use record::{Kind, Participant, Record};
use wire::authority::Authority;
use wire::verify::JudgedEntry;
use wire::{EpochUse, Purpose, RetentionClass, SignerId};

use crate::mail::{Mail, MailTooLong};

/// The subject of mail that carries a plan.
pub const PLAN_SUBJECT: &str = "plan";
const MAX_RULES: usize = 512;
const MAX_NOTICES: usize = 32;
const MAX_TEXT: usize = 1_024;
const MAX_NOTICE: usize = 2_000;
const MAX_LANGUAGE: usize = 35;
const MAX_PLAN: usize = 256 << 10;
const HEARTBEAT: std::ops::RangeInclusive<u64> = 60..=86_400;
/// Signatures that a plan with a private conversation needs (PLAN-3).
const SECOND_PERSON: usize = 2;

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Decision {
    /// It is captured.
    #[n(0)]
    Capture,
    /// It is out of scope: counted, not read.
    #[n(1)]
    Exclude,
    /// Its conversation is private: counted, not read; needs a second person (PLAN-3).
    #[n(2)]
    Private,
}

/// What a rule decides, and the conditions that must all fit. `None` fits everything.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rule {
    /// What is decided.
    #[n(0)]
    pub decision: Decision,
    /// Network.
    #[n(1)]
    pub network: Option<String>,
    /// Account's stable id.
    #[n(2)]
    pub account: Option<String>,
    /// Conversation's stable id.
    #[n(3)]
    pub conversation: Option<String>,
    /// Stable id or alias of the sender or a recipient.
    #[n(4)]
    pub person: Option<String>,
    /// The conversation's title, or with `*` at its end what the title begins with.
    #[n(5)]
    pub label: Option<String>,
    /// Event time: from.
    #[n(6)]
    pub from: Option<Milliseconds>,
    /// Event time: before.
    #[n(7)]
    pub before: Option<Milliseconds>,
}

/// A text that is said in a conversation when its capture begins.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Notice {
    /// Its language (BCP 47).
    #[n(0)]
    pub language: String,
    /// The text.
    #[n(1)]
    pub text: String,
    /// On this network only.
    #[n(2)]
    pub network: Option<String>,
    /// In this conversation of that network only (stable id).
    #[n(3)]
    pub conversation: Option<String>,
}

/// A plan, as its makers write it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Plan {
    #[n(0)]
    version: u64,
    #[n(1)]
    agent: SignerId,
    #[n(2)]
    number: u64,
    #[n(3)]
    otherwise: Decision,
    #[n(4)]
    rules: Vec<Rule>,
    #[n(5)]
    class: RetentionClass,
    #[n(6)]
    notices: Vec<Notice>,
    #[n(7)]
    heartbeat: Option<u64>,
}

/// Why something is no plan, or not one that an agent takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A text, list or number over its limit.
    #[error("the plan's {0} is over its limit")]
    Limit(&'static str),
    /// Not the format.
    #[error("not a plan")]
    Encoding(#[source] CanonicalError),
    /// A version that this program does not know.
    #[error("plan version {0} is not known")]
    Version(u64),
    /// The mail is no plan.
    #[error("the mail carries no plan")]
    Subject,
    /// It is for another agent.
    #[error("the plan is for another agent")]
    Agent,
    /// No delegation for plans covers the entry (PLAN-1).
    #[error("those who signed may not make plans")]
    Purpose,
    /// PLAN-10.
    #[error("the archive has published no key for retention class {class}")]
    Class {
        /// The class named.
        class: u64,
    },
    /// PLAN-3.
    #[error("a private conversation needs a second person's signature")]
    SecondPerson,
    /// Too long for mail.
    #[error("the plan is too long")]
    Mail(#[from] MailTooLong),
}

impl Plan {
    /// A plan. Numbers begin at 1.
    ///
    /// # Errors
    ///
    /// When a text, list or number is over its limit.
    pub fn new(
        agent: SignerId,
        number: u64,
        otherwise: Decision,
        rules: Vec<Rule>,
        class: RetentionClass,
        notices: Vec<Notice>,
        heartbeat: Option<u64>,
    ) -> Result<Self, PlanError> {
        let plan = Self {
            version: 1,
            agent,
            number,
            otherwise,
            rules,
            class,
            notices,
            heartbeat,
        };
        plan.check()?;
        Ok(plan)
    }

    /// PLAN-7: what an agent does without one. Its number is 0, which no plan has.
    #[must_use]
    pub fn none(agent: SignerId) -> Self {
        Self {
            version: 1,
            agent,
            number: 0,
            otherwise: Decision::Capture,
            rules: Vec::new(),
            class: RetentionClass::new(0),
            notices: Vec::new(),
            heartbeat: None,
        }
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// From canonical bytes.
    ///
    /// # Errors
    ///
    /// When they are no plan.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.len() > MAX_PLAN {
            return Err(PlanError::Limit("length"));
        }
        let plan: Self = canonical::from_bytes(bytes).map_err(PlanError::Encoding)?;
        plan.check()?;
        Ok(plan)
    }

    /// The mail that carries it.
    ///
    /// # Errors
    ///
    /// When it is too long, which a plan never is.
    pub fn to_mail(&self) -> Result<Mail, PlanError> {
        Ok(Mail::new(PLAN_SUBJECT, self.to_bytes())?)
    }

    /// PLAN-1 and PLAN-3: the plan of opened mail, by the authority in force.
    ///
    /// # Errors
    ///
    /// Says which of the two it breaks.
    pub fn of_mail(
        mail: &Mail,
        entry: &JudgedEntry,
        authority: &Authority,
        agent: SignerId,
    ) -> Result<Self, PlanError> {
        if mail.subject() != PLAN_SUBJECT {
            return Err(PlanError::Subject);
        }
        let plan = Self::from_bytes(mail.content())?;
        if plan.agent != agent {
            return Err(PlanError::Agent);
        }
        let signed: Vec<SignerId> = entry
            .entry()
            .signatures()
            .iter()
            .map(|signature| signature.signer)
            .collect();
        let at = entry.standing().admitted_at().time();
        let covered = authority.delegations().iter().any(|delegation| {
            delegation.purpose() == Purpose::Plan
                && delegation.until() > at
                && signed.len() >= usize::from(delegation.threshold())
                && signed.iter().all(|id| delegation.keys().contains(id))
        });
        if !covered {
            return Err(PlanError::Purpose);
        }
        if plan.private_rules() > 0 && signed.len() < SECOND_PERSON {
            return Err(PlanError::SecondPerson);
        }
        plan.check_class(authority)?;
        Ok(plan)
    }

    /// PLAN-10: whether there is something to seal to.
    ///
    /// # Errors
    ///
    /// When the control chain has published no epoch of the plan's class for records.
    pub fn check_class(&self, authority: &Authority) -> Result<(), PlanError> {
        let published = authority
            .epochs()
            .any(|(_, epoch)| epoch.class == self.class && epoch.usage != EpochUse::Governance);
        published.then_some(()).ok_or(PlanError::Class {
            class: self.class.get(),
        })
    }

    /// The agent that it is for.
    #[must_use]
    pub fn agent(&self) -> SignerId {
        self.agent
    }

    /// Its number; 0 where none was sent.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What applies where no rule fits.
    #[must_use]
    pub fn otherwise(&self) -> Decision {
        self.otherwise
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The retention class that records are sealed to.
    #[must_use]
    pub fn class(&self) -> RetentionClass {
        self.class
    }

    /// What is said when capture begins.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// PLAN-9: what is said in a conversation of a network: the texts that name it, else those that
    /// name its network, else those that name neither.
    #[must_use]
    pub fn notices_in(&self, network: &str, conversation: &str) -> Vec<&Notice> {
        let of = |network: Option<&str>, conversation: Option<&str>| {
            let texts = self.notices.iter().filter(|notice| {
                notice.network.as_deref() == network
                    && notice.conversation.as_deref() == conversation
            });
            texts.collect::<Vec<_>>()
        };
        [
            of(Some(network), Some(conversation)),
            of(Some(network), None),
            of(None, None),
        ]
        .into_iter()
        .find(|texts| !texts.is_empty())
        .unwrap_or_default()
    }

    /// A sign of life is due every so many seconds, where the plan says so.
    #[must_use]
    pub fn heartbeat(&self) -> Option<u64> {
        self.heartbeat
    }

    /// How often it says `private`: in rules, or as what applies otherwise.
    #[must_use]
    pub fn private_rules(&self) -> usize {
        let rules = self.rules.iter().map(|rule| rule.decision);
        rules
            .chain([self.otherwise])
            .filter(|decision| *decision == Decision::Private)
            .count()
    }

    /// PLAN-4: what is done with a record.
    #[must_use]
    pub fn decide(&self, record: &Record) -> Decision {
        if matches!(record.kind(), Kind::Loss | Kind::Account | Kind::Consent) {
            return Decision::Capture;
        }
        self.rules
            .iter()
            .find(|rule| rule.fits(record))
            .map_or(self.otherwise, |rule| rule.decision)
    }

    fn check(&self) -> Result<(), PlanError> {
        if self.version != 1 {
            return Err(PlanError::Version(self.version));
        }
        let limit = |fits: bool, what| fits.then_some(()).ok_or(PlanError::Limit(what));
        limit(self.number >= 1, "number")?;
        limit(self.rules.len() <= MAX_RULES, "list of rules")?;
        limit(self.notices.len() <= MAX_NOTICES, "list of notices")?;
        limit(
            self.heartbeat
                .is_none_or(|seconds| HEARTBEAT.contains(&seconds)),
            "heartbeat",
        )?;
        let sized = |text: &str, most| (1..=most).contains(&text.len());
        for rule in &self.rules {
            let texts = [
                &rule.network,
                &rule.account,
                &rule.conversation,
                &rule.person,
                &rule.label,
            ];
            let fits = texts
                .into_iter()
                .flatten()
                .all(|text| sized(text, MAX_TEXT));
            limit(fits, "text of a rule")?;
        }
        for notice in &self.notices {
            let network = notice
                .network
                .as_ref()
                .is_none_or(|name| sized(name, MAX_TEXT));
            let conversation = notice
                .conversation
                .as_ref()
                .is_none_or(|id| notice.network.is_some() && sized(id, MAX_TEXT));
            let fits = sized(&notice.language, MAX_LANGUAGE)
                && sized(&notice.text, MAX_NOTICE)
                && network
                && conversation;
            limit(fits, "notice")?;
        }
        limit(canonical::encoded_len(self) <= MAX_PLAN, "length")
    }
}

impl Rule {
    /// A rule without conditions.
    #[must_use]
    pub fn new(decision: Decision) -> Self {
        Self {
            decision,
            network: None,
            account: None,
            conversation: None,
            person: None,
            label: None,
            from: None,
            before: None,
        }
    }

    fn fits(&self, record: &Record) -> bool {
        let envelope = record.envelope();
        let is = |condition: &Option<String>, value: &str| {
            condition.as_ref().is_none_or(|wanted| wanted == value)
        };
        let time = envelope.times().best().at;
        is(&self.network, envelope.network().as_str())
            && is(&self.account, envelope.account().as_str())
            && is(&self.conversation, envelope.conversation().as_str())
            && self.from.is_none_or(|from| time >= from)
            && self.before.is_none_or(|before| time < before)
            && self
                .person
                .as_ref()
                .is_none_or(|person| names(record, person))
            && self.label.as_ref().is_none_or(|label| {
                let title = record.participants().conversation.title.as_deref();
                title.is_some_and(|title| match label.strip_suffix('*') {
                    Some(beginning) => title.starts_with(beginning),
                    None => title == label,
                })
            })
    }
}

/// Whether sender or a recipient is known by this id or name.
fn names(record: &Record, person: &str) -> bool {
    let known = |participant: &Participant| {
        participant.id.as_str() == person
            || participant.aliases.iter().any(|alias| alias.name == person)
    };
    let participants = record.participants();
    participants
        .sender
        .iter()
        .chain(&participants.recipients)
        .any(known)
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Plan({}, for {:?}, ‹{} rules›)",
            self.number,
            self.agent,
            self.rules.len()
        )
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rule({:?})", self.decision)
    }
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notice({}, ‹{} bytes›)", self.language, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{
        AliasKind, Assurance, Conversation, ConversationKind, Envelope, Loss, LossWhy, Message,
        Mode, NetworkName, ParticipantId, Participants, Source, TextId, Time,
    };

    const AGENT: SignerId = SignerId::from_bytes([1; 32]);

    fn record(conversation: &str, title: &str, sender: &str, at: i64, loss: bool) -> Record {
        let id = |text: &str| TextId::new(text).unwrap();
        let source = Source {
            network: NetworkName::new("signal").unwrap(),
            account: id("aci:1"),
            custodian: id("c-1"),
            connector: id("test/1"),
            assurance: Assurance::Device,
            mode: Mode::Live,
        };
        let mut place = Conversation::new(ConversationKind::Group);
        place.title = Some(title.to_owned());
        let mut participants = Participants::of(place);
        let sender = Participant::new(ParticipantId::parse(sender).unwrap());
        participants.sender = Some(sender.alias(AliasKind::Phone, "+4930123"));
        let time = Time::utc(Milliseconds::new(at));
        let envelope = Envelope::builder(&source, id(conversation), id("m1"), time);
        if loss {
            let loss = Loss::new(LossWhy::Offline);
            return Record::new(envelope, participants, loss, None, Vec::new()).unwrap();
        }
        Record::new(
            envelope,
            participants,
            Message::plain("hello"),
            None,
            Vec::new(),
        )
        .unwrap()
    }

    fn plan(otherwise: Decision, rules: Vec<Rule>) -> Plan {
        let class = RetentionClass::new(0);
        Plan::new(AGENT, 1, otherwise, rules, class, Vec::new(), None).unwrap()
    }

    #[test]
    fn plan_4_the_first_rule_that_fits_decides() {
        let mut private = Rule::new(Decision::Private);
        private.label = Some("Family*".into());
        let mut allowed = Rule::new(Decision::Capture);
        allowed.person = Some("+4930123".into());
        allowed.from = Some(Milliseconds::new(100));
        allowed.before = Some(Milliseconds::new(200));
        let mut by_id = Rule::new(Decision::Capture);
        by_id.conversation = Some("g-7".into());
        by_id.network = Some("signal".into());
        by_id.account = Some("aci:1".into());
        let plan = plan(Decision::Exclude, vec![private, allowed, by_id]);
        let decide =
            |conversation, title, at| plan.decide(&record(conversation, title, "aci:9", at, false));
        assert_eq!(decide("g-7", "Family dinner", 150), Decision::Private);
        assert_eq!(decide("g-1", "Deals", 100), Decision::Capture);
        assert_eq!(decide("g-1", "Deals", 200), Decision::Exclude);
        assert_eq!(decide("g-7", "Deals", 5), Decision::Capture);
        assert_eq!(decide("g-8", "My Family", 5), Decision::Exclude);
        assert_eq!(
            plan.decide(&record("g-8", "Family", "aci:9", 5, true)),
            Decision::Capture,
            "losses are never left out"
        );
        assert_eq!(
            Plan::none(AGENT).decide(&record("g", "t", "aci:9", 5, false)),
            Decision::Capture
        );
        assert_eq!(plan.private_rules(), 1);
    }

    #[test]
    fn plan_9_the_closest_notices_are_given() {
        let notice = |text: &str, network: Option<&str>, conversation: Option<&str>| Notice {
            language: "en".into(),
            text: text.into(),
            network: network.map(str::to_owned),
            conversation: conversation.map(str::to_owned),
        };
        let notices = vec![
            notice("everywhere", None, None),
            notice("on signal", Some("signal"), None),
            notice("on signal too", Some("signal"), None),
            notice("among friends", Some("signal"), Some("g-7")),
        ];
        let class = RetentionClass::new(0);
        let plan = Plan::new(AGENT, 1, Decision::Capture, vec![], class, notices, None).unwrap();
        let said = |network, conversation| {
            let texts = plan.notices_in(network, conversation).into_iter();
            texts.map(|notice| notice.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(said("signal", "g-7"), ["among friends"]);
        assert_eq!(said("signal", "g-8"), ["on signal", "on signal too"]);
        assert_eq!(said("matrix", "g-7"), ["everywhere"]);
        assert!(Plan::none(AGENT).notices_in("signal", "g-7").is_empty());
    }

    #[test]
    fn plans_survive_and_are_bounded() {
        let made = plan(Decision::Private, vec![Rule::new(Decision::Capture)]);
        assert_eq!(Plan::from_bytes(&made.to_bytes()).unwrap(), made);
        assert_eq!(made.private_rules(), 1);
        assert!(
            Plan::from_bytes(&Plan::none(AGENT).to_bytes()).is_err(),
            "number 0"
        );
        let class = RetentionClass::new(0);
        let with = |rules, notices, heartbeat| {
            Plan::new(
                AGENT,
                1,
                Decision::Capture,
                rules,
                class,
                notices,
                heartbeat,
            )
        };
        assert!(with(vec![Rule::new(Decision::Capture); 513], vec![], None).is_err());
        assert!(with(vec![], vec![], Some(59)).is_err());
        let notice = |text: String| Notice {
            language: "en".into(),
            text,
            network: None,
            conversation: None,
        };
        assert!(with(vec![], vec![notice("x".repeat(2_001))], None).is_err());
        let nowhere = Notice {
            conversation: Some("g-7".into()),
            ..notice("archived".into())
        };
        assert!(with(vec![], vec![nowhere], None).is_err(), "of no network");
        assert!(with(vec![], vec![notice("archived".into()); 32], Some(60)).is_ok());
        assert!(!format!("{:?}", notice("secret".into())).contains("secret"));
    }
}
