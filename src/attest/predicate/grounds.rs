//! What a result rests on, as policies ask for it: the names of the facts and steps,
//! without their values.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::Error;
use crate::model::{Equivalence, RecoveredFact, ReplayedFact, SdistLink};

/// What kind of source a result was built from, as far as it is tied to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A commit.
    Git,
    /// A source distribution of which every file is the commit's or a packer's.
    LinkedSdist,
    /// A source distribution that was not held against a commit.
    Sdist,
    /// A source distribution that holds what its commit does not.
    BrokenSdist,
}

impl Basis {
    /// The name in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::LinkedSdist => "linked-sdist",
            Self::Sdist => "sdist",
            Self::BrokenSdist => "broken-sdist",
        }
    }

    /// Reads it from the predicate of a rebuild result; none where no source is named.
    fn read(predicate: &Value) -> Result<Option<Self>, Error> {
        let link: Option<SdistLink> = field(predicate, "sdist")?.flatten();
        let of_sdist = || match link {
            Some(link) if link.is_whole() => Self::LinkedSdist,
            Some(link) if link.is_broken() => Self::BrokenSdist,
            Some(_) | None => Self::Sdist,
        };
        let source = &predicate["source"];
        Ok(if source["git"].is_object() {
            Some(Self::Git)
        } else {
            source["sdist"].is_object().then(of_sdist)
        })
    }
}

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
    /// The source, where the result names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
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
            basis: Basis::read(predicate)?,
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
    fn a_source_distribution_is_linked_only_where_nothing_in_it_is_strange() {
        let of = |sdist: Value| {
            let predicate = json!({"source": {"sdist": {"name": "x"}}, "sdist": sdist});
            Grounds::read(&predicate).map(|grounds| grounds.basis)
        };
        let none = json!({"count": 0, "first": []});
        let one = json!({"count": 1, "first": [{"path": "m4/x", "sha256": "0".repeat(64)}]});
        let held = json!({
            "name": "x", "sha256": null, "link": "held", "repository": "https://git.example/o/r",
            "commit": "a".repeat(40), "tag": "v1", "directory": "", "files": 3, "same": 3,
            "line_ends": 0, "generated": [], "changed": none, "unknown": none,
            "made_executable": none, "left_out": 0,
        });
        assert_eq!(of(held.clone()).expect("reads"), Some(Basis::LinkedSdist));
        for kind in ["changed", "unknown", "made_executable"] {
            let mut broken = held.clone();
            broken[kind] = one.clone();
            assert_eq!(of(broken).expect("reads"), Some(Basis::BrokenSdist));
        }
        let not_held = json!({"name": "x", "sha256": null, "link": "not-held", "reason": "y"});
        assert_eq!(of(not_held).expect("reads"), Some(Basis::Sdist));
        assert_eq!(of(Value::Null).expect("reads"), Some(Basis::Sdist));
        assert!(of(json!("whole")).is_err());
        let git = json!({"source": {"git": {"commit": "a"}}});
        assert_eq!(Grounds::read(&git).expect("reads").basis, Some(Basis::Git));
        let none = json!({"source": null});
        assert_eq!(Grounds::read(&none).expect("reads").basis, None);
    }

    #[test]
    fn a_list_of_another_shape_is_no_empty_list() {
        for name in ["recovered", "replayed", "equivalence"] {
            let said = Grounds::read(&json!({name: "none"})).expect_err("a text");
            assert!(said.to_string().contains(name), "{said}");
        }
    }
}
