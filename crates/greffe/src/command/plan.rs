//! `greffe plan`: what an agent may and must capture, as the owner decides.

mod proposal;

use std::path::{Path, PathBuf};

use canonical::Milliseconds;
use seal::{Decision, Notice, Plan, Rule};
use serde::Deserialize;
use serde_json::{Value, json};
use vault::room::protocol::{Answer, Ask};
use wire::{PublicKey, RetentionClass, SignerId};
use zeroize::Zeroizing;

use super::Context;
use super::look::looking;
use super::office::{PlanMakers, ask, day, delegated, ready};
use super::standing::time;
use crate::cli::office::{PlanAction, PlanApprover, PlanCommand, PlanKey, PlanSet, PlanShow};
use crate::engine::office::{OfficeRequest, read_key};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::room::unexpected;
use crate::system::OsRandomness;
use crate::text::{printable, say, word};

/// `plan.toml`, as a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    #[serde(default)]
    otherwise: DecisionName,
    #[serde(default)]
    class: u64,
    heartbeat: Option<u64>,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleFile>,
    #[serde(default, rename = "notice")]
    notices: Vec<NoticeFile>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DecisionName {
    #[default]
    Capture,
    Exclude,
    Private,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    decision: DecisionName,
    network: Option<String>,
    account: Option<String>,
    conversation: Option<String>,
    person: Option<String>,
    label: Option<String>,
    from: Option<String>,
    before: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeFile {
    language: String,
    text: String,
    network: Option<String>,
    conversation: Option<String>,
}

pub(crate) fn run(context: &Context, arguments: &PlanCommand) -> Result<(), Failure> {
    // Whoever signs or makes a key needs no archive on their machine.
    let home = || Home::find(context.global.home.as_deref());
    match &arguments.action {
        PlanAction::Set(set) => send(context, &home()?, set),
        PlanAction::Propose(propose) => proposal::propose(context, &home()?, propose),
        PlanAction::Sign(sign) => proposal::sign(context, sign),
        PlanAction::Submit(submit) => proposal::submit(context, &home()?, submit),
        PlanAction::Show(show) => shown(context, &home()?, show),
        PlanAction::Key(key) => make_key(context, key),
        PlanAction::Approver(approver) => approve(context, &home()?, approver),
    }
}

fn send(context: &Context, home: &Home, arguments: &PlanSet) -> Result<(), Failure> {
    let plan = written(context, home, &arguments.file, &arguments.agent)?;
    let seconds = arguments.second.iter().map(|path| absolute(path));
    let value = ask(
        context,
        home,
        OfficeRequest::SendPlan {
            plan: canonical::hex(&plan.to_bytes()),
            seconds: seconds.collect::<Result<_, _>>()?,
        },
    )?;
    context.output.result(&value, || sent(&plan));
    Ok(())
}

/// What a person wrote, as the next plan of an agent.
fn written(context: &Context, home: &Home, path: &Path, agent_name: &str) -> Result<Plan, Failure> {
    let wrong = |error: &dyn std::error::Error| {
        Failure::new("settings-wrong")
            .with("path", path)
            .because(error)
    };
    let text = String::from_utf8(home::read(path)?).map_err(|error| wrong(&error))?;
    let file = PlanFile::parse(&text).map_err(|error| wrong(&error))?;
    ready(context, home)?;
    let (agent, newest) = agent(context, home, agent_name)?;
    file.plan(agent, newest + 1)
}

fn sent(plan: &Plan) -> String {
    let mut text = say!(
        "plan-sent",
        number = plan.number(),
        rules = plan.rules().len()
    );
    if plan.private_rules() > 0 {
        text.push('\n');
        text.push_str(&say!("plan-sent-private", count = plan.private_rules()));
    }
    text
}

/// PLAN-11: the office keeps no plan; the reading room opens the one that was written down.
fn shown(context: &Context, home: &Home, arguments: &PlanShow) -> Result<(), Failure> {
    let (agent, number) = agent(context, home, &arguments.agent)?;
    let plan = if number == 0 {
        Plan::none(agent)
    } else {
        let kept = match looking(context, |room| room.ask(Ask::Office))? {
            Answer::Office(agents) => agents
                .into_iter()
                .find(|row| row.agent == agent.to_string())
                .and_then(|row| row.plan)
                .filter(|plan| plan.number == number),
            _ => return Err(unexpected()),
        };
        let Some(kept) = kept else {
            return Err(Failure::new("plan-not-written").exit(Exit::NotFound));
        };
        let mut bytes = vec![0; kept.bytes.len() / 2];
        let wrong = |error: &dyn std::error::Error| Failure::new("plan-wrong").because(error);
        canonical::hex_into(&kept.bytes, &mut bytes).map_err(|error| wrong(&error))?;
        Plan::from_bytes(&bytes).map_err(|error| wrong(&error))?
    };
    context.output.result(&as_json(&plan), || in_words(&plan));
    Ok(())
}

/// A person's own key, in a file of theirs; its public half is what the root lets approve plans.
fn make_key(context: &Context, arguments: &PlanKey) -> Result<(), Failure> {
    let path = arguments.key.as_path();
    let key = key_in(path)?;
    context
        .output
        .result(&json!({ "key": key.to_string(), "file": path }), || {
            say!("plan-key-made", path = path, key = key.to_string())
        });
    Ok(())
}

/// The root lets these keys and the office make plans, so many of them together; what it allowed
/// before ends.
fn approve(context: &Context, home: &Home, arguments: &PlanApprover) -> Result<(), Failure> {
    let keys = arguments
        .keys
        .iter()
        .map(|given| match given.parse::<PublicKey>() {
            Ok(key) => Ok(key),
            Err(_) => key_in(Path::new(given)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if usize::from(arguments.threshold) > keys.len() + 1 {
        return Err(Failure::new("plan-threshold")
            .with("threshold", arguments.threshold)
            .with("keys", keys.len() + 1)
            .exit(Exit::Usage));
    }
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let plans = PlanMakers {
        approvers: keys,
        threshold: arguments.threshold,
    };
    delegated(context, home, Some(&plans))?;
    let value = json!({ "approvers": names, "threshold": arguments.threshold });
    context.output.result(&value, || {
        say!(
            "plan-approver-made",
            count = names.len(),
            threshold = arguments.threshold
        )
    });
    Ok(())
}

/// The public half of a key in a file, which is made if it is not there.
fn key_in(path: &Path) -> Result<PublicKey, Failure> {
    if !path.exists() {
        let mut seed = Zeroizing::new([0; 32]);
        seal::Randomness::fill(&mut OsRandomness::new(), seed.as_mut());
        home::write_durably(path, seed.as_ref())?;
    }
    read_key(path).map(|key| key.public())
}

/// The whole id of an agent, and the number of its newest plan.
fn agent(context: &Context, home: &Home, name: &str) -> Result<(SignerId, u64), Failure> {
    let value = ask(context, home, OfficeRequest::List)?;
    let wanted = name.replace(' ', "");
    let rows = value["agents"].as_array().cloned().unwrap_or_default();
    let named: Vec<&Value> = rows
        .iter()
        .filter(|row| {
            let id = row["agent"].as_str().unwrap_or_default();
            !wanted.is_empty() && (id.starts_with(&wanted) || row["person"] == name)
        })
        .collect();
    let unknown = || {
        Failure::new("agent-unknown")
            .with("agent", name)
            .exit(Exit::NotFound)
    };
    let [one] = named.as_slice() else {
        return Err(unknown());
    };
    let id = one["agent"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or_else(unknown)?;
    Ok((id, one["plan"].as_u64().unwrap_or_default()))
}

impl PlanFile {
    /// From TOML.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn plan(&self, agent: SignerId, number: u64) -> Result<Plan, Failure> {
        let rules = self
            .rules
            .iter()
            .map(RuleFile::rule)
            .collect::<Result<_, _>>()?;
        let notices = self
            .notices
            .iter()
            .map(|notice| Notice {
                language: notice.language.clone(),
                text: notice.text.clone(),
                network: notice.network.clone(),
                conversation: notice.conversation.clone(),
            })
            .collect();
        Plan::new(
            agent,
            number,
            self.otherwise.into(),
            rules,
            RetentionClass::new(self.class),
            notices,
            self.heartbeat,
        )
        .map_err(|error| Failure::new("plan-wrong").because(&error))
    }
}

impl RuleFile {
    fn rule(&self) -> Result<Rule, Failure> {
        let time = |text: &Option<String>| {
            text.as_deref()
                .map(|text| day(text).map(Milliseconds::new))
                .transpose()
        };
        Ok(Rule {
            network: self.network.clone(),
            account: self.account.clone(),
            conversation: self.conversation.clone(),
            person: self.person.clone(),
            label: self.label.clone(),
            from: time(&self.from)?,
            before: time(&self.before)?,
            ..Rule::new(self.decision.into())
        })
    }
}

impl From<DecisionName> for Decision {
    fn from(name: DecisionName) -> Self {
        match name {
            DecisionName::Capture => Self::Capture,
            DecisionName::Exclude => Self::Exclude,
            DecisionName::Private => Self::Private,
        }
    }
}

/// A plan for programs.
pub(crate) fn as_json(plan: &Plan) -> Value {
    let rules: Vec<Value> = plan
        .rules()
        .iter()
        .map(|rule| {
            json!({
                "decision": name(rule.decision), "network": rule.network, "account": rule.account,
                "conversation": rule.conversation, "person": rule.person, "label": rule.label,
                "from": rule.from.map(Milliseconds::get), "before": rule.before.map(Milliseconds::get),
            })
        })
        .collect();
    let notices: Vec<Value> = plan
        .notices()
        .iter()
        .map(|notice| json!({ "language": notice.language, "text": notice.text, "network": notice.network, "conversation": notice.conversation }))
        .collect();
    json!({
        "agent": plan.agent().to_string(), "number": plan.number(),
        "otherwise": name(plan.otherwise()), "class": plan.class().get(),
        "heartbeat": plan.heartbeat(), "rules": rules, "notices": notices,
    })
}

/// A plan for people (PLAN-8).
pub(crate) fn in_words(plan: &Plan) -> String {
    if plan.number() == 0 {
        return word("plan-none");
    }
    let mut lines = vec![say!("plan-heading", number = plan.number())];
    for rule in plan.rules() {
        let mut conditions = Vec::new();
        let texts = [
            ("plan-network", &rule.network),
            ("plan-account", &rule.account),
            ("plan-conversation", &rule.conversation),
            ("plan-person", &rule.person),
            ("plan-label", &rule.label),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                conditions.push(say!(key, value = printable(value)));
            }
        }
        for (key, value) in [("plan-from", rule.from), ("plan-before", rule.before)] {
            if let Some(value) = value {
                conditions.push(say!(key, value = time(value.get())));
            }
        }
        let what = word(&format!("plan-{}", name(rule.decision)));
        lines.push(say!(
            "plan-rule",
            what = what,
            conditions = conditions.join(", ")
        ));
    }
    let otherwise = word(&format!("plan-{}", name(plan.otherwise())));
    lines.push(say!("plan-otherwise", what = otherwise));
    for notice in plan.notices() {
        let places = [
            ("plan-network", &notice.network),
            ("plan-conversation", &notice.conversation),
        ];
        let places: Vec<String> = places
            .into_iter()
            .filter_map(|(key, value)| {
                let value = value.as_ref()?;
                Some(say!(key, value = printable(value)))
            })
            .collect();
        let (language, text) = (printable(&notice.language), printable(&notice.text));
        lines.push(if places.is_empty() {
            say!("plan-notice", language = language, text = text)
        } else {
            say!(
                "plan-notice-where",
                language = language,
                text = text,
                conditions = places.join(", ")
            )
        });
    }
    lines.join("\n")
}

fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Capture => "capture",
        Decision::Exclude => "exclude",
        Decision::Private => "private",
    }
}

/// `greffe up` may run in another folder.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::new("can-not-read")
            .with("path", path)
            .because(&error)
    })
}
