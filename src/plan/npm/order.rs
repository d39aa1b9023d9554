//! The order in which pnpm came to the packages of a workspace that a package asks for: it reads
//! their versions side by side, and writes each into `package.json` as it has it (pnpm 7 and
//! later, `createExportableManifest`, which is `Promise.all` over the names). Pure.

use serde_json::{Map, Value};

use super::super::Facts;

/// What puts the names in that order before the packer comes to them, and what it reads.
pub(super) const PROGRAM: (&str, &str) = ("order.cjs", include_str!("order.cjs"));
pub(super) const FILE: &str = "order.json";

/// What makes Node.js read files one after another, so that the first that is asked for comes
/// first (Node.js documentation, "Command-line API", `UV_THREADPOOL_SIZE`).
pub(super) const ONE_BY_ONE: &str = "UV_THREADPOOL_SIZE=1";

/// The maps whose names pnpm comes to so.
const MAPS: [&str; 4] = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];

/// How the source asks for a package of its workspace (pnpm documentation, "Workspace").
const OF_WORKSPACE: &str = "workspace:";

/// The most names that are put in order: an order of more could say more than a release does.
const MAX_NAMES: usize = 32;

/// The published order of names that the source has in another one.
pub(super) struct Order {
    /// Of each map the names, as JSON.
    pub(super) text: String,
    /// How many they are.
    pub(super) names: usize,
}

/// The order, where the published manifest has names of the workspace in another one than the
/// source's.
pub(super) fn told(facts: &Facts<'_>) -> Option<Order> {
    let parse = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).ok();
    let published = parse(facts.members.get("package.json")?)?;
    let source = parse(facts.tree.get("package.json")?)?;
    let mut all = Map::new();
    let mut names = 0;
    for map in MAPS {
        let (Some(before), Some(after)) = (source[map].as_object(), published[map].as_object())
        else {
            continue;
        };
        let is_of_workspace = |name: &&String| {
            let range = before.get(*name).and_then(Value::as_str);
            range.is_some_and(|range| range.starts_with(OF_WORKSPACE))
        };
        let own: Vec<&String> = before.keys().filter(is_of_workspace).collect();
        let ordered: Vec<&String> = after.keys().filter(is_of_workspace).collect();
        if own.len() == ordered.len() && own != ordered {
            names += ordered.len();
            all.insert(map.to_owned(), ordered.into_iter().cloned().collect());
        }
    }
    (1..=MAX_NAMES).contains(&names).then(|| Order {
        text: Value::Object(all).to_string(),
        names,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn of(source: &str, published: &str) -> Option<(String, usize)> {
        let mut situation = Situation::npm();
        let manifest = |map: &str| format!(r#"{{"dependencies":{{{map}}}}}"#);
        situation.tree_file("package.json", &manifest(source));
        situation.member("package.json", &manifest(published));
        situation.with_facts(|facts| told(facts).map(|order| (order.text, order.names)))
    }

    #[test]
    fn names_of_the_workspace_are_put_in_the_published_order_and_no_others() {
        let source = r#""a":"workspace:*","x":"1","b":"workspace:^","c":"workspace:~","y":"2""#;
        let published = r#""y":"2","x":"1","c":"1.0.0","a":"1.0.0","b":"^1.0.0""#;
        let order = r#"{"dependencies":["c","a","b"]}"#;
        assert_eq!(of(source, published), Some((order.to_owned(), 3)));
        // The same order, other names than the source's, and none of the workspace.
        for other in [
            r#""x":"1","a":"1.0.0","b":"^1.0.0","c":"~1.0.0""#,
            r#""c":"1.0.0","a":"1.0.0""#,
            r#""y":"2","x":"1""#,
        ] {
            assert_eq!(of(source, other), None, "{other}");
        }
        assert_eq!(of(r#""a":"1","b":"2""#, r#""b":"2","a":"1""#), None);
    }

    #[test]
    fn more_names_than_a_release_has_are_left_as_they_are() {
        let of_many = |many: usize| {
            let names = |range: &str| -> Vec<String> {
                (0..many)
                    .map(|nth| format!(r#""p{nth}":"{range}""#))
                    .collect()
            };
            let (source, mut published) = (names("workspace:*"), names("1.0.0"));
            published.reverse();
            of(&source.join(","), &published.join(",")).is_some()
        };
        assert!(of_many(MAX_NAMES));
        assert!(!of_many(MAX_NAMES + 1));
    }
}
