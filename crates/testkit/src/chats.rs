//! Seeded chats of any length, as exports write them, with the truth beside: what a reader of
//! the export must find. Nothing is kept in memory but the present event.

mod forms;
mod telegram;

pub use forms::{FORMS, Form};
pub use telegram::telegram_export;

use std::io::{self, Write};

/// A moment on a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Year, month from 1, day from 1.
    pub date: (u16, u8, u8),
    /// Hour, minute, second.
    pub time: (u8, u8, u8),
}

/// What really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueEvent {
    /// When, to the second; forms without seconds write less.
    pub when: When,
    /// Who wrote or did it.
    pub author: String,
    /// What it is.
    pub what: TrueWhat,
}

/// The kinds of events that are generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrueWhat {
    /// The app's note about encryption.
    Encryption,
    /// The author created the group of that title.
    Created(String),
    /// The author added somebody.
    Added(String),
    /// The author left.
    Left,
    /// A text, perhaps of several lines.
    Text(String),
    /// A text that was edited.
    Edited(String),
    /// A message that was deleted.
    Deleted,
    /// Media that the export leaves out.
    Omitted,
    /// A file of that name, attached.
    File(String),
    /// A place in degrees.
    Place(String, String),
}

/// The events of one chat, one after the other.
#[derive(Clone, Debug)]
pub struct TrueChat {
    random: Random,
    form: &'static Form,
    left: u64,
    number: u64,
    /// Seconds since the beginning of 2019.
    clock: u64,
}

/// SplitMix64: repeatable on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl TrueChat {
    /// A chat of so many events in that form.
    #[must_use]
    pub fn new(form: &'static Form, seed: u64, events: u64) -> Self {
        Self {
            random: Random(seed),
            form,
            left: events,
            number: 0,
            clock: 0,
        }
    }

    fn author(&mut self) -> String {
        let place = self.random.below(self.form.people.len() as u64);
        self.form
            .people
            .get(place as usize)
            .map_or_else(String::new, |name| (*name).to_owned())
    }

    fn text(&mut self) -> String {
        let words = self.form.words;
        let mut text = String::new();
        let count = 1 + self.random.below(4) * self.random.below(6);
        for place in 0..=count {
            if place > 0 {
                let line = self.random.below(24) == 0;
                text.push_str(if line { "\n" } else { self.form.space });
            }
            let word = self.random.below(words.len() as u64) as usize;
            text.push_str(words.get(word).copied().unwrap_or_default());
            if self.random.below(9) == 0 {
                text.push_str(&self.random.below(10_000).to_string());
            }
        }
        text
    }
}

impl Iterator for TrueChat {
    type Item = TrueEvent;

    fn next(&mut self) -> Option<TrueEvent> {
        self.left = self.left.checked_sub(1)?;
        let number = self.number;
        self.number += 1;
        // Bursts of seconds, pauses of hours; several messages may fall into one second.
        self.clock += match self.random.below(20) {
            0 => 3_600 + self.random.below(40_000),
            1..=4 => 60 + self.random.below(900),
            _ => self.random.below(40),
        };
        let author = self.author();
        let what = match (number, self.random.below(100)) {
            (0, _) => TrueWhat::Encryption,
            (1, _) => TrueWhat::Created("Budget 2026".into()),
            (_, 0) => TrueWhat::Added(self.author()),
            (_, 1) => TrueWhat::Left,
            (_, 2..=3) => TrueWhat::Deleted,
            (_, 4..=6) => TrueWhat::Edited(self.text()),
            (_, 7..=10) => TrueWhat::Omitted,
            (_, 11..=13) => TrueWhat::File(format!("IMG-20190105-WA{number:04}.jpg")),
            (_, 14) => TrueWhat::Place("47.3717".into(), "-8.5423".into()),
            _ => TrueWhat::Text(self.text()),
        };
        Some(TrueEvent {
            when: when(self.clock),
            author,
            what,
        })
    }
}

/// Writes a WhatsApp export in that form.
///
/// # Errors
///
/// When writing fails.
pub fn whatsapp_export(chat: TrueChat, output: &mut impl Write) -> io::Result<()> {
    let form = chat.form;
    let mut line = String::new();
    for event in chat {
        line.clear();
        form.write(&event, &mut line);
        output.write_all(line.as_bytes())?;
    }
    Ok(())
}

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

fn when(seconds: u64) -> When {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 2019_u16;
    let leap = |year: u16| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        // Far beyond any chat the years stand still.
        year = year.saturating_add(1);
    }
    let mut month = 1;
    for length in [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let small = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
    When {
        date: (year, month, small(days + 1)),
        time: (small(rest / 3_600), small(rest / 60 % 60), small(rest % 60)),
    }
}
