//! The plan that compresses a file with the very Node.js that packs by another plan, which is
//! the one that writes the streams of its zlib. Nothing else of that plan is in it. Pure.

use std::collections::BTreeMap;

use super::install::words;
use super::steps::{PACKER, RUNNER};
use crate::model::{DatedBy, Input, Limits, Network, Plan, Step, WORK_DIR, Yanked};

/// What compresses, and where that is below the work folder.
const PROGRAM: (&str, &str) = ("deflate.cjs", include_str!("deflate.cjs"));

/// Where the stream is then, below the work folder.
const STREAM: &str = "out/stream";

/// The plan that compresses the file `content` of the source; none where `plan` packs with
/// no Node.js that was put in its container, as one that a person wrote may.
pub(in crate::plan) fn plan(plan: &Plan, content: &str, level: u8) -> Option<Plan> {
    let node = packing_node(plan)?;
    let run = format!(
        "{WORK_DIR}/{}/bin/node {WORK_DIR}/{} {content} {WORK_DIR}/{STREAM} {level}",
        node.unpack_to, PROGRAM.0
    );
    Some(Plan {
        image: plan.image.clone(),
        cutoff: None,
        dated_by: DatedBy::default(),
        yanked: Yanked::default(),
        build_network: Network::None,
        output: STREAM.into(),
        prepare: vec![],
        build: vec![Step::new(words(&run), "src".into())],
        env: BTreeMap::new(),
        files: BTreeMap::from([(PROGRAM.0.into(), PROGRAM.1.into())]),
        inputs: vec![node.clone()],
        recovered: vec![],
        crlf: None,
        plain_modes: false,
        limits: Limits::default(),
    })
}

/// The Node.js that packs.
fn packing_node(plan: &Plan) -> Option<&Input> {
    let at = |folder| plan.inputs.iter().find(|input| input.unpack_to == folder);
    at(PACKER.0).or_else(|| at(RUNNER.0))
}

#[cfg(test)]
mod tests {
    use super::super::super::RegistryTool;
    use super::super::NODE_PACKAGE;
    use super::*;
    use crate::model::{Digest, Purl};

    fn packed_with(folders: &[(&str, &str)]) -> Plan {
        let text = r#"{"image":"node","build_network":"none","output":"out/a.tgz","prepare":[{"run":["npm","ci"],"cwd":"src"}],"build":[],"env":{"A":"b"},"files":{"c":"d"}}"#;
        let mut plan: Plan = serde_json::from_str(text).expect("a plan");
        plan.inputs = folders
            .iter()
            .map(|(folder, version)| {
                let tool = RegistryTool {
                    purl: Purl::new(crate::model::Ecosystem::Npm, NODE_PACKAGE, Some(version))
                        .expect("a package"),
                    name: format!("{version}.tgz"),
                    digest: Digest::Sha256(crate::model::Sha256Digest::of(version)),
                };
                tool.input(folder)
            })
            .collect();
        plan
    }

    #[test]
    fn what_packs_compresses_and_nothing_else_of_the_plan_comes_along() {
        let theirs = packed_with(&[(RUNNER.0, "20.20.2"), (PACKER.0, "22.23.3")]);
        let ours = plan(&theirs, "content", 9).expect("a plan");
        assert_eq!(ours.inputs, theirs.inputs[1..]);
        assert_eq!(
            ours.build[0].run.join(" "),
            "/build/tools/packing-node/bin/node /build/deflate.cjs content /build/out/stream 9"
        );
        assert!(ours.prepare.is_empty() && ours.env.is_empty());
        assert_eq!(ours.build_network, Network::None);
        assert_eq!(ours.files.keys().collect::<Vec<_>>(), [PROGRAM.0]);
    }

    #[test]
    fn where_one_node_does_both_it_compresses_and_without_one_there_is_no_plan() {
        let theirs = packed_with(&[(RUNNER.0, "20.20.2"), (RUNNER.1, "10.9.9")]);
        let ours = plan(&theirs, "content", 6).expect("a plan");
        assert_eq!(ours.inputs, theirs.inputs[..1]);
        assert!(plan(&packed_with(&[("node", "20.20.2")]), "content", 6).is_none());
    }
}
