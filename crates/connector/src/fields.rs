//! A reader over a network's JSON that remembers what was taken, so that a normalizer can show
//! that nothing but documented fields is left over.
//!
//! Paths are keys joined by dots, `"chat.title"`. Some networks have dots in their keys
//! (`m.relates_to`); at each step the longest key that is present wins, so
//! `"content.m.relates_to.event_id"` works as it reads. List positions are written `[0]`:
//! `"photos[0].file_id"`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;

/// A view of one JSON object (or list, or leaf) that shares its record of taken leaves with
/// every view derived from it.
#[derive(Clone)]
pub struct Fields<'a> {
    root: &'a Value,
    here: &'a Value,
    // Leaves by address: the tree is borrowed for 'a and can not move, and no path text is
    // built until somebody asks what is left.
    taken: Rc<RefCell<HashSet<usize>>>,
}

/// A path that a normalizer leaves in the original bytes on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftInOriginal {
    /// Pattern over [`Fields::leftover`]'s paths: `[]` stands for any list position, `*` for any
    /// run of characters without a dot, a closing `.**` for everything below.
    pub path: &'static str,
    /// Why the normal form has no place for it.
    pub reason: &'static str,
}

impl<'a> Fields<'a> {
    /// A fresh reader; nothing is taken yet.
    pub fn new(root: &'a Value) -> Self {
        Self {
            root,
            here: root,
            taken: Rc::new(RefCell::new(HashSet::new())),
        }
    }

    /// The string at `path`, marked as taken. Another type stays untaken and gives `None`.
    pub fn text(&self, path: &str) -> Option<&'a str> {
        let value = self.find(path)?;
        let text = value.as_str()?;
        self.mark(value);
        Some(text)
    }

    /// The signed number at `path`; also a string that holds one, as several networks write them.
    pub fn int(&self, path: &str) -> Option<i64> {
        let value = self.find(path)?;
        let number = match value {
            Value::String(text) => text.parse().ok()?,
            other => other.as_i64()?,
        };
        self.mark(value);
        Some(number)
    }

    /// The number from zero up at `path`; also a string that holds one.
    pub fn uint(&self, path: &str) -> Option<u64> {
        let value = self.find(path)?;
        let number = match value {
            Value::String(text) => text.parse().ok()?,
            other => other.as_u64()?,
        };
        self.mark(value);
        Some(number)
    }

    /// The number at `path` with a fraction, such as a coordinate in degrees; also a string that
    /// holds one.
    pub fn float(&self, path: &str) -> Option<f64> {
        let value = self.find(path)?;
        let number = match value {
            Value::String(text) => text.parse().ok().filter(|n: &f64| n.is_finite())?,
            other => other.as_f64()?,
        };
        self.mark(value);
        Some(number)
    }

    /// The truth value at `path`.
    pub fn flag(&self, path: &str) -> Option<bool> {
        let value = self.find(path)?;
        let flag = value.as_bool()?;
        self.mark(value);
        Some(flag)
    }

    /// Any leaf at `path` as text: a string as it is, numbers and truth values as JSON writes
    /// them. `null` is taken and gives `None`.
    pub fn any(&self, path: &str) -> Option<String> {
        let value = self.find(path)?;
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null => None,
            Value::Array(_) | Value::Object(_) => return None,
        };
        self.mark(value);
        text
    }

    /// A reader of the object at `path`. An empty object counts as a leaf and is taken by this.
    pub fn obj(&self, path: &str) -> Option<Fields<'a>> {
        let value = self.find(path)?;
        let object = value.as_object()?;
        if object.is_empty() {
            self.mark(value);
        }
        Some(self.view(value))
    }

    /// Readers of the elements of the list at `path`; none if there is no list. An empty list
    /// counts as a leaf and is taken by this.
    pub fn list(&self, path: &str) -> Vec<Fields<'a>> {
        let Some(value) = self.find(path) else {
            return Vec::new();
        };
        let Some(elements) = value.as_array() else {
            return Vec::new();
        };
        if elements.is_empty() {
            self.mark(value);
        }
        elements.iter().map(|element| self.view(element)).collect()
    }

    /// The strings of the list at `path`; elements of other types stay untaken.
    pub fn texts(&self, path: &str) -> Vec<&'a str> {
        self.list(path).iter().filter_map(|e| e.text("")).collect()
    }

    /// Keys and readers of the object at `path`, for objects whose keys are data.
    pub fn entries(&self, path: &str) -> Vec<(&'a str, Fields<'a>)> {
        let Some(value) = self.find(path) else {
            return Vec::new();
        };
        let Some(object) = value.as_object() else {
            return Vec::new();
        };
        if object.is_empty() {
            self.mark(value);
        }
        object
            .iter()
            .map(|(key, value)| (key.as_str(), self.view(value)))
            .collect()
    }

    /// Everything at and below `path`, marked as taken.
    pub fn whole(&self, path: &str) -> Option<&'a Value> {
        let value = self.find(path)?;
        self.mark_below(value);
        Some(value)
    }

    /// Marks everything at and below `path` as taken where its value is the only one it could
    /// have, or is told elsewhere. Says whether something was there.
    pub fn known(&self, path: &str) -> bool {
        self.whole(path).is_some()
    }

    /// Whether something stands at `path`. Takes nothing.
    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The bare value at this reader, without taking it.
    pub fn value(&self) -> &'a Value {
        self.here
    }

    /// Paths of all leaves of the whole tree, from its root, that nobody took, in document order.
    pub fn leftover(&self) -> Vec<String> {
        let mut left = Vec::new();
        let taken = self.taken.borrow();
        walk(self.root, &mut String::new(), &mut |path, leaf| {
            if !taken.contains(&address(leaf)) {
                left.push(path.to_owned());
            }
        });
        left
    }

    /// [`leftover`](Self::leftover) with the leaves' values as text, for a record's further
    /// fields; they count as taken afterwards.
    pub fn take_leftover(&self) -> Vec<(String, String)> {
        let mut left = Vec::new();
        let mut found = Vec::new();
        {
            let taken = self.taken.borrow();
            walk(self.root, &mut String::new(), &mut |path, leaf| {
                if !taken.contains(&address(leaf)) {
                    let text = match leaf {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    left.push((path.to_owned(), text));
                    found.push(address(leaf));
                }
            });
        }
        self.taken.borrow_mut().extend(found);
        left
    }

    /// [`leftover`](Self::leftover) without what the table documents.
    pub fn undocumented(&self, table: &[LeftInOriginal]) -> Vec<String> {
        let mut left = self.leftover();
        left.retain(|path| !table.iter().any(|entry| entry.covers(path)));
        left
    }

    fn view(&self, here: &'a Value) -> Fields<'a> {
        Fields {
            root: self.root,
            here,
            taken: Rc::clone(&self.taken),
        }
    }

    fn find(&self, path: &str) -> Option<&'a Value> {
        lookup(self.here, path)
    }

    fn mark(&self, leaf: &Value) {
        self.taken.borrow_mut().insert(address(leaf));
    }

    fn mark_below(&self, value: &Value) {
        let mut taken = self.taken.borrow_mut();
        walk(value, &mut String::new(), &mut |_, leaf| {
            taken.insert(address(leaf));
        });
    }
}

impl std::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The tree is content.
        write!(f, "Fields({} taken)", self.taken.borrow().len())
    }
}

impl LeftInOriginal {
    /// Whether this row of the table documents `path`.
    pub fn covers(&self, path: &str) -> bool {
        if let Some(prefix) = self.path.strip_suffix(".**") {
            return prefixes(path).any(|head| matches(prefix, head));
        }
        matches(self.path, path)
    }
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        let element = value.as_array()?.get(index.parse::<usize>().ok()?)?;
        return lookup(element, rest.strip_prefix('.').unwrap_or(rest));
    }
    let object = value.as_object()?;
    let mut end = path.len();
    loop {
        let (key, rest) = path.split_at(end);
        if let Some(found) = object
            .get(key)
            .and_then(|next| lookup(next, rest.strip_prefix('.').unwrap_or(rest)))
        {
            return Some(found);
        }
        end = key.rfind(['.', '['])?;
    }
}

fn walk<'v>(value: &'v Value, path: &mut String, leaf: &mut impl FnMut(&str, &'v Value)) {
    let length = path.len();
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, below) in object {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                walk(below, path, leaf);
                path.truncate(length);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, below) in elements.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(below, path, leaf);
                path.truncate(length);
            }
        }
        other => leaf(path, other),
    }
}

fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices()
        .filter(|(_, c)| matches!(c, '.' | '['))
        .filter_map(|(at, _)| path.get(..at))
        .chain(std::iter::once(path))
}

fn matches(pattern: &str, path: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("[]") {
        return path
            .strip_prefix('[')
            .and_then(|p| p.split_once(']'))
            .is_some_and(|(index, p)| {
                index.bytes().all(|b| b.is_ascii_digit()) && matches(rest, p)
            });
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        let run = path.find(['.', '[']).unwrap_or(path.len());
        return (0..=run)
            .filter(|at| path.is_char_boundary(*at))
            .any(|at| path.get(at..).is_some_and(|p| matches(rest, p)));
    }
    match (pattern.chars().next(), path.chars().next()) {
        (None, None) => true,
        (Some(p), Some(c)) if p == c => {
            let (Some(pattern), Some(path)) =
                (pattern.get(p.len_utf8()..), path.get(c.len_utf8()..))
            else {
                return false;
            };
            matches(pattern, path)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_that_nobody_took_are_named() {
        let value =
            json!({"a": {"b": "x", "c": 3}, "l": [{"k": true}, {"k": null}], "e": {}, "n": []});
        let fields = Fields::new(&value);
        assert_eq!(
            fields.leftover(),
            ["a.b", "a.c", "l[0].k", "l[1].k", "e", "n"]
        );
        assert_eq!(fields.text("a.b"), Some("x"));
        assert_eq!(fields.obj("a").and_then(|a| a.int("c")), Some(3));
        assert_eq!(fields.list("l")[0].flag("k"), Some(true));
        assert_eq!(fields.flag("l[1].k"), None, "null is not a truth value");
        assert!(fields.obj("e").is_some());
        assert!(fields.list("n").is_empty());
        assert_eq!(fields.leftover(), ["l[1].k"]);
        assert_eq!(
            fields.take_leftover(),
            [("l[1].k".to_owned(), "null".to_owned())]
        );
        assert!(fields.leftover().is_empty());
    }

    #[test]
    fn a_wrong_type_is_not_taken() {
        let value = json!({"a": 5, "b": "7"});
        let fields = Fields::new(&value);
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.leftover(), ["a", "b"]);
        assert_eq!(fields.uint("b"), Some(7));
        assert_eq!(fields.any("a").as_deref(), Some("5"));
    }

    #[test]
    fn keys_with_dots_resolve_to_the_longest_key() {
        let value = json!({"content": {"m.relates_to": {"event_id": "$1"}, "m": {"x": 1}}});
        let fields = Fields::new(&value);
        assert_eq!(fields.text("content.m.relates_to.event_id"), Some("$1"));
        assert_eq!(fields.int("content.m.x"), Some(1));
        assert!(fields.leftover().is_empty());
    }

    #[test]
    fn documented_paths_are_covered_and_others_are_not() {
        let value =
            json!({"raw": {"a": 1, "b": [{"t": 2}]}, "x": [{"thumb_h": 1, "thumb_w": 2}], "y": 3});
        let fields = Fields::new(&value);
        let table = [
            LeftInOriginal {
                path: "raw.**",
                reason: "client state",
            },
            LeftInOriginal {
                path: "x[].thumb_*",
                reason: "of the thumbnail",
            },
        ];
        assert_eq!(fields.undocumented(&table), ["y"]);
    }

    #[test]
    fn the_debug_form_tells_no_content() {
        let value = json!({"secret": "marker"});
        assert_eq!(format!("{:?}", Fields::new(&value)), "Fields(0 taken)");
    }
}
