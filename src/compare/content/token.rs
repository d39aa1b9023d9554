//! What one piece of a line looks like: a time, a path, a locale, a version, a random value.
//! Pure. Each asks for the whole piece, so that nothing hides beside it.

/// A time and nothing beside it: digits in one of its shapes, and no words but its own.
pub(super) fn is_time(token: &str) -> bool {
    const WORDS: [&str; 36] = [
        "Jan",
        "Feb",
        "Mar",
        "Apr",
        "May",
        "Jun",
        "Jul",
        "Aug",
        "Sep",
        "Oct",
        "Nov",
        "Dec",
        "January",
        "February",
        "March",
        "April",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Sat",
        "Sun",
        "T",
        "Z",
        "UTC",
        "GMT",
        "AM",
        "PM",
    ];
    let only_time = token
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(|word| WORDS.contains(&word));
    let plain = token
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " :-+.,/".contains(c));
    if !only_time || !plain || !token.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    let shape: String = token
        .chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect();
    let has_word = token.chars().any(char::is_alphabetic);
    if shape.contains("####-##-##")
        || shape.contains("##:##")
        || shape.contains("####/##/##")
        || (has_word && shape.contains("####"))
    {
        return true;
    }
    // Seconds or milliseconds since the epoch, from 2001 to 2100.
    let in_range = |number: u64| (1_000_000_000..4_102_444_800).contains(&number);
    match token.parse::<u64>() {
        Ok(number) if token.len() == 10 => in_range(number),
        Ok(number) if token.len() == 13 => in_range(number / 1000),
        _ => false,
    }
}

/// An absolute path of at least two parts that is no part of a system: those mean
/// something wherever a build runs.
pub(super) fn is_build_path(token: &str) -> bool {
    const SYSTEM: [&str; 9] = [
        "/etc/", "/usr/", "/bin/", "/sbin/", "/lib/", "/dev/", "/proc/", "/sys/", "/var/",
    ];
    let drive = token.as_bytes().get(1..3) == Some(b":\\");
    let unix = token.starts_with('/')
        && !token.starts_with("//")
        && token[1..].contains('/')
        && !SYSTEM.iter().any(|system| token.starts_with(system));
    unix || drive
}

pub(super) fn is_locale(token: &str) -> bool {
    let (language, rest) = token.split_once('_').unwrap_or((token, ""));
    let territory = rest.split(['.', '@']).next().unwrap_or_default();
    let named = language.len() == 2
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && territory.len() == 2
        && territory.bytes().all(|b| b.is_ascii_uppercase());
    let offset = token.len() == 5
        && token.starts_with(['+', '-'])
        && token[1..].bytes().all(|b| b.is_ascii_digit());
    named
        || offset
        || matches!(
            token,
            "C" | "POSIX"
                | "C.UTF-8"
                | "UTC"
                | "GMT"
                | "CET"
                | "CEST"
                | "EST"
                | "EDT"
                | "PST"
                | "PDT"
                | "JST"
        )
}

/// Digits with dots, as versions have, with whatever comes after the third.
pub(super) fn is_version(token: &str) -> bool {
    let token = token.trim_start_matches(|c: char| "v^~<>=!\"".contains(c));
    let mut parts = token.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|p| !p.is_empty() && p.bytes().next().is_some_and(|b| b.is_ascii_digit()))
    };
    number(parts.next()) && number(parts.next())
}

/// The digest, or the digest and size, of a line of RECORD (the binary distribution
/// format, "The .dist-info directory").
pub(super) fn is_record_line(token: &str) -> bool {
    token
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// A value without meaning: hexadecimal of at least 64 bits, or a UUID (RFC 9562).
pub(super) fn is_random(token: &str) -> bool {
    const LEAST: usize = 16;
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let hex = token.len() >= LEAST && token.bytes().all(|b| b.is_ascii_hexdigit());
    let uuid = token.len() == 36
        && token.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && token.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    digits > 0 && (hex || uuid)
}
