//! YAML as JSON's data model, for the workflows of a source: enough of YAML 1.2 for what
//! people write there. Scalars stay texts, since `18.10` is a version and no number. Pure.
//!
//! The text is from outside: what refers to another part of the document is refused, because a
//! few lines of that can stand for more than any memory holds, and so is what nests deeper
//! than people write.

use serde_json::{Map, Value};
use yaml_rust2::parser::{Event, Parser};

/// How deep lists and maps may nest; workflows need eight.
const MAX_DEPTH: usize = 32;

/// A list or a map whose end has not come yet.
enum Open {
    List(Vec<Value>),
    /// A map, and the key whose value comes next.
    Map(Map<String, Value>, Option<String>),
}

impl Open {
    fn take(&mut self, value: Value) {
        match self {
            Self::List(list) => list.push(value),
            Self::Map(map, key) => match key.take() {
                Some(key) => {
                    map.insert(key, value);
                }
                // A key that is itself a list or a map names nothing that is looked for.
                None => *key = Some(value.as_str().unwrap_or_default().to_owned()),
            },
        }
    }

    fn close(self) -> Value {
        match self {
            Self::List(list) => Value::Array(list),
            Self::Map(map, _) => Value::Object(map),
        }
    }
}

/// The first document of a text; none where it is not YAML, or refers to parts of itself.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let (event, _) = parser.next_token().ok()?;
        let value = match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart => continue,
            Event::Alias(_) | Event::StreamEnd | Event::DocumentEnd => return None,
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                None
            }
            Event::Scalar(text, ..) => Some(Value::String(text)),
            Event::SequenceEnd | Event::MappingEnd => Some(open.pop()?.close()),
        };
        if open.len() > MAX_DEPTH {
            return None;
        }
        match (value, open.last_mut()) {
            (Some(value), Some(above)) => above.take(value),
            (Some(value), None) => return Some(value),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_maps_and_blocks_are_read_and_scalars_stay_texts() {
        let text = "a:\n  - x: 18.10\n    run: |\n      one\n      two\n  - 'q'\nb: [1, {c: d}]\n";
        let expected =
            json!({"a": [{"x": "18.10", "run": "one\ntwo\n"}, "q"], "b": ["1", {"c": "d"}]});
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("? [k]\n: v\n"), Some(json!({"": "v"})));
    }

    #[test]
    fn what_is_no_yaml_or_refers_to_itself_is_refused() {
        assert_eq!(parse("a: &x [1]\nb: *x\n"), None);
        assert_eq!(parse("a: [1\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn nesting_ends_at_its_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_some());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_none());
        assert!(parse(&"- ".repeat(100_000)).is_none());
    }
}
