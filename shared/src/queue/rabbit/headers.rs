//! Headers of messages as JSON, for people and for storage.

use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value, json};

/// A table as an object. Bytes that are no UTF-8 are replaced, numbers that JSON does not know become null.
pub(super) fn to_json(table: &FieldTable) -> Value {
    let fields = table
        .inner()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value_to_json(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value_to_json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => json!(value),
        AMQPValue::ShortShortInt(value) => json!(value),
        AMQPValue::ShortShortUInt(value) => json!(value),
        AMQPValue::ShortInt(value) => json!(value),
        AMQPValue::ShortUInt(value) => json!(value),
        AMQPValue::LongInt(value) => json!(value),
        AMQPValue::LongUInt(value) => json!(value),
        AMQPValue::LongLongInt(value) => json!(value),
        AMQPValue::Float(value) => json!(value),
        AMQPValue::Double(value) => json!(value),
        AMQPValue::DecimalValue(value) => json!(f64::from(value.value) / 10_f64.powi(value.scale.into())),
        AMQPValue::ShortString(value) => json!(value.as_str()),
        AMQPValue::LongString(value) => json!(String::from_utf8_lossy(value.as_bytes())),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(value_to_json).collect(),
        AMQPValue::Timestamp(seconds) => json!(seconds),
        AMQPValue::FieldTable(table) => to_json(table),
        AMQPValue::ByteArray(value) => json!(String::from_utf8_lossy(value.as_slice())),
        AMQPValue::Void => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_tables_and_odd_values_are_shown() {
        let mut death = FieldTable::default();
        death.insert("time".into(), AMQPValue::Timestamp(5));
        death.insert("reason".into(), AMQPValue::LongString("rejected".into()));
        let mut table = FieldTable::default();
        table.insert("x-death".into(), AMQPValue::FieldArray(vec![death.into()].into()));
        table.insert("odd".into(), AMQPValue::Double(f64::NAN));
        table.insert("raw".into(), AMQPValue::LongString(vec![b'a', 0xff].into()));
        assert_eq!(
            to_json(&table),
            json!({ "x-death": [{ "time": 5, "reason": "rejected" }], "odd": null, "raw": "a\u{fffd}" })
        );
    }
}
