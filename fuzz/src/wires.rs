//! What crosses to the relay: entries, answers, requests, receipts, proof files.

use tlog::LogProof;
use wire::api::{ControlPage, LoggedLeaf, MailPage, PostAnswer, Route, SignerAnswer};
use wire::proof_file::ProofFile;
use wire::request::SignedHeader;
use wire::waiting::{InvitationAnswer, WaitingRequests};
use wire::{Entry, Genesis, Leaf, Problem};

use crate::same;

/// An entry.
pub fn entry(data: &[u8]) {
    if let Ok(entry) = Entry::parse(data) {
        same(&entry.to_bytes(), data);
    }
}

/// A leaf.
pub fn leaf(data: &[u8]) {
    if let Ok(leaf) = Leaf::parse(data) {
        same(&leaf.to_bytes(), data);
    }
}

/// A genesis.
pub fn genesis(data: &[u8]) {
    if let Ok(genesis) = Genesis::parse(data) {
        same(&genesis.to_bytes(), data);
    }
}

/// The body of `POST /entries`.
pub fn post_body(data: &[u8]) {
    if let Ok(entries) = wire::api::read_bundle(data) {
        assert!((1..=64).contains(&entries.len()), "too many entries");
        for entry in entries {
            let _ = Entry::parse(entry);
        }
    }
}

/// The answer to `POST /entries`.
pub fn post_answer(data: &[u8]) {
    if let Ok(answer) = PostAnswer::parse(data) {
        same(&answer.to_bytes(), data);
    }
}

/// The answer to `GET /stored`.
pub fn logged_leaf(data: &[u8]) {
    if let Ok(logged) = LoggedLeaf::parse(data) {
        let _ = logged.read();
        same(&logged.to_bytes(), data);
    }
}

/// The answer to `GET /control`.
pub fn control_page(data: &[u8]) {
    if let Ok(page) = ControlPage::parse(data) {
        same(&page.to_bytes(), data);
    }
}

/// The answer to `GET /mail`.
pub fn mail_page(data: &[u8]) {
    if let Ok(page) = MailPage::parse(data) {
        same(&page.to_bytes(), data);
    }
}

/// The answer to `GET /invitations`.
pub fn invitation_answer(data: &[u8]) {
    if let Ok(answer) = InvitationAnswer::parse(data) {
        same(&answer.to_bytes(), data);
    }
}

/// The answer to `GET /requests`.
pub fn waiting_requests(data: &[u8]) {
    if let Ok(requests) = WaitingRequests::parse(data) {
        same(&requests.to_bytes(), data);
    }
}

/// The answer to `GET /signers`.
pub fn signer_answer(data: &[u8]) {
    if let Ok(answer) = SignerAnswer::parse(data) {
        same(&answer.to_bytes(), data);
    }
}

/// Problem details.
pub fn problem(data: &[u8]) {
    if let Ok(problem) = Problem::parse(data) {
        let written = problem.to_bytes();
        assert!(Problem::parse(&written).is_ok(), "can not be read again");
    }
}

/// The header of a signed request.
pub fn request_header(data: &[u8]) {
    let _ = std::str::from_utf8(data).map(SignedHeader::parse);
}

/// The target of a request.
pub fn route(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Some((archive, route)) = Route::parse(text) {
        let again = Route::parse(&route.target(&archive));
        assert!(again.is_some(), "can not be read again");
    }
}

/// An entry's receipt: leaf and tlog-proof, framed as a bundle.
pub fn receipt(data: &[u8]) {
    let Ok(parts) = tlog::decode_bundle(data) else {
        return;
    };
    let [leaf, receipt] = parts.as_slice() else {
        return;
    };
    let (Ok(leaf), Ok(proof)) = (Leaf::parse(leaf), LogProof::parse(receipt)) else {
        return;
    };
    if let Some(policy) = crate::sealed::policy() {
        let _ = wire::verify::verify_receipt(leaf.entry(), receipt, policy, None);
    }
    same(proof.to_string().as_bytes(), receipt);
}

/// A proof file, read and verified.
pub fn proof_file(data: &[u8]) {
    if let Ok(file) = ProofFile::parse(data) {
        same(&file.to_bytes(), data);
        let _ = file.verify(None);
    }
}
