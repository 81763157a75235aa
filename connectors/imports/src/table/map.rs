//! The mapping: which column of a table means what. A TOML file that its owner writes.

use jiff::tz::TimeZone;
use mail_parser::decoders::charsets::DecoderFnc;
use mail_parser::decoders::charsets::map::charset_decoder;
use record::NetworkName;
use serde::Deserialize;

/// A mapping as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    network: Option<String>,
    title: Option<String>,
    columns: Columns,
    #[serde(default)]
    time: WrittenTime,
    #[serde(default)]
    people: WrittenPeople,
    #[serde(default)]
    attachments: WrittenList,
    #[serde(default)]
    direction: WrittenDirection,
    #[serde(default)]
    csv: WrittenCsv,
}

/// Names of columns, or of keys; a name that begins with `/` is a JSON pointer.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Columns {
    pub(crate) time: String,
    pub(crate) text: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) sender_name: Option<String>,
    pub(crate) recipients: Option<String>,
    pub(crate) conversation: Option<String>,
    pub(crate) conversation_title: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) direction: Option<String>,
    pub(crate) attachments: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenTime {
    format: Option<String>,
    zone: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenPeople {
    scheme: Option<String>,
    separator: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenList {
    separator: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDirection {
    #[serde(default)]
    outgoing: Vec<String>,
    #[serde(default)]
    incoming: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenCsv {
    delimiter: Option<String>,
    encoding: Option<String>,
}

/// A mapping that was checked.
pub(crate) struct Mapping {
    /// Of rows that name none.
    pub(crate) network: NetworkName,
    pub(crate) title: Option<String>,
    pub(crate) columns: Columns,
    pub(crate) times: Times,
    /// Scheme of people's ids; none where each value shows its own.
    pub(crate) scheme: Option<String>,
    pub(crate) people_separator: String,
    pub(crate) files_separator: String,
    pub(crate) outgoing: Vec<String>,
    pub(crate) incoming: Vec<String>,
    pub(crate) delimiter: u8,
    /// None for UTF-8.
    pub(crate) encoding: Option<DecoderFnc>,
}

/// How times are written.
pub(crate) struct Times {
    pub(crate) form: Form,
    /// Of times that name none.
    pub(crate) zone: Option<TimeZone>,
}

/// The form of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// ISO 8601, with or without an offset.
    Iso,
    /// Seconds, milliseconds, microseconds since 1970.
    Unix(i64),
    /// As `strftime` writes it.
    Pattern(String),
}

/// Why a mapping can not be used; its message names the place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MappingError {
    #[error("{0}")]
    Toml(String),
    #[error("[time] zone: there is no time zone {0}")]
    Zone(String),
    #[error("[time] format: {0} has no sign like %d, and is none of iso, unix, unix-ms, unix-us")]
    Format(String),
    #[error("network: {0} is no name of a network: a-z, 0-9 and -, at most 32")]
    Network(String),
    #[error("[people] scheme: {0} is no scheme: tel, email, name, user, or a-z and -")]
    Scheme(String),
    #[error("[csv] delimiter: {0:?} is not one sign of ASCII")]
    Delimiter(String),
    #[error("[csv] encoding: {0} is not known")]
    Encoding(String),
}

impl Mapping {
    /// Reads and checks a mapping. `zone` is that of times without one, where the mapping names
    /// none.
    pub(crate) fn read(text: &str, zone: Option<TimeZone>) -> Result<Self, MappingError> {
        let written: Written =
            toml::from_str(text).map_err(|error| MappingError::Toml(told(text, &error)))?;
        let zone = match written.time.zone {
            Some(name) => Some(TimeZone::get(&name).map_err(|_| MappingError::Zone(name))?),
            None => zone,
        };
        let form = match written.time.format.as_deref() {
            None | Some("iso") => Form::Iso,
            Some("unix") => Form::Unix(1_000_000),
            Some("unix-ms") => Form::Unix(1_000),
            Some("unix-us") => Form::Unix(1),
            Some(pattern) if pattern.contains('%') => Form::Pattern(pattern.to_owned()),
            Some(other) => return Err(MappingError::Format(other.to_owned())),
        };
        let network = written.network.unwrap_or_else(|| "other".to_owned());
        let network =
            NetworkName::new(&network).map_err(|_| MappingError::Network(network.clone()))?;
        let scheme = written.people.scheme;
        if let Some(scheme) = &scheme
            && record::ParticipantId::new(scheme, "x").is_err()
        {
            return Err(MappingError::Scheme(scheme.clone()));
        }
        let delimiter = match written.csv.delimiter.as_deref() {
            None => b',',
            Some("tab") => b'\t',
            Some(text) => match text.as_bytes() {
                [one] if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => *one,
                _ => return Err(MappingError::Delimiter(text.to_owned())),
            },
        };
        let encoding = match written.csv.encoding.as_deref() {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("utf-8") => None,
            Some(name) => Some(
                charset_decoder(name.as_bytes())
                    .ok_or_else(|| MappingError::Encoding(name.to_owned()))?,
            ),
        };
        Ok(Self {
            network,
            title: written.title,
            columns: written.columns,
            times: Times { form, zone },
            scheme,
            people_separator: written.people.separator.unwrap_or_else(|| ";".to_owned()),
            files_separator: written
                .attachments
                .separator
                .unwrap_or_else(|| ";".to_owned()),
            outgoing: written.direction.outgoing,
            incoming: written.direction.incoming,
            delimiter,
            encoding,
        })
    }
}

impl Columns {
    /// All names that are mapped.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let optional = [
            &self.text,
            &self.subject,
            &self.sender,
            &self.sender_name,
            &self.recipients,
            &self.conversation,
            &self.conversation_title,
            &self.id,
            &self.reply_to,
            &self.network,
            &self.kind,
            &self.direction,
            &self.attachments,
        ];
        std::iter::once(self.time.as_str())
            .chain(optional.into_iter().flatten().map(String::as_str))
    }
}

/// What is wrong with a TOML text, and at which line and column.
fn told(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else {
        return error.message().to_owned();
    };
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("line {line}, column {column}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = |text: &str| match Mapping::read(text, None) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{text} is a mapping"),
        };
        assert!(
            wrong("[columns]\ntime = \"t\"\nsneder = \"s\"\n")
                .starts_with("line 3, column 1: unknown field `sneder`")
        );
        assert!(wrong("[columns]\nsender = \"s\"\n").contains("time"));
        assert!(wrong("[columns\n").starts_with("line 1, column"));
        let with = |more: &str| wrong(&format!("{more}\n[columns]\ntime = \"t\"\n"));
        assert!(with("network = \"My SMS\"").contains("My SMS"));
        let with = |more: &str| wrong(&format!("[columns]\ntime = \"t\"\n{more}\n"));
        assert!(with("[time]\nzone = \"Mars\"").contains("Mars"));
        assert!(with("[time]\nformat = \"dd.mm\"").contains("dd.mm"));
        assert!(with("[csv]\ndelimiter = \"::\"").contains("::"));
        assert!(with("[csv]\nencoding = \"x\"").contains('x'));
        assert!(with("[people]\nscheme = \"+\"").contains('+'));
    }
}
