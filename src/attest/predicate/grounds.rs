//! What a result rests on, as policies ask for it: the names of the facts and steps,
//! without their values.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::Error;
use crate::model::{Equivalence, RecoveredFact, ReplayedFact};

/// What a result rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grounds {
    /// The names of the recovered facts that steered the build.
    pub recovered: Vec<String>,
    /// Whether published metadata was replayed.
    pub is_replayed: bool,
    /// The normalizers that made the files equal.
    pub normalizers: Vec<String>,
}

impl Grounds {
    /// Reads them from the predicate of a rebuild result. A field that is not there is
    /// an empty list; one of another shape is an error.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field that is of another shape.
    pub fn read(predicate: &Value) -> Result<Self, Error> {
        let recovered: Vec<RecoveredFact> = field(predicate, "recovered")?.unwrap_or_default();
        let replayed: Vec<ReplayedFact> = field(predicate, "replayed")?.unwrap_or_default();
        let equivalence: Option<Equivalence> = field(predicate, "equivalence")?.flatten();
        Ok(Self {
            recovered: recovered.iter().map(name_of).collect(),
            is_replayed: !replayed.is_empty(),
            normalizers: equivalence
                .into_iter()
                .flat_map(|equivalence| equivalence.applied)
                .map(|applied| applied.normalizer)
                .collect(),
        })
    }
}

fn field<T: DeserializeOwned>(predicate: &Value, name: &str) -> Result<Option<T>, Error> {
    let Some(value) = predicate.get(name) else {
        return Ok(None);
    };
    serde_json::from_value(value.clone())
        .map(Some)
        .map_err(|error| Error::Invalid(format!("its `{name}` cannot be read: {error}")))
}

/// A fact's name: its tag in JSON, which policies use too.
fn name_of(fact: &RecoveredFact) -> String {
    let value = serde_json::to_value(fact).expect("a fact is plain data and serialises");
    value["fact"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_named_and_what_is_not_there_is_none() {
        let grounds = Grounds::read(&json!({
            "recovered": [{"fact": "umask", "mask": 2}],
            "replayed": [{"replayed": "header-format", "members": 3}],
            "equivalence": null,
        }))
        .expect("reads");
        assert_eq!(grounds.recovered, ["umask"]);
        assert!(grounds.is_replayed && grounds.normalizers.is_empty());
        assert_eq!(
            Grounds::read(&json!({})).expect("reads"),
            Grounds::default()
        );
    }

    #[test]
    fn a_list_of_another_shape_is_no_empty_list() {
        for name in ["recovered", "replayed", "equivalence"] {
            let said = Grounds::read(&json!({name: "none"})).expect_err("a text");
            assert!(said.to_string().contains(name), "{said}");
        }
    }
}
