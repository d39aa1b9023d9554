//! The simple API that pip asks for (PEP 503 as HTML, PEP 691 as JSON), below
//! `/pypi/`.

use serde_json::json;

use super::{Refusal, Reply, Shared, View, inside, metadata, metadata_slot, package};
use crate::model::{Digest, Ecosystem, Purl};
use crate::registry::ProjectFile;

/// The media type of the JSON form (PEP 691, "Content Types").
const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

pub(super) async fn answer(shared: &Shared, path: &str, accept: &str) -> Result<Reply, Refusal> {
    if let Some(project) = path.strip_prefix("simple/") {
        return page(shared, project.trim_end_matches('/'), accept).await;
    }
    if let Some((project, file)) = path.strip_prefix("files/").and_then(|p| p.split_once('/')) {
        return download(shared, project, file).await;
    }
    Err(Refusal::Absent)
}

/// The project's files as of the view, without the release under test.
async fn files(shared: &Shared, project: &str) -> Result<(Purl, Vec<ProjectFile>), Refusal> {
    let _slot = metadata_slot(shared).await;
    let package = Purl::new(Ecosystem::Pypi, project, None).map_err(|_| Refusal::Absent)?;
    let mut files = shared.registries.pypi().project(package.name()).await?;
    // A file without a digest could not be checked on its way through.
    files.retain(|file| {
        !file.artifact.digests.is_empty() && shared.view.shows(file.artifact.published_at)
    });
    Ok((package, files))
}

/// Whether this is a file of the release under test, or may be one: its name says no version.
fn is_under_test(view: &View, package: &Purl, file: &ProjectFile) -> bool {
    match &file.version {
        Some(version) => {
            let name = package.name().as_str();
            view.refuses(Ecosystem::Pypi, name, &version.to_string())
        }
        None => view.refuses_some_of(package),
    }
}

async fn page(shared: &Shared, project: &str, accept: &str) -> Result<Reply, Refusal> {
    let (package, mut files) = files(shared, project).await?;
    files.retain(|file| !is_under_test(&shared.view, &package, file));
    let name = package.name().as_str();
    if accept.contains(SIMPLE_JSON) {
        return Ok(metadata(json_page(name, &files), SIMPLE_JSON));
    }
    Ok(metadata(
        html_page(name, &files),
        "text/html; charset=utf-8",
    ))
}

fn address(name: &str, file: &ProjectFile) -> String {
    inside(&format!(
        "/pypi/files/{name}/{}",
        file.artifact.name.replace('+', "%2B")
    ))
}

fn sha256(file: &ProjectFile) -> Option<String> {
    file.artifact
        .digests
        .iter()
        .find_map(|digest| match digest {
            Digest::Sha256(digest) => Some(digest.to_string()),
            Digest::Sha512(_) => None,
        })
}

fn json_page(name: &str, files: &[ProjectFile]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| {
            let mut entry = json!({
                "filename": file.artifact.name,
                "url": address(name, file),
                "hashes": {"sha256": sha256(file)},
                "yanked": file.artifact.yanked,
            });
            if let Some(requires) = &file.requires_python {
                entry["requires-python"] = json!(requires);
            }
            entry
        })
        .collect();
    json!({"meta": {"api-version": "1.0"}, "name": name, "files": files}).to_string()
}

fn html_page(name: &str, files: &[ProjectFile]) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<html><body>\n");
    for file in files {
        let requires = file.requires_python.as_ref().map_or(String::new(), |text| {
            format!(" data-requires-python=\"{}\"", escaped(text))
        });
        let yanked = if file.artifact.yanked {
            " data-yanked=\"\""
        } else {
            ""
        };
        page.push_str(&format!(
            "<a href=\"{}#sha256={}\"{requires}{yanked}>{}</a><br>\n",
            escaped(&address(name, file)),
            sha256(file).unwrap_or_default(),
            escaped(&file.artifact.name),
        ));
    }
    page.push_str("</body></html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

async fn download(shared: &Shared, project: &str, file_name: &str) -> Result<Reply, Refusal> {
    let (project, files) = files(shared, project).await?;
    let file = files
        .iter()
        .find(|file| file.artifact.name == file_name)
        .ok_or(Refusal::Absent)?;
    if is_under_test(&shared.view, &project, file) {
        return Err(Refusal::UnderTest);
    }
    package(shared, &file.artifact).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifact, ArtifactKind, Sha256Digest};

    #[test]
    fn both_forms_of_a_page_point_to_the_mirror_and_carry_the_digest() {
        let file = ProjectFile {
            artifact: Artifact {
                name: "demo-1.0+local-py3-none-any.whl".into(),
                kind: ArtifactKind::PureWheel,
                url: "http://127.0.0.1:1/elsewhere".parse().expect("valid"),
                digests: vec![Digest::Sha256(Sha256Digest::of(b"x"))],
                size: None,
                published_at: None,
                yanked: false,
                provenance: None,
            },
            version: None,
            requires_python: Some(">=3.8, <4".into()),
        };
        for page in [
            json_page("demo", std::slice::from_ref(&file)),
            html_page("demo", &[file]),
        ] {
            assert!(
                page.contains("/pypi/files/demo/demo-1.0%2Blocal-"),
                "{page}"
            );
            assert!(page.contains(&Sha256Digest::of(b"x").to_string()), "{page}");
            assert!(!page.contains("elsewhere"), "{page}");
        }
    }

    #[test]
    fn a_file_that_says_no_version_is_under_test_where_a_release_of_its_project_is() {
        let file = |version: Option<&str>| ProjectFile {
            artifact: Artifact {
                name: "demo.tgz".into(),
                kind: ArtifactKind::Sdist,
                url: "http://127.0.0.1:1/demo.tgz".parse().expect("valid"),
                digests: vec![],
                size: None,
                published_at: None,
                yanked: false,
                provenance: None,
            },
            version: version.map(|text| text.parse().expect("a version")),
            requires_python: None,
        };
        let view = View {
            refuse: vec!["pkg:pypi/demo@1.0".parse().expect("valid")],
            ..View::default()
        };
        let of = |project: &str, version| {
            let package = Purl::new(Ecosystem::Pypi, project, None).expect("a name");
            is_under_test(&view, &package, &file(version))
        };
        assert!(of("demo", Some("1.0.0")) && of("Demo", None));
        assert!(!of("demo", Some("1.1")) && !of("other", None));
    }
}
