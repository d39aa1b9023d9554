//! What every HTML page of remint has: one file, no scripts, nothing from elsewhere,
//! readable in light and dark and at any width. Imports `paint`. What comes from
//! an artifact must go through [`text()`] or [`source()`].

use super::paint;

/// A name of a colour with its values in light and in dark.
type Colour = (&'static str, &'static str, &'static str);

/// Every colour: `--name`, light, dark. A test holds the pairs that meet on a page to
/// the contrast that people need.
const PALETTE: [Colour; 18] = [
    ("page", "#ffffff", "#0f141a"),
    ("text", "#1b2026", "#e4e9ef"),
    ("faint", "#57606a", "#9aa6b2"),
    ("line", "#d3d9e0", "#333c47"),
    ("panel", "#f5f7f9", "#171d25"),
    ("link", "#0a58b8", "#79b8ff"),
    ("good", "#10602a", "#67d98a"),
    ("good-back", "#ddf7e4", "#10301b"),
    ("same", "#0b4f96", "#8cc4ff"),
    ("same-back", "#dfeefd", "#112a45"),
    ("bad", "#9c1023", "#ff9a94"),
    ("bad-back", "#fde4e4", "#3d1418"),
    ("warn", "#6b4700", "#efc35a"),
    ("warn-back", "#fdf0cf", "#352a0c"),
    ("del-back", "#ffecea", "#331a1d"),
    ("del-mark", "#ffc9c4", "#6e2a2e"),
    ("ins-back", "#e5f9e9", "#122a1a"),
    ("ins-mark", "#b0ecbf", "#1f5a33"),
];

const STYLE: &str = "\
*{box-sizing:border-box}\
body{font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:var(--text);background:var(--page);margin:0}\
main{max-width:76rem;margin:0 auto;padding:1.25rem 1rem 4rem}\
h1,h2,h3,h4,h5{line-height:1.25;overflow-wrap:anywhere}h1{font-size:1.7rem;margin:.2rem 0 .6rem}\
h2{font-size:1.3rem;margin:2.4rem 0 .6rem}h3{font-size:1.1rem;margin:1.8rem 0 .4rem}h4,h5{font-size:1rem;margin:1.2rem 0 .3rem}\
p{margin:.4rem 0}a{color:var(--link)}.faint{color:var(--faint)}\
code,pre,.diff{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.85em}\
code,dd,.said{overflow-wrap:anywhere;white-space:pre-wrap;unicode-bidi:isolate}\
.tag{display:inline-block;font:600 .85rem/1.4 system-ui,sans-serif;padding:.1rem .55rem;border-radius:1rem;white-space:nowrap;background:var(--panel);color:var(--text)}\
.tag.good,.tag.reproduced{color:var(--good);background:var(--good-back)}\
.tag.equivalent,.tag.metadata{color:var(--same);background:var(--same-back)}\
.tag.payload,.tag.different{color:var(--bad);background:var(--bad-back)}\
.tag.generated,.tag.build-failed,.tag.source-not-found,.tag.unsupported,.tag.infra-error{color:var(--warn);background:var(--warn-back)}\
h1 .tag{font-size:1.5rem;padding:.15rem .9rem}\
table{border-collapse:collapse;width:100%}caption{text-align:left;color:var(--faint);padding:.2rem 0}\
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}th{font-weight:600}\
thead th{color:var(--faint);font-size:.85rem}.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.cards th[scope=row]{white-space:nowrap}.cards th.name{min-width:12rem}.cards th .faint{font-weight:400}.tag{vertical-align:middle}h2 .faint,h3 .faint{font-size:1rem;font-weight:400}\
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1rem}dt{font-weight:600}dd{margin:0}\
pre{overflow-x:auto;padding:.7rem;border:1px solid var(--line);border-radius:.4rem;background:var(--panel)}\
details{margin:.5rem 0}summary{cursor:pointer;color:var(--link)}\
.advice{border-left:.25rem solid var(--line);padding:.2rem .8rem;margin:.5rem 0}\
.member{margin:.9rem 0}.member h3,.member h4{font-size:1rem;margin:0}\
.diff{table-layout:fixed;border:1px solid var(--line);margin:.5rem 0;font-size:.8rem;line-height:1.45}\
.diff td{border:0;padding:.05rem .5rem .05rem 1.7rem;text-indent:-1.2rem;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;tab-size:4}\
.diff th{padding:.2rem .5rem}.diff col.n{width:4.2em}\
.diff td.n{padding:.05rem .4rem;text-indent:0;text-align:right;color:var(--faint);user-select:none;white-space:nowrap;overflow-wrap:normal}\
.diff td.d,.diff td.n.d{background:var(--del-back);color:var(--text)}.diff td.i,.diff td.n.i{background:var(--ins-back);color:var(--text)}\
.diff td.e{background:var(--panel)}.diff tr.h td{background:var(--same-back);color:var(--same);padding-left:.5rem;text-indent:0}\
.diff tr.o td{color:var(--faint);padding-left:.5rem;text-indent:0}\
.alarm{border-left:.3rem solid var(--bad);background:var(--bad-back);padding:.4rem 1rem;margin:1rem 0}.alarm h2{margin:.4rem 0}\
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem 2rem;margin:1.2rem 0}\
.plot{margin:0}.plot figcaption{font-weight:600}.plot svg{width:100%;height:auto;max-width:40rem}.plot text{fill:var(--text);font:14px system-ui,sans-serif}\
.plot rect{fill:var(--warn)}.plot .reproduced{fill:var(--good)}.plot .equivalent{fill:var(--same)}.plot .different{fill:var(--bad)}.plot .cause{fill:var(--link)}\
del,ins{text-decoration:none}mark{color:inherit}td.d mark{background:var(--del-mark)}td.i mark{background:var(--ins-mark)}\
.diff small{color:var(--text);font-style:italic;white-space:normal}\
@media(max-width:44rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}\
.cards th.name{min-width:0}.cards th[scope=row]{white-space:normal}.rows th.name{display:block}.cards thead{position:absolute;left:-999rem}.cards tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--line)}\
.cards td,.cards th{display:inline-block;border:0;padding:.1rem .7rem .1rem 0;text-align:left}.cards td:last-child{display:block}\
.cards td[data-name]::before{content:attr(data-name) ': ';color:var(--faint);font-size:.85rem}\
.diff,.diff caption,.diff tbody{display:block}.diff thead{position:absolute;left:-999rem}.diff tr{display:flex;flex-wrap:wrap}.diff td{flex:1 1 calc(100% - 3.2rem);padding-right:.3rem}\
.diff td.n{flex:0 0 3.2rem}.diff tr.s td.r,.diff td.e,.diff td.n.e{display:none}.diff tr.h td,.diff tr.o td{flex-basis:100%}}";

/// A whole page: `title` and `body` are HTML.
pub(super) fn page(title: &str, body: &str) -> String {
    let theme = |dark: bool| -> String {
        PALETTE
            .iter()
            .map(|(name, light, night)| format!("--{name}:{};", if dark { night } else { light }))
            .collect()
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>:root{{color-scheme:light dark;{}}}@media(prefers-color-scheme:dark){{:root{{{}}}}}{STYLE}</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        theme(false),
        theme(true)
    )
}

/// Text from outside, in one line.
pub(super) fn text(text: &str) -> String {
    entities(&paint::line(text, WIDTH))
}

/// A line of a file: as [`text()`], with its tabs.
pub(super) fn source(line: &str) -> String {
    entities(&paint::source_line(line, WIDTH))
}

/// Text from outside with its lines.
pub(super) fn block(text: &str) -> String {
    entities(&crate::model::printable(text, true))
}

/// remint's own text: what stands in backticks is code.
pub(super) fn prose(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(number, part)| match number % 2 {
            0 => entities(part),
            _ => format!("<code>{}</code>", entities(part)),
        })
        .collect()
}

/// Characters of one name, piece of evidence or line.
const WIDTH: usize = 2_000;

/// HTML Living Standard, section 13.1.2: what may not stand in text or in a
/// quoted attribute.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast ratio (WCAG 2.2, section 1.4.3).
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour");
                let c = f64::from(byte) / 255.0;
                if c <= 0.040_45 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_on_its_background_in_light_and_dark() {
        let colour = |name: &str| {
            PALETTE
                .into_iter()
                .find(|(known, ..)| *known == name)
                .unwrap_or_else(|| panic!("no colour {name}"))
        };
        for (text, back) in [
            ("text", "page"),
            ("text", "panel"),
            ("text", "del-back"),
            ("text", "ins-back"),
            ("text", "del-mark"),
            ("text", "ins-mark"),
            ("faint", "page"),
            ("faint", "panel"),
            ("link", "page"),
            ("good", "good-back"),
            ("same", "same-back"),
            ("bad", "bad-back"),
            ("warn", "warn-back"),
        ] {
            let (a, b) = (colour(text), colour(back));
            for (ratio, theme) in [(contrast(a.1, b.1), "light"), (contrast(a.2, b.2), "dark")] {
                assert!(ratio >= 4.5, "{text} on {back} in {theme}: {ratio:.2}");
            }
        }
    }
}
