//! A merge patch on settings ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)); pure.

use serde_json::{Map, Value};

use super::IndexSettings;
use super::fields::{self, Effect, Field};

/// The parts of an embedding model, which the table has as one.
const MODEL: [&str; 4] = ["url", "model", "dimensions", "azure_api_version"];
/// How deep settings are nested, with room.
const DEEPEST: usize = 8;

/// Settings after a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// As they are to be stored.
    pub settings: IndexSettings,
    /// What differs from before, in the order of the table.
    pub fields: Vec<&'static Field>,
}

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotChanged {
    /// What is wrong, each with the field's name in front.
    Invalid(Vec<String>),
    /// These cannot be changed.
    Fixed(Vec<&'static str>),
    /// These take another generation of the index.
    NeedsGeneration(Vec<&'static str>),
}

/// Applies a merge patch, and says which settings it changes.
///
/// # Errors
/// When it names what is no setting, or the settings would be wrong with it.
pub fn change(current: &IndexSettings, patch: &Value) -> Result<Changed, NotChanged> {
    let invalid = |problem: String| NotChanged::Invalid(vec![problem]);
    let leaves = settings_in(patch)?;
    let before = serde_json::to_value(current).map_err(|error| invalid(error.to_string()))?;
    let mut after = before.clone();
    merge(&mut after, patch);
    let mut settings: IndexSettings = serde_json::from_value(after).map_err(|error| {
        let culprit = leaves.iter().find_map(|leaf| fails_alone(&before, leaf));
        invalid(culprit.unwrap_or_else(|| error.to_string()))
    })?;
    settings.prefix = settings.prefix.trim_matches('/').to_owned();
    let after = serde_json::to_value(&settings).map_err(|error| invalid(error.to_string()))?;
    let changed: Vec<&'static Field> = fields::FIELDS
        .iter()
        .filter(|field| {
            let pointer = format!("/{}", field.name.replace('.', "/"));
            before.pointer(&pointer) != after.pointer(&pointer)
        })
        .collect();
    let with = |effect: Effect| -> Vec<&'static str> {
        let these = changed.iter().filter(|field| field.effect == effect);
        these.map(|field| field.name).collect()
    };
    let fixed = with(Effect::Fixed);
    if !fixed.is_empty() {
        return Err(NotChanged::Fixed(fixed));
    }
    let generation = with(Effect::NewGeneration);
    if !generation.is_empty() {
        return Err(NotChanged::NeedsGeneration(generation));
    }
    let problems = settings.problems(settings.embedding.is_some());
    if !problems.is_empty() {
        return Err(NotChanged::Invalid(problems));
    }
    Ok(Changed {
        settings,
        fields: changed,
    })
}

/// Does a patch name nothing but settings? What does not is wrong for every index.
///
/// # Errors
/// When it names what is no setting, or is no patch at all.
pub fn check_names(patch: &Value) -> Result<(), NotChanged> {
    settings_in(patch).map(drop)
}

/// The settings that a patch names, with what it sets them to.
fn settings_in(patch: &Value) -> Result<Vec<Leaf<'_>>, NotChanged> {
    if !patch.is_object() {
        let problem = "the patch must be a JSON object with the settings to change";
        return Err(NotChanged::Invalid(vec![problem.to_owned()]));
    }
    let mut leaves = Vec::new();
    leaves_of(patch, &mut Vec::new(), &mut leaves)?;
    let unknown: Vec<String> = leaves
        .iter()
        .filter(|(place, _)| !is_setting(place))
        .map(|(place, _)| {
            format!(
                "{}: there is no such setting; GET /index-settings lists them",
                place.join(".")
            )
        })
        .collect();
    if unknown.is_empty() {
        Ok(leaves)
    } else {
        Err(NotChanged::Invalid(unknown))
    }
}

type Leaf<'a> = (Vec<String>, &'a Value);

/// The values that a patch sets, with their places.
fn leaves_of<'a>(
    value: &'a Value,
    place: &mut Vec<String>,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<(), NotChanged> {
    if place.len() > DEEPEST {
        let problem = format!("{}: settings are not nested so deeply", place.join("."));
        return Err(NotChanged::Invalid(vec![problem]));
    }
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                place.push(name.clone());
                leaves_of(value, place, leaves)?;
                place.pop();
            }
        }
        // An empty patch changes nothing.
        Value::Object(_) if place.is_empty() => {}
        _ => leaves.push((place.clone(), value)),
    }
    Ok(())
}

/// Does the place name a setting, a part of one, or a section of settings?
fn is_setting(place: &[String]) -> bool {
    let name = place.join(".");
    if let Some(part) = name.strip_prefix("embedding.") {
        return MODEL.contains(&part);
    }
    let is_section = || {
        let below = |field: &Field| {
            field
                .name
                .strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        fields::FIELDS.iter().any(below) || name == "retry"
    };
    fields::field_of(&name).is_some() || is_section()
}

/// What is wrong with one value of a patch, if the settings cannot be read with it alone.
fn fails_alone(before: &Value, (place, value): &Leaf<'_>) -> Option<String> {
    let patch = place.iter().rev().fold((*value).clone(), |inner, name| {
        Value::Object(Map::from_iter([(name.clone(), inner)]))
    });
    let mut after = before.clone();
    merge(&mut after, &patch);
    let error = serde_json::from_value::<IndexSettings>(after).err()?;
    Some(format!("{}: {error}", place.join(".")))
}

/// The merge of RFC 7396, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (name, value) in members {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests;
