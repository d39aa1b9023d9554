//! How much a changed content matters: whether a tool writes that member about the
//! package. May import `model`; pure. It must never call anything generated but what its
//! place in an artifact of a known kind shows to be.

use serde_json::Value;

use crate::model::{ArtifactKind, Severity};

/// Files that a tool writes about the package: their place decides, so that a
/// file of the same name elsewhere stays payload.
pub(super) fn of(path: &str, kind: ArtifactKind, texts: Option<(&str, &str)>) -> Severity {
    let parts: Vec<&str> = path.split('/').collect();
    let generated = match (kind, parts.as_slice()) {
        (ArtifactKind::Crate, [_, "Cargo.lock"]) => true,
        (ArtifactKind::Crate, [_, ".cargo_vcs_info.json"]) => {
            texts.is_some_and(|(a, b)| only_vcs_state_differs(a, b))
        }
        // The wheel specification (PEP 427), "File contents".
        (
            ArtifactKind::PureWheel | ArtifactKind::PlatformWheel,
            [folder, "RECORD" | "WHEEL" | "METADATA"],
        ) => folder.ends_with(".dist-info"),
        (ArtifactKind::Sdist, [_, "PKG-INFO"]) => true,
        (ArtifactKind::Sdist, [_, .., folder, "PKG-INFO"]) => folder.ends_with(".egg-info"),
        _ => false,
    };
    if generated {
        Severity::Generated
    } else {
        Severity::Payload
    }
}

/// Whether two `.cargo_vcs_info.json` differ in nothing but the commit, whether
/// the tree was clean, and the package's folder: the fields that cargo writes.
fn only_vcs_state_differs(a: &str, b: &str) -> bool {
    let rest = |text: &str| -> Option<Value> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let top = value.as_object_mut()?;
        if top
            .remove("path_in_vcs")
            .is_some_and(|path| !path.is_string())
        {
            return None;
        }
        let git = top.get_mut("git")?.as_object_mut()?;
        let commit = git.remove("sha1")?;
        if !commit
            .as_str()?
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
        {
            return None;
        }
        if git.remove("dirty").is_some_and(|dirty| !dirty.is_boolean()) {
            return None;
        }
        Some(value)
    };
    matches!((rest(a), rest(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_known_by_their_place_too() {
        let at = |path, kind| of(path, kind, None);
        let (wheel, krate) = (ArtifactKind::PureWheel, ArtifactKind::Crate);
        assert_eq!(at("x-1.dist-info/RECORD", wheel), Severity::Generated);
        assert_eq!(at("x/RECORD", wheel), Severity::Payload);
        assert_eq!(
            at("x-1.dist-info/entry_points.txt", wheel),
            Severity::Payload
        );
        assert_eq!(at("x-1/Cargo.lock", krate), Severity::Generated);
        assert_eq!(at("x-1/fixtures/Cargo.lock", krate), Severity::Payload);
        assert_eq!(at("x-1/Cargo.toml", krate), Severity::Payload);
        let sdist = ArtifactKind::Sdist;
        assert_eq!(at("x-1/PKG-INFO", sdist), Severity::Generated);
        assert_eq!(
            at("x-1/src/x.egg-info/PKG-INFO", sdist),
            Severity::Generated
        );
        assert_eq!(at("x-1/src/PKG-INFO", sdist), Severity::Payload);
    }

    #[test]
    fn vcs_info_is_generated_only_where_nothing_but_the_state_differs() {
        let at = |a: &str, b: &str| {
            of(
                "x-1/.cargo_vcs_info.json",
                ArtifactKind::Crate,
                Some((a, b)),
            )
        };
        let commit = |c: &str| format!(r#"{{"git":{{"sha1":"{c}"}},"path_in_vcs":""}}"#);
        assert_eq!(at(&commit("aa"), &commit("bb")), Severity::Generated);
        assert_eq!(at(&commit("aa"), &commit("; rm")), Severity::Payload);
        let more = r#"{"git":{"sha1":"aa"},"path_in_vcs":"","x":"payload"}"#;
        assert_eq!(at(more, &commit("aa")), Severity::Payload);
    }
}
