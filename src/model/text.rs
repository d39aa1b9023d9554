//! Text from outside, made safe to show to a person.

/// Returns `text` with everything that a terminal would act on, or that would
/// change the reading order, written as an escape: control characters, the
/// bidirectional controls of Unicode (UAX #9, section 2) and invisible format
/// characters. Line feeds and tabs stay where `multiline` allows them.
pub fn printable(text: &str, multiline: bool) -> String {
    text.chars()
        .flat_map(|c| {
            let harmless = match c {
                '\n' | '\t' => multiline,
                c => !steers(c),
            };
            let escaped: Box<dyn Iterator<Item = char>> = if harmless {
                Box::new(std::iter::once(c))
            } else {
                Box::new(c.escape_unicode())
            };
            escaped
        })
        .collect()
}

/// Whether a terminal would act on `c`, or it would hide or reorder text.
pub fn steers(c: char) -> bool {
    c.is_control() || is_invisible_format(c)
}

/// Characters that hide or reorder text: soft hyphen, zero-width characters,
/// bidirectional marks, embeddings, overrides and isolates, the line and paragraph
/// separators, the byte order mark, the tag block, fillers that show as nothing, and
/// variation selectors, which code has been hidden in.
fn is_invisible_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// The innermost cause of an error, without the address that outer ones carry: records
/// name packages, not places.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The same JSON with every character that steers a terminal or the reading order
/// as an escape (RFC 8259, section 7). Such a character can only stand in a string.
pub fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidirectional_controls_are_marked() {
        assert_eq!(printable("a\x1b[31mb", false), "a\\u{1b}[31mb");
        assert_eq!(printable("x\u{202e}y", false), "x\\u{202e}y");
        assert_eq!(
            printable("x\u{e0101}\u{3164}", false),
            "x\\u{e0101}\\u{3164}"
        );
        assert_eq!(printable("a\nb", false), "a\\u{a}b");
        assert_eq!(printable("a\nb", true), "a\nb");
        assert_eq!(printable("Zoë – 日本", false), "Zoë – 日本");
    }

    #[test]
    fn json_means_the_same_and_steers_nobody() {
        let json = serde_json::json!({"a\u{202e}": "b\u{9b}31m\u{e0041}"}).to_string();
        let shown = printable_json(&json);
        assert!(!shown.chars().any(steers), "{shown}");
        let (one, other): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&json).expect("JSON"),
            serde_json::from_str(&shown).expect("still JSON"),
        );
        assert_eq!(one, other);
    }
}
