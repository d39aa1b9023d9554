//! What people and registries write: package URLs and recipes. What is read is
//! written again and read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remint::model::{Purl, Recipe};

fuzz_target!(|text: &str| {
    if let Ok(purl) = text.parse::<Purl>() {
        let again: Purl = purl.to_string().parse().expect("what was written can be read");
        assert_eq!(purl, again);
    }
    if let Ok(recipe) = Recipe::parse(text, "fuzz") {
        let again = Recipe::parse(&recipe.to_toml(), "fuzz").expect("what was written can be read");
        assert_eq!(recipe.to_toml(), again.to_toml());
    }
});
