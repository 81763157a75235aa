//! What the agent's settings say.

use std::path::PathBuf;

use connector::Start;

/// Heap, stack and caches of the Java runtime, so that one daemon fits a connector's address space.
const JAVA_OPTIONS: &str = "-Xmx384m -Xss512k -XX:+UseSerialGC -XX:CompressedClassSpaceSize=128m \
                            -XX:ReservedCodeCacheSize=96m";

/// The settings, with defaults where nothing was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `signal-cli`: name on the PATH, or path, of the program.
    pub(crate) program: String,
    /// `java-home`: folder of a Java runtime.
    pub(crate) java_home: Option<String>,
    /// `java-options`: for the Java runtime.
    pub(crate) java_options: String,
    /// `data`: signal-cli's own folder.
    pub(crate) data: PathBuf,
    /// `socket`: of a running daemon that serves several connectors; no signal-cli is started then.
    pub(crate) socket: Option<PathBuf>,
    /// `stories`: whether stories are received.
    pub(crate) stories: bool,
    /// `device-name`: how the phone's list of linked devices calls this one.
    pub(crate) device_name: String,
    /// `link`: only link a device, say whose it is, and end.
    pub(crate) link: bool,
    /// `notice.<language>`: what is said in a conversation when its capture begins.
    pub(crate) notices: Vec<(String, String)>,
    /// `notice-language`: only this one; otherwise all, one after the other.
    pub(crate) notice_language: Option<String>,
    /// `folder-key`: 64 hexadecimal digits, the key of the connector's own files.
    pub(crate) folder_key: Option<String>,
    /// `silent-after`: hours without any event after which the capture is called silent.
    pub(crate) silent_hours: u64,
}

impl Settings {
    pub(crate) fn of(start: &Start) -> Self {
        let text = |name: &str| {
            start
                .setting(name)
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let yes = |name: &str| matches!(start.setting(name), Some("yes" | "true" | "1"));
        Self {
            program: text("signal-cli").unwrap_or_else(|| "signal-cli".to_owned()),
            java_home: text("java-home"),
            java_options: text("java-options").unwrap_or_else(|| JAVA_OPTIONS.to_owned()),
            data: text("data").map_or_else(
                || PathBuf::from(&start.folder).join("signal-cli"),
                PathBuf::from,
            ),
            socket: text("socket").map(PathBuf::from),
            stories: yes("stories"),
            device_name: text("device-name").unwrap_or_else(|| "Archive".to_owned()),
            link: yes("link"),
            notices: start
                .settings
                .iter()
                .filter_map(|field| {
                    let language = field.0.strip_prefix("notice.")?;
                    Some((language.to_owned(), field.1.clone()))
                })
                .filter(|(_, text)| !text.is_empty())
                .collect(),
            notice_language: text("notice-language"),
            folder_key: text("folder-key"),
            silent_hours: text("silent-after")
                .and_then(|hours| hours.parse().ok())
                .unwrap_or(72),
        }
    }

    /// The text of the notice, if there is to be one: in the language that was named, or in all
    /// that were given.
    pub(crate) fn notice(&self) -> Option<String> {
        let given = self.notices.iter();
        self.words(given.map(|(language, text)| (language.as_str(), text.as_str())))
    }

    /// Of a notice's texts the one in the language that was named; all of them, one after the
    /// other, where none was named or it is not among them.
    pub(crate) fn words<'t>(
        &self,
        texts: impl Iterator<Item = (&'t str, &'t str)> + Clone,
    ) -> Option<String> {
        let chosen =
            |(language, _): &(&str, &str)| Some(*language) == self.notice_language.as_deref();
        if let Some((_, text)) = texts.clone().find(chosen) {
            return Some(text.to_owned());
        }
        let all: Vec<&str> = texts.map(|(_, text)| text).collect();
        (!all.is_empty()).then(|| all.join("\n\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector::Field;

    fn settings(given: &[(&str, &str)]) -> Settings {
        Settings::of(&Start {
            version: 1,
            account: "aci:a".into(),
            custodian: "c".into(),
            folder: "/f".into(),
            settings: given
                .iter()
                .map(|(name, value)| Field((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
        })
    }

    #[test]
    fn notices_are_given_in_the_language_chosen_or_in_all() {
        let both = [
            ("notice.en", "This is archived."),
            ("notice.de", "Dies wird archiviert."),
        ];
        assert_eq!(
            settings(&both).notice().unwrap(),
            "This is archived.\n\nDies wird archiviert."
        );
        let one = [both[0], both[1], ("notice-language", "de")];
        assert_eq!(settings(&one).notice().unwrap(), "Dies wird archiviert.");
        let none_of_them = [both[0], both[1], ("notice-language", "fr")];
        assert_eq!(settings(&none_of_them).notice(), settings(&both).notice());
        assert_eq!(settings(&[]).notice(), None);
        assert_eq!(
            settings(&[("data", "")]).data,
            PathBuf::from("/f/signal-cli")
        );
    }
}
