//! Frames of connectors and of the reading room, queries, chat exports.

use connector::{Down, Up, frame};
use jiff::tz::TimeZone;
use vault::room::frame::{Frame, read_frame};
use vault::room::protocol::{Answer, Opened, Request, Unlock};
use vault::search::Query;

use crate::same;

/// Frames from a connector.
pub fn connector_up(data: &[u8]) {
    frames(data, |content| {
        if let Ok(message) = Up::from_frame(content) {
            same(&message.to_frame(), content);
        }
    });
}

/// Frames to a connector.
pub fn connector_down(data: &[u8]) {
    frames(data, |content| {
        if let Ok(message) = Down::from_frame(content) {
            same(&message.to_frame(), content);
        }
    });
}

fn frames(data: &[u8], mut each: impl FnMut(&[u8])) {
    let (mut rest, mut content) = (data, Vec::new());
    while let Ok(true) = frame::read_frame(&mut rest, &mut content) {
        each(&content);
    }
}

/// An event as a network gives it.
pub fn connector_json(data: &[u8]) {
    let _ = connector::normal::parse(data);
}

/// Frames of the reading room, and the messages in them.
pub fn room(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    let mut rest = data;
    while let Ok(frame) = read_frame(&mut rest, LIMIT) {
        if let Frame::Message(content) = frame {
            assert!(content.len() <= LIMIT, "a frame above the limit");
        }
    }
    let _ = vault::room::frame::read_message::<Unlock>(&mut &*data, LIMIT);
    let _ = vault::room::frame::read_message::<Opened>(&mut &*data, LIMIT);
    let _ = vault::room::frame::read_message::<Request>(&mut &*data, LIMIT);
    let _ = vault::room::frame::read_message::<Answer>(&mut &*data, LIMIT);
}

/// What somebody types into a search; errors point into it.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Query::parse(&text, &TimeZone::UTC) {
        Ok(query) => {
            let _ = query.span();
        }
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "points elsewhere");
        }
    }
}

/// A WhatsApp chat, as its export gives it.
pub fn whatsapp_export(data: &[u8]) {
    imports::fuzz_whatsapp(data);
}

/// A Telegram export's `result.json`.
pub fn telegram_export(data: &[u8]) {
    imports::fuzz_telegram(data);
}

/// A message as a file.
pub fn mail_file(data: &[u8]) {
    imports::fuzz_mail(data);
}

/// Element's export of a room.
pub fn element_export(data: &[u8]) {
    imports::fuzz_element(data);
}

/// Signal Desktop's messages, as sigtop writes them.
pub fn signal_desktop_export(data: &[u8]) {
    imports::fuzz_signal_desktop(data);
}

/// The lines of signal-export.
pub fn signal_export_lines(data: &[u8]) {
    imports::fuzz_signal_export(data);
}

/// A mapping and a table behind it.
pub fn table(data: &[u8]) {
    imports::fuzz_table(data);
}

/// What the Signal connector gets.
pub fn signal_event(data: &[u8]) {
    signal::fuzz(data);
}

/// A webhook of WhatsApp.
pub fn whatsapp_event(data: &[u8]) {
    whatsapp::fuzz(data);
}

/// An update of Telegram.
pub fn telegram_event(data: &[u8]) {
    telegram::fuzz(data);
}

/// A query, a signature and a body at the door of WhatsApp's listener, and answers about media.
pub fn whatsapp_door(data: &[u8]) {
    whatsapp::fuzz_door(data);
}

/// An answer of Telegram's Bot API.
pub fn telegram_answer(data: &[u8]) {
    telegram::fuzz_answer(data);
}

/// A message of WeChat's conversation archive.
pub fn wechat_event(data: &[u8]) {
    wechat::fuzz(data);
}

/// An event of a Matrix room.
pub fn matrix_event(data: &[u8]) {
    matrix::fuzz(data);
}
