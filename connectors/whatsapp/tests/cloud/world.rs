//! The connector's program as Meta sees it.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use aws_lc_rs::hmac;

#[path = "../../../../crates/business/tests/program/mod.rs"]
mod program;

pub(crate) use program::{Program, read};

pub(crate) const APP_SECRET: &str = "app secret";

pub(crate) struct Connector(Program);

impl Connector {
    /// Started in `folder`, listening, with `settings` beside the usual ones.
    pub(crate) fn start(
        folder: &Path,
        account: &str,
        graph: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        Self(Self::spawn(folder, account, graph, settings).listening())
    }

    pub(crate) fn spawn(
        folder: &Path,
        account: &str,
        graph: &str,
        settings: &[(&str, &str)],
    ) -> Program {
        let usual = [
            ("listen", "127.0.0.1:0"),
            ("graph", graph),
            ("app-secret", APP_SECRET),
            ("verify-token", "verify"),
            ("access-token", "access"),
        ];
        let all = [&usual, settings].concat();
        Program::start(env!("CARGO_BIN_EXE_greffe-whatsapp"), folder, account, &all)
    }

    pub(crate) fn kill(self) {
        self.0.kill();
    }

    /// Posts what Meta would, signed; gives the status.
    pub(crate) fn post(&self, body: &[u8]) -> u16 {
        self.send(
            body,
            &[&format!("X-Hub-Signature-256: {}", signature(body))],
        )
    }

    pub(crate) fn send(&self, body: &[u8], head: &[&str]) -> u16 {
        let mut lines = vec![
            "POST /whatsapp HTTP/1.1".to_owned(),
            "Host: hook.example".to_owned(),
            "Content-Type: application/json".to_owned(),
            format!("Content-Length: {}", body.len()),
        ];
        lines.extend(head.iter().map(|line| (*line).to_owned()));
        self.ask(&lines, body).0
    }
}

impl Deref for Connector {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.0
    }
}

impl DerefMut for Connector {
    fn deref_mut(&mut self) -> &mut Program {
        &mut self.0
    }
}

pub(crate) fn signature(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    format!("sha256={}", canonical::hex(hmac::sign(&key, body).as_ref()))
}

/// One message as Meta posts it.
pub(crate) fn delivery(number: &str, message: &str) -> Vec<u8> {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"9","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"Bob"}},"wa_id":"15550100"}}],"messages":[{message}]}}}}]}}]}}"#
    )
    .into_bytes()
}

pub(crate) fn text(id: &str, said: &str) -> String {
    format!(
        r#"{{"from":"15550100","id":"{id}","timestamp":"1795520482","type":"text","text":{{"body":"{said}"}}}}"#
    )
}

pub(crate) fn image(id: &str, media: &str, sha256: &[u8]) -> String {
    let hash = data_encoding::BASE64.encode(&canonical::sha256(sha256));
    format!(
        r#"{{"from":"15550100","id":"{id}","timestamp":"1795520482","type":"image","image":{{"caption":"../../etc/passwd","mime_type":"image/png","sha256":"{hash}","id":"{media}"}}}}"#
    )
}
