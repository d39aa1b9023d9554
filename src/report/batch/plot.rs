//! Bars as SVG inside the page: no script, no file of its own. What a bar says is
//! written beside it, so colour is never the only sign.

use crate::report::page::text;

/// A bar of a plot.
pub(super) struct Bar {
    /// What it counts.
    pub(super) name: String,
    /// The class that colours it.
    pub(super) class: &'static str,
    /// How many.
    pub(super) count: usize,
}

/// Height of a bar's row, and of the bar, in the plot's own units.
const ROW: usize = 28;
const BAR: usize = 18;

/// Width of the plot; the names stand left of the bars and the numbers right.
const WIDTH: usize = 640;
const NAMES: usize = 190;
const NUMBERS: usize = 60;

/// A plot with its title; nothing where there is nothing to show.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    let Some(most) = bars
        .iter()
        .map(|bar| bar.count)
        .max()
        .filter(|most| *most > 0)
    else {
        return String::new();
    };
    let said: Vec<_> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.count, bar.name))
        .collect();
    let mut svg = format!(
        "<figure class=\"plot\"><figcaption>{0}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {1}\" role=\"img\" aria-label=\"{0}: {2}\">\n",
        text(title),
        bars.len() * ROW,
        text(&said.join(", "))
    );
    for (number, bar) in bars.iter().enumerate() {
        let top = number * ROW + (ROW - BAR) / 2;
        let base = top + BAR - 4;
        // At least one unit: one of a thousand is still there.
        let width = (bar.count * (WIDTH - NAMES - NUMBERS) / most).max(usize::from(bar.count > 0));
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{NAMES}\" y=\"{top}\" width=\"{width}\" height=\"{BAR}\" rx=\"3\"/>\
             <text x=\"{}\" y=\"{base}\">{}</text>\n",
            NAMES - 10,
            text(&bar.name),
            bar.class,
            NAMES + width + 8,
            bar.count
        ));
    }
    svg.push_str("</svg></figure>\n");
    svg
}
