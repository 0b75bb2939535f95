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

/// An example of a schema; `None` when nothing can be said.
fn of(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let given = schema.get("example").or_else(|| schema["examples"].get(0));
    if let Some(example) = given.or_else(|| schema.get("const")) {
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
                .filter_map(|(name, field)| Some((name.clone(), of(field, schemas, depth + 1)?)))
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
