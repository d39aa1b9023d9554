//! Canonical JSON, as two specifications want it of what is signed or hashed. Both
//! sort keys and leave no white space; they differ in strings.

use serde_json::Value;

/// OLPC's canonical JSON, which in-toto links are signed over (in-toto specification
/// v1.0, section 4.1): only quotes and backslashes are escaped.
pub(super) fn olpc(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (index, (name, item)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(&Value::String(name.clone()), out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_only_quotes_and_backslashes_escaped() {
        let value = serde_json::json!({"b": [1, null, true], "a": "q\"\\\né"});
        let text = String::from_utf8(olpc(&value)).expect("UTF-8");
        assert_eq!(text, "{\"a\":\"q\\\"\\\\\né\",\"b\":[1,null,true]}");
    }
}
