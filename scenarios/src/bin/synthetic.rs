//! A connector of no network: it makes messages at a pace, numbers them, and continues behind its
//! position when it is started again. For measuring, and for attacks on agents that run on.
//!
//! Settings: `count` messages, one every `every-ms`; with `dies-at` it ends once before that message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use connector::kit::{self, KitError};
use connector::{Incoming, Position, State};
use scenarios::source::{hello, live_message};
use vault::system::now;

/// How often it says that it lives.
const ALIVE: Duration = Duration::from_secs(20);

fn main() {
    let ended = kit::run(std::io::stdin(), &mut std::io::stdout(), now, |context| {
        context.hello(hello())?;
        let number = |name: &str| {
            context
                .setting(name)
                .and_then(|text| text.parse::<u64>().ok())
        };
        let (count, every) = (number("count").unwrap(), number("every-ms").unwrap());
        let dies_at = number("dies-at");
        let every = Duration::from_millis(every);
        let account = context.start().account.clone();
        let custodian = context.start().custodian.clone();
        let mut next = match context.position() {
            None => 0,
            Some(position) => u64::from_be_bytes(position.as_bytes().try_into().unwrap()),
        };
        context.state(State::Connected, None)?;
        while next < count {
            // Nobody asks anything of it: this waits, and hears a stop.
            context.next_request(every)?;
            let died = context.folder().join("died");
            if dies_at == Some(next) && !died.exists() {
                std::fs::write(died, "").map_err(|_| KitError::Stopped)?;
                std::process::abort();
            }
            let record = live_message(&account, &custodian, next);
            next += 1;
            let position = Position::new(next.to_be_bytes());
            context.emit(vec![Incoming::of(&record)], Some(position))?;
        }
        loop {
            context.next_request(ALIVE)?;
            context.state(State::Connected, None)?;
        }
    });
    if let Err(error) = ended {
        panic!("{error}");
    }
}
