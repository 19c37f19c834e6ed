//! The figures as a picture: bars, the shorter the better.

use std::fmt::Write;

use crate::report::{Report, Row};
use crate::tokens::algorithms;

const WIDTH: f64 = 760.0;
const NAMES: f64 = 290.0;
const BAR: f64 = 11.0;
const GROUP: f64 = 3.0 * BAR + 14.0;
const TOP: f64 = 58.0;
/// What is longer is cut off.
const LONGEST: f64 = 1.25;
const COLOURS: [&str; 3] = ["#1f6feb", "#2da44e", "#bf8700"];

/// An SVG that reads on a light and on a dark page.
pub fn of(report: &Report) -> String {
    let rows: Vec<Row> = Row::ALL.into_iter().filter(|row| report.timing(*row, algorithms()[0]).is_some()).collect();
    let height = TOP + GROUP * rows.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" \
         role=\"img\" aria-label=\"Time for a guarded request as a ratio to a hand-written guard\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"14\" font-weight=\"600\" fill=\"#1f2328\">Time for a request, as a ratio to a hand-written guard: \
         the shorter the better</text>\n"
    );
    for (place, algorithm) in algorithms().into_iter().enumerate() {
        let x = NAMES + 90.0 * place as f64;
        let colour = COLOURS[place];
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"34\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"43\" fill=\"#1f2328\">{algorithm}</text>",
            x + 15.0
        );
    }
    for (number, row) in rows.iter().enumerate() {
        group(&mut svg, report, *row, TOP + GROUP * number as f64);
    }
    svg + "</svg>\n"
}

/// One contender: its name, and a bar for each algorithm.
fn group(svg: &mut String, report: &Report, row: Row, y: f64) {
    let name = row.name.replace(['*', '`'], "");
    let name = if row.condition.is_empty() { name } else { format!("{name}, {}", row.condition) };
    let weight = if row.bounds.is_some() { "600" } else { "400" };
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-weight=\"{weight}\" fill=\"#1f2328\">{name}</text>",
        NAMES - 10.0,
        y + 1.5 * BAR + 4.0
    );
    for (place, algorithm) in algorithms().into_iter().enumerate() {
        let Some(timing) = report.timing(row, algorithm) else { continue };
        let ratio = timing.ratio[1];
        let length = (WIDTH - NAMES - 60.0) * ratio.min(LONGEST) / LONGEST;
        let top = y + BAR * place as f64;
        let (colour, cut) = (COLOURS[place], if ratio > LONGEST { " …" } else { "" });
        let _ = writeln!(
            svg,
            "<rect x=\"{NAMES}\" y=\"{top}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"10\" fill=\"#59636e\">{ratio:.3}{cut}</text>",
            BAR - 2.0,
            NAMES + length + 4.0,
            top + BAR - 2.0
        );
    }
}
