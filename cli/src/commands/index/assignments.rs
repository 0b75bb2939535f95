//! `KEY=VALUE` on the command line, as JSON for the API.

use serde_json::{Map, Value};
use shared::index_settings::fields::FIELDS;

/// A setting and what it shall be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    /// Its place in the settings.
    place: Vec<String>,
    value: Value,
}

impl std::str::FromStr for Assignment {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            format!("{text:?} sets nothing: write KEY=VALUE, for example chunking.size=300")
        })?;
        if key.split('.').any(str::is_empty) {
            return Err(format!(
                "{key:?} is no setting: `longshore index settings` lists them"
            ));
        }
        Ok(Self {
            place: key.split('.').map(str::to_owned).collect(),
            value: read(key, value),
        })
    }
}

/// A value as the setting holds it: text stays text, lists may be written with commas, the rest is JSON. What a setting
/// may hold is for the API to say.
fn read(key: &str, value: &str) -> Value {
    let json = || serde_json::from_str(value).ok();
    let text = || Value::String(value.to_owned());
    let kind = FIELDS
        .iter()
        .find(|field| field.name == key)
        .map_or("", |field| field.kind);
    match json() {
        Some(Value::Null) => Value::Null,
        Some(list @ Value::Array(_)) => list,
        _ if kind.starts_with("text") => text(),
        _ if kind.starts_with("list") => value
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(Value::from)
            .collect(),
        Some(other) => other,
        None => text(),
    }
}

/// All of them as one object. Of two for one place the last counts.
pub(super) fn object(assignments: &[Assignment]) -> Map<String, Value> {
    let mut all = Map::new();
    for assignment in assignments {
        put(&mut all, &assignment.place, assignment.value.clone());
    }
    all
}

fn put(into: &mut Map<String, Value>, place: &[String], value: Value) {
    match place {
        [] => {}
        [last] => {
            into.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let below = into
                .entry(first.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                put(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_their_setting_holds() {
        let texts = [
            "prefix=2024",
            "language=german",
            "files.include=**/*.md, docs/**",
            "files.exclude=[\"a,b\"]",
            "chunking.size=300",
            "approval.decide_after_seconds=null",
            "chunking.unit=tokens",
            "retry.embed.max_attempts=9",
            "embedding={\"model\":\"x\"}",
            "files.skip_types=",
            "new.thing=true",
            "chunking.size=400",
        ];
        let read: Vec<Assignment> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let wanted = json!({
            "prefix": "2024",
            "language": "german",
            "files": { "include": ["**/*.md", "docs/**"], "exclude": ["a,b"], "skip_types": [] },
            "chunking": { "size": 400, "unit": "tokens" },
            "approval": { "decide_after_seconds": null },
            "retry": { "embed": { "max_attempts": 9 } },
            "embedding": { "model": "x" },
            "new": { "thing": true }
        });
        assert_eq!(Value::Object(object(&read)), wanted);
        for bad in ["x", "=1", "a..b=1", ".=1"] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }
}
