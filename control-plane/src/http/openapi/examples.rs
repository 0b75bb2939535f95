//! Examples of bodies and answers, made of the examples of their fields, so that none is written twice or forgotten.

use serde_json::{Map, Value, json};

/// Deepest nesting; what refers to itself ends here.
const DEEPEST: usize = 8;

/// Gives every body and every answer of an operation an example, unless it has one.
pub(super) fn add(operation: &mut Value, schemas: &Value) {
    let mut contents: Vec<&mut Value> = Vec::new();
    let Some(operation) = operation.as_object_mut() else {
        return;
    };
    for (part, value) in operation.iter_mut() {
        match part.as_str() {
            "requestBody" => contents.push(value),
            "responses" => {
                let answers = value.as_object_mut().into_iter().flatten();
                contents.extend(
                    answers
                        .filter(|(status, _)| *status != "default")
                        .map(|(_, answer)| answer),
                );
            }
            _ => {}
        }
    }
    for content in contents {
        let kinds = content.get_mut("content").and_then(Value::as_object_mut);
        for (kind, media) in kinds.into_iter().flatten() {
            let has_one = media.get("example").is_some() || media.get("examples").is_some();
            if has_one || !kind.contains("json") || kind == "application/problem+json" {
                continue;
            }
            if let Some(example) = of(&media["schema"], schemas, 0)
                && let Some(media) = media.as_object_mut()
            {
                media.insert("example".to_owned(), example);
            }
        }
    }
}

/// What the schema itself gives as an example.
fn given(schema: &Value) -> Option<&Value> {
    schema.get("example").or_else(|| schema["examples"].get(0))
}

/// Examples of fields that mean the same wherever they are.
fn usual(name: &str) -> Option<Value> {
    Some(match name {
        "query" => json!("how do I rotate a key"),
        "language" => json!("english"),
        "prefix" => json!("guides"),
        "limit" => json!(10),
        "text" | "snippet" => json!("Give a key a new secret before the old one ends."),
        "heading_path" => json!(["Keys", "Rotation"]),
        "mime" => json!("text/markdown"),
        "etag" => json!("0x8DCB2A5F3E7D1C0"),
        "converter" => json!("native"),
        "owner" => json!("index-processor-1"),
        "code" => json!("too_large"),
        "message" => json!("the file is larger than 64 MiB"),
        name if name.ends_with("_at") => json!(1_767_225_600_000_i64),
        name if name.ends_with("_bytes") => json!(4096),
        _ => return None,
    })
}

/// Is a value of the type that a field has?
fn fits(value: &Value, field: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str() {
        Some("string") => value.is_string(),
        Some("integer" | "number") => value.is_number(),
        Some("array") => value.is_array(),
        _ => false,
    };
    // A text with a form of its own is better made from that.
    let free = field.get("format").is_none() || !value.is_string();
    let kind = &field["type"];
    free && kind
        .as_array()
        .map_or_else(|| is(kind), |kinds| kinds.iter().any(is))
}

/// An example of a schema; `None` when nothing can be said.
fn of(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let example = given(schema);
    if let Some(example) = example
        .or_else(|| schema.get("default"))
        .or_else(|| schema.get("const"))
    {
        return Some(example.clone());
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return of(&schemas[name], schemas, depth + 1);
    }
    if let Some(first) = schema["enum"].get(0) {
        return Some(first.clone());
    }
    for choice in ["oneOf", "anyOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        let mut choices = choices.filter(|choice| choice["type"] != "null");
        if let Some(found) = choices.find_map(|choice| of(choice, schemas, depth + 1)) {
            return Some(found);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Some(Value::Object(part)) = of(part, schemas, depth + 1) {
                whole.extend(part);
            }
        }
        return Some(whole.into());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind? {
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let fields = properties
                .filter_map(|(name, field)| {
                    let usual = || usual(name).filter(|usual| fits(usual, field));
                    let example = given(field).cloned().or_else(usual);
                    Some((name.clone(), example.or_else(|| of(field, schemas, depth + 1))?))
                })
                .collect::<Map<_, _>>();
            Some(fields.into())
        }
        "array" => Some(of(&schema["items"], schemas, depth + 1).map_or(json!([]), |item| json!([item]))),
        "string" if schema["format"] == "uuid" => Some(json!("0198c0de-7a11-7000-8000-000000000001")),
        "string" => Some(json!("text")),
        "integer" => Some(schema.get("minimum").cloned().unwrap_or(json!(1))),
        "number" => Some(json!(0.5)),
        "boolean" => Some(json!(true)),
        _ => None,
    }
}
