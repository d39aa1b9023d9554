//! Plans that compress a file with a Node.js, which is what writes the streams of its zlib: with
//! the very one that packs by another plan, of which nothing else is in it, or with one of each
//! family that may have written a stream. Pure.

use std::collections::BTreeMap;

use super::super::{GzipMarks, NodeZlib, RegistryTool, ZlibProbe};
use super::family::{FROM_12, FROM_18};
use super::install::words;
use super::steps::{PACKER, RUNNER};
use super::{NODE_PACKAGE, purl};
use crate::model::{DatedBy, Input, Limits, Network, Plan, Step, WORK_DIR, Yanked};

/// What compresses, and where that is below the work folder.
const PROGRAM: (&str, &str) = ("deflate.cjs", include_str!("deflate.cjs"));

/// Where the stream is then, below the work folder.
const STREAM: &str = "out/stream";

/// The plan that compresses the file `content` of the source; none where `plan` packs with
/// no Node.js that was put in its container, as one that a person wrote may.
pub(in crate::plan) fn plan(plan: &Plan, content: &str, level: u8) -> Option<Plan> {
    let node = packing_node(plan)?;
    Some(compressing(&plan.image, node.clone(), content, level))
}

/// The image that holds what Node.js needs.
const IMAGE: &str = "node";

/// The level that zlib has by itself (zlib manual, `Z_DEFAULT_COMPRESSION`).
const OWN_LEVEL: u8 = 6;

/// The plan that compresses the file `content` of the source as packers do that leave the level
/// to zlib.
pub(in crate::plan) fn probing(node: &RegistryTool, content: &str) -> Plan {
    compressing(IMAGE, node.input(RUNNER.0), content, OWN_LEVEL)
}

/// A Node.js of each family that may have written a stream, where the level is zlib's own and
/// the reference zlib, which is asked without running anything, did not. At the
/// slowest level there are two families, and that one is the first of them.
pub(in crate::plan) fn zlib_probes(gzip: Option<GzipMarks>) -> Vec<ZlibProbe> {
    let is_open = |marks: GzipMarks| marks.xfl == 0 && marks.reference_level.is_none();
    if !gzip.is_some_and(is_open) {
        return Vec::new();
    }
    [(NodeZlib::From18, FROM_18), (NodeZlib::Of12To16, FROM_12)]
        .into_iter()
        .filter_map(|(zlib, version)| {
            let node = purl(NODE_PACKAGE, version)?;
            Some(ZlibProbe { zlib, node })
        })
        .collect()
}

fn compressing(image: &str, node: Input, content: &str, level: u8) -> Plan {
    let run = format!(
        "{WORK_DIR}/{}/bin/node {WORK_DIR}/{} {content} {WORK_DIR}/{STREAM} {level}",
        node.unpack_to, PROGRAM.0
    );
    Plan {
        image: image.to_owned(),
        cutoff: None,
        dated_by: DatedBy::default(),
        yanked: Yanked::default(),
        build_network: Network::None,
        output: STREAM.into(),
        prepare: vec![],
        build: vec![Step::new(words(&run), "src".into())],
        env: BTreeMap::new(),
        files: BTreeMap::from([(PROGRAM.0.into(), PROGRAM.1.into())]),
        inputs: vec![node],
        recovered: vec![],
        crlf: None,
        plain_modes: false,
        limits: Limits::default(),
    }
}

/// The Node.js that packs.
fn packing_node(plan: &Plan) -> Option<&Input> {
    let at = |folder| plan.inputs.iter().find(|input| input.unpack_to == folder);
    at(PACKER.0).or_else(|| at(RUNNER.0))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::marks;
    use super::super::family;
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

    #[test]
    fn a_node_of_each_family_is_asked_where_marks_leave_it_open() {
        let asked = |xfl, reference_level| {
            let probes = zlib_probes(Some(marks(xfl, 255, reference_level)));
            let zlibs = probes.into_iter().map(|probe| probe.zlib);
            zlibs.collect::<Vec<_>>()
        };
        assert_eq!(asked(0, None), [NodeZlib::From18, NodeZlib::Of12To16]);
        assert_eq!(asked(0, Some(6)), []);
        assert_eq!(asked(2, None), []);
        assert!(zlib_probes(None).is_empty());
        for probe in zlib_probes(Some(marks(0, 3, None))) {
            let version = probe.node.version().expect("pinned").as_str();
            assert_eq!(family::zlib_of(version), Some(probe.zlib));
        }
    }

    #[test]
    fn what_is_asked_compresses_at_zlibs_own_level_and_reaches_nothing() {
        let node = RegistryTool {
            purl: purl(NODE_PACKAGE, FROM_18).expect("a package"),
            name: "node.tgz".into(),
            digest: Digest::Sha256(crate::model::Sha256Digest::of("node")),
        };
        let plan = probing(&node, "content");
        assert_eq!(
            plan.build[0].run.join(" "),
            "/build/tools/node/bin/node /build/deflate.cjs content /build/out/stream 6"
        );
        assert_eq!(plan.build_network, Network::None);
        assert_eq!(plan.inputs.len(), 1);
    }
}
