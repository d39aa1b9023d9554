//! Software bills of materials as JSON: CycloneDX (ECMA-424, `components[].purl`) and
//! SPDX 2.3 (clause 7.21, `externalRefs` of the type `purl`). Only package URLs
//! count; what has none, or one of a type that remint does not know, is left out.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Found, Wanted};
use crate::lockfile::{Wrong, document, part};
use crate::model::{Purl, PurlError};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "bomFormat")]
    bom_format: Option<String>,
    #[serde(rename = "spdxVersion")]
    spdx_version: Option<String>,
    #[serde(borrow, default)]
    components: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    packages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
    purl: Option<String>,
    /// Components within a component (ECMA-424, "components").
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(default)]
    external_refs: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_type: String,
    reference_locator: String,
}

pub(super) fn parse(text: &str) -> Result<Found, Wrong> {
    let document: Document<'_> = document(text)?;
    let mut found = Found::default();
    if document.bom_format.as_deref() == Some("CycloneDX") {
        for raw in document.components {
            let (line, component) = part(text, raw)?;
            component_of(&mut found, line, component)?;
        }
    } else if document
        .spdx_version
        .is_some_and(|v| v.starts_with("SPDX-2"))
    {
        for raw in document.packages {
            let (line, package): (usize, Package) = part(text, raw)?;
            let purl = package
                .external_refs
                .into_iter()
                .find(|r| r.reference_type == "purl");
            one(
                &mut found,
                line,
                &package.name,
                purl.map(|r| r.reference_locator),
            )?;
        }
    } else {
        return Err(Wrong {
            line: 1,
            reason: "it is neither CycloneDX nor SPDX 2, nor a lock file of npm".into(),
        });
    }
    Ok(found)
}

fn component_of(found: &mut Found, line: usize, component: Component) -> Result<(), Wrong> {
    one(found, line, &component.name, component.purl)?;
    component
        .components
        .into_iter()
        .try_for_each(|inner| component_of(found, line, inner))
}

fn one(found: &mut Found, line: usize, name: &str, purl: Option<String>) -> Result<(), Wrong> {
    let Some(text) = purl else {
        found.leave_out(line, format!("`{name}` has no package URL"));
        return Ok(());
    };
    // Tools add qualifiers that say where they saw the package; name and version
    // are what was published.
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    match plain.parse::<Purl>() {
        Ok(purl) if purl.version().is_some() => found.wanted.push(Wanted::Package(purl)),
        Ok(_) => found.leave_out(line, format!("`{text}` has no version")),
        Err(PurlError::UnknownType { found: kind, .. }) => {
            found.leave_out(
                line,
                format!("`{text}` is of the type `{kind}`, which remint does not know"),
            );
        }
        Err(error) => {
            return Err(Wrong {
                line,
                reason: error.to_string(),
            });
        }
    }
    Ok(())
}
