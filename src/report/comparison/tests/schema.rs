//! The JSON fits `docs/comparison.schema.json`. The checker knows the keywords that
//! the schema uses and refuses any other, so that none is silently passed over.

use serde_json::Value;

use super::*;

const SCHEMA: &str = include_str!("../../../../docs/comparison.schema.json");

/// Says where `value` does not fit `schema` (JSON Schema 2020-12).
fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let rules = schema.as_object().ok_or("a schema is an object")?;
    for (keyword, rule) in rules {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = rule.as_str().and_then(|r| r.strip_prefix('#'));
                let target = pointer
                    .and_then(|p| root.pointer(p))
                    .ok_or("no such $ref")?;
                check(root, target, value, at)?;
                true
            }
            "type" => match rule.as_str().ok_or("one type")? {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                other => return Err(format!("the checker does not know the type {other}")),
            },
            "const" => value == rule,
            "enum" => rule.as_array().ok_or("a list")?.contains(value),
            "minimum" => value.as_u64() >= rule.as_u64(),
            "minItems" => value.as_array().map(|a| a.len() as u64) >= rule.as_u64(),
            "minLength" | "maxLength" => {
                let length = value.as_str().map(|s| s.chars().count() as u64);
                match keyword.as_str() {
                    "minLength" => length >= rule.as_u64(),
                    _ => length <= rule.as_u64(),
                }
            }
            "required" => {
                let names = rule.as_array().ok_or("a list")?;
                names
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap_or_default()).is_some())
            }
            "properties" => {
                for (name, rule) in rule.as_object().ok_or("an object")? {
                    if let Some(member) = value.get(name) {
                        check(root, rule, member, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                let names = value.as_object().map(|object| object.keys());
                *rule == Value::Bool(false)
                    && names.is_none_or(|mut names| {
                        names.all(|name| known.is_some_and(|known| known.contains_key(name)))
                    })
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}/{index}"))?;
                }
                true
            }
            "oneOf" => {
                let options = rule.as_array().ok_or("a list")?.iter();
                let results: Vec<_> = options.map(|o| check(root, o, value, at)).collect();
                if results.iter().filter(|r| r.is_ok()).count() != 1 {
                    return Err(format!("{at}: not one of the forms: {results:?}"));
                }
                true
            }
            other => return Err(format!("the checker does not know {other}")),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}

fn fits(value: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    check(&schema, &schema, value, "")
}

fn json(comparison: &Comparison) -> Value {
    serde_json::from_str(&to_json(&files(), comparison)).expect("json")
}

#[test]
fn every_situation_fits_the_schema() {
    for (name, comparison) in situations() {
        assert_eq!(fits(&json(&comparison)), Ok(()), "{name}");
    }
}

#[test]
fn the_schema_knows_every_cause_severity_and_kind() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    assert_eq!(schema["$defs"]["cause"]["enum"], serde_json::json!(causes));
    for kind in [
        DifferenceKind::ExtraMember,
        DifferenceKind::MissingMember,
        DifferenceKind::Content,
        DifferenceKind::MemberMetadata,
        DifferenceKind::Order,
        DifferenceKind::Container,
        DifferenceKind::Unreadable,
    ] {
        for severity in [Severity::Payload, Severity::Generated, Severity::Metadata] {
            let one = difference("", kind, Cause::Unknown, severity, "");
            let comparison = Comparison::Differs(Box::new(differs(vec![one], &[])));
            assert_eq!(fits(&json(&comparison)), Ok(()));
        }
    }
}

#[test]
fn the_schema_refuses_what_is_not_such_a_document() {
    let good = json(&payload_with_an_extra_member());
    for (pointer, bad) in [
        ("/format", serde_json::json!(2)),
        ("/comparison/outcome", serde_json::json!("identical")),
        ("/comparison/differences", serde_json::json!([])),
        ("/comparison/differences/0/cause", serde_json::json!("luck")),
        ("/comparison/published", serde_json::json!("abc")),
        ("/published/size", serde_json::json!(-1)),
        (
            "/rebuilt",
            serde_json::json!({"name": "x", "size": 1, "more": 1}),
        ),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).expect("is there") = bad;
        assert!(fits(&document).is_err(), "{pointer}");
    }
}
