//! The texts of a record that people read, for search.

use crate::{Content, Field, Message, Part, Participant, Record, Target};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TextPlace {
    /// What somebody wrote, now.
    Text,
    /// What somebody had written before it was edited or deleted.
    Former,
    /// What a reference quotes of another message.
    Excerpt,
    /// A title, of a preview, a bundle, a conversation before or after a change.
    Title,
    /// A description.
    Description,
    /// A name of a person or place.
    Name,
    /// A postal or network address.
    Address,
    /// A file's name.
    FileName,
    /// A poll's question.
    Question,
    /// An option of a poll, or a choice.
    Option,
    /// A reaction or an emoji.
    Reaction,
    /// The value of a field.
    Field,
    /// A reason, an error, a detail.
    Detail,
    /// The text of a consent or notice.
    Notice,
    /// The readable text of an event that the model does not know.
    Unknown,
}

impl Record {
    /// Shows `visit` every text of body and attachments that people read, in their order.
    ///
    /// Names and titles of the participants part are not among them: they stand in the catalogue.
    pub fn visit_texts<'a>(&'a self, visit: &mut dyn FnMut(TextPlace, &'a str)) {
        let mut texts = Texts { visit };
        texts.content(&self.body().content);
        texts.fields(&self.body().fields);
        for attachment in self.attachments() {
            texts.some(TextPlace::FileName, attachment.name.as_ref());
        }
    }

    /// All texts that [`Record::visit_texts`] shows.
    #[must_use]
    pub fn searchable_text(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        self.visit_texts(&mut |_, text| texts.push(text));
        texts
    }
}

struct Texts<'v, 'a> {
    visit: &'v mut dyn FnMut(TextPlace, &'a str),
}

impl<'a> Texts<'_, 'a> {
    fn content(&mut self, content: &'a Content) {
        use TextPlace as Place;
        match content {
            Content::Message(message) => self.message(message, Place::Text),
            Content::Edit(edit) => {
                self.target(&edit.target);
                self.message(&edit.message, Place::Text);
                self.former(edit.former.as_ref());
            }
            Content::Delete(delete) => {
                self.targets(&delete.targets);
                self.person(delete.by.as_ref());
                self.former(delete.former.as_ref());
            }
            Content::Reaction(reaction) => {
                self.target(&reaction.target);
                self.one(Place::Reaction, &reaction.value);
            }
            Content::Receipt(receipt) => {
                self.targets(&receipt.targets);
                self.some(Place::Detail, receipt.error.as_ref());
            }
            Content::Call(call) => self.some(Place::Detail, call.reason.as_ref()),
            Content::Membership(membership) => {
                for change in &membership.changes {
                    self.person(Some(&change.member));
                    self.person(change.by.as_ref());
                    self.some(Place::Detail, change.detail.as_ref());
                }
            }
            Content::Change(change) => {
                for changed in &change.changes {
                    self.some(Place::Title, changed.before.as_ref());
                    self.some(Place::Title, changed.after.as_ref());
                    self.targets(&changed.target);
                }
            }
            Content::Poll(poll) => {
                self.targets(&poll.target);
                self.some(Place::Question, poll.question.as_ref());
                for option in &poll.options {
                    self.one(Place::Option, &option.text);
                }
                for choice in &poll.choices {
                    self.one(Place::Option, choice);
                }
            }
            Content::Consent(consent) => {
                self.person(consent.participant.as_ref());
                self.some(Place::Notice, consent.text.as_ref());
            }
            Content::Loss(loss) => self.some(Place::Detail, loss.detail.as_ref()),
            Content::Roster(roster) => {
                for member in &roster.members {
                    self.person(Some(member));
                }
            }
            Content::Activity(activity) => self.some(Place::Detail, activity.state.as_ref()),
            Content::Account(account) => self.some(Place::Detail, account.value.as_ref()),
            Content::Unknown(unknown) => self.some(Place::Unknown, unknown.text.as_ref()),
        }
    }

    fn former(&mut self, former: Option<&'a Message>) {
        if let Some(former) = former {
            self.message(former, TextPlace::Former);
        }
    }

    fn message(&mut self, message: &'a Message, written: TextPlace) {
        self.targets(&message.in_reply_to);
        if let Some(forward) = &message.forward {
            self.person(forward.author.as_ref());
            self.some(TextPlace::Title, forward.conversation.as_ref());
        }
        self.parts(&message.parts, written);
        for tally in &message.reactions {
            self.one(TextPlace::Reaction, &tally.value);
        }
    }

    // The recursion ends where RECORD-5 does.
    fn parts(&mut self, parts: &'a [Part], written: TextPlace) {
        use TextPlace as Place;
        for part in parts {
            match part {
                Part::Text(text) => {
                    self.one(written, &text.text);
                    for span in text.spans.iter().filter(|span| span.style == "link") {
                        self.some(Place::Address, span.target.as_ref());
                    }
                }
                Part::Media(_) => {}
                Part::Location(location) => {
                    self.some(Place::Name, location.name.as_ref());
                    self.some(Place::Address, location.address.as_ref());
                }
                Part::Card(card) => {
                    self.one(Place::Name, &card.name);
                    self.fields(&card.fields);
                }
                Part::Sticker(sticker) => self.some(Place::Reaction, sticker.emoji.as_ref()),
                Part::Preview(preview) => {
                    self.one(Place::Address, &preview.address);
                    self.some(Place::Title, preview.title.as_ref());
                    self.some(Place::Description, preview.description.as_ref());
                }
                Part::Structured(structured) => {
                    self.some(Place::Title, structured.title.as_ref());
                    self.fields(&structured.fields);
                    self.parts(&structured.parts, written);
                }
                Part::Nested(nested) => {
                    self.some(Place::Title, nested.title.as_ref());
                    for message in &nested.messages {
                        self.person(message.sender.as_ref());
                        self.parts(&message.parts, written);
                    }
                }
                Part::Missing(missing) => self.some(Place::FileName, missing.name.as_ref()),
            }
        }
    }

    fn targets(&mut self, targets: impl IntoIterator<Item = &'a Target>) {
        for target in targets {
            self.target(target);
        }
    }

    fn target(&mut self, target: &'a Target) {
        self.some(TextPlace::Excerpt, target.excerpt.as_ref());
    }

    fn person(&mut self, person: Option<&'a Participant>) {
        for alias in person.iter().flat_map(|person| &person.aliases) {
            self.one(TextPlace::Name, &alias.name);
        }
    }

    fn fields(&mut self, fields: &'a [Field]) {
        for field in fields {
            self.one(TextPlace::Field, &field.value);
        }
    }

    fn some(&mut self, place: TextPlace, text: Option<&'a String>) {
        if let Some(text) = text {
            self.one(place, text);
        }
    }

    fn one(&mut self, place: TextPlace, text: &'a str) {
        if !text.is_empty() {
            (self.visit)(place, text);
        }
    }
}
