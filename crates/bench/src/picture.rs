//! The report's picture: a row of bars for each measure, each measure with a scale of its own.

use std::fmt::Write;

use crate::book::{Book, LANLINE, Measure};
use crate::figures::show;
use crate::peers::Peer;

const WIDTH: u32 = 920;
const LEFT: u32 = 190;
const BAR: u32 = 18;
const STEP: u32 = 22;
/// The longest bar.
const LONGEST: f64 = 520.0;

fn colour(subject: &str) -> &'static str {
    match subject {
        LANLINE => "#0b6e4f",
        _ if subject == Peer::NatsSynced.name() => "#3b6fb6",
        _ if subject == Peer::Nats.name() => "#9db8dd",
        _ if subject == Peer::Mosquitto.name() => "#8a5fa8",
        _ => "#b8860b",
    }
}

fn block(svg: &mut String, book: &Book, measure: &Measure, mut y: u32) -> u32 {
    let better = if measure.higher_is_better { "more is better" } else { "less is better" };
    let _ = writeln!(
        svg,
        r##"<text x="20" y="{y}" font-weight="bold">{}</text><text x="{}" y="{y}" text-anchor="end" fill="#666">{}, {better}</text>"##,
        book.title(measure),
        WIDTH - 20,
        measure.unit,
    );
    y += 10;
    let most = measure.cells.iter().map(|cell| cell.runs.median()).fold(f64::MIN_POSITIVE, f64::max);
    for cell in &measure.cells {
        let value = if cell.failed { 0.0 } else { cell.runs.median() };
        let length = (value / most * LONGEST).max(1.0);
        let middle = y + BAR - 5;
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{middle}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y}" width="{length:.1}" height="{BAR}" fill="{}"/><text x="{:.1}" y="{middle}">{}</text>"##,
            LEFT - 10,
            cell.subject,
            colour(&cell.subject),
            f64::from(LEFT) + length + 8.0,
            if cell.failed { "failed".to_owned() } else { show(value) },
        );
        y += STEP;
    }
    y + 30
}

/// As SVG.
pub(crate) fn draw(book: &Book, caption: &str) -> String {
    let mut body = String::new();
    let mut y = 64;
    for measure in book.measures.iter().filter(|measure| measure.pictured && !measure.cells.is_empty()) {
        y = block(&mut body, book, measure, y);
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="13" fill="#222">
<rect width="{WIDTH}" height="{y}" fill="#fff"/>
<text x="20" y="28" fill="#666">{caption}</text>
{body}</svg>
"##
    )
}
