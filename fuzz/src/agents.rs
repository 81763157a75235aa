//! What agents and the office that enrols them read: requests, plans, settings, status.

use std::path::Path;

use capture::{AgentStatus, CaptureSettings};
use seal::{
    EnrolmentRequest, InvitationCode, OfficeAct, Plan, PlanProposal, SealedFile, SealedFileKind,
};
use wire::ArchiveId;

use crate::same;

/// Archive and code of `vectors/enrolment/request.json`.
const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xa1; 32]);
const CODE: [u8; 16] = [0xc0; 16];

/// What waits under an invitation; what opens is sealed again by its maker only.
pub fn enrolment_request(data: &[u8]) {
    let code = InvitationCode::from_bytes(CODE);
    if let Ok((_, request)) = EnrolmentRequest::open(data, &ARCHIVE, &code) {
        assert!(!request.name.is_empty() && request.name.len() <= 200);
        let _ = request.follows_of(&ARCHIVE, |_| None);
    }
}

/// What an agent may and must capture.
pub fn plan(data: &[u8]) {
    if let Ok(plan) = Plan::from_bytes(data) {
        same(&plan.to_bytes(), data);
        assert!(plan.number() > 0 && plan.notices_in("signal", "g-7").len() <= 32);
    }
}

/// A plan on its way to those who sign it.
pub fn plan_proposal(data: &[u8]) {
    if let Ok(proposal) = PlanProposal::from_bytes(data) {
        same(&proposal.to_bytes(), data);
        let _ = proposal.finish();
    }
}

/// What the office has written down.
pub fn office_act(data: &[u8]) {
    if let Ok(act) = OfficeAct::from_bytes(data) {
        same(&act.to_bytes(), data);
    }
}

/// A secret under a passphrase. Deriving costs memory and time: only what has the cost of the
/// vectors is opened.
pub fn sealed_file(data: &[u8]) {
    if let Ok(file) = SealedFile::from_bytes(data) {
        same(&file.to_bytes(), data);
        assert!(data.len() <= 1 << 20);
        // The kind is judged before anything is derived.
        if file.kind() == SealedFileKind::Proposal {
            assert!(file.open(SealedFileKind::Share, "").is_err());
        }
    }
}

/// `agent.toml`
pub fn agent_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = CaptureSettings::parse(Path::new("agent.toml"), text);
}

/// `status.json`
pub fn status_json(data: &[u8]) {
    let path = Path::new("status.json");
    if let Ok(status) = AgentStatus::parse(path, data)
        && let Ok(again) = serde_json::to_vec(&status)
    {
        assert!(
            AgentStatus::parse(path, &again).is_ok_and(|read| read == status),
            "not read again"
        );
    }
}
