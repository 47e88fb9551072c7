//! A matrix as text, JSON, Markdown and CSV, written and read: a matrix that is kept in a file is compared cell by
//! cell.

use std::{collections::btree_map::Entry, fmt::Write as _};

use clap::ValueEnum;
use serde::Deserialize;

use super::{super::words::pretty_json, CellPlace, KeptMatrix, Matrix, cell_text};

/// The forms that a matrix is kept in
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For people: who over which way in, and a line for each operation and what it is about
    Text,
    /// One object with every cell
    Json,
    /// A table
    Markdown,
    /// Comma-separated values (RFC 4180), with a header
    Csv,
}

impl Matrix {
    /// The matrix in one of its forms
    pub(crate) fn written(&self, format: MatrixFormat) -> String {
        match format {
            MatrixFormat::Text => self.text(),
            MatrixFormat::Json => pretty_json(self),
            MatrixFormat::Markdown => self.markdown(),
            MatrixFormat::Csv => self.csv(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut heading = String::new();
        let width = |part: fn(&CellPlace) -> &str| {
            let parts = self.cells.iter().map(|cell| part(&cell.place).chars().count());
            parts.max().unwrap_or_default()
        };
        let operations = width(|place| &place.operation);
        let resources = width(|place| &place.resource);
        for cell in &self.cells {
            let CellPlace {
                principal,
                entry_point,
                region,
                operation,
                resource,
            } = &cell.place;
            let own_heading = format!("{principal} over {entry_point} in {region}");
            if heading != own_heading {
                push_line(&mut text, &own_heading);
                heading = own_heading;
            }
            let line = format!("  {operation:operations$}  {resource:resources$}  {cell}");
            push_line(&mut text, &line);
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
        for row in self.rows() {
            let cells = row.map(|cell| cell.replace('\\', "\\\\").replace('|', "\\|"));
            push_line(&mut text, &format!("| {} |", cells.join(" | ")));
        }
        text
    }

    fn csv(&self) -> String {
        let mut text = format!("{}\n", COLUMNS.join(","));
        for row in self.rows() {
            let cells = row.map(|cell| match cell.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => cell,
            });
            push_line(&mut text, &cells.join(","));
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = [String; COLUMNS.len()]> {
        self.cells.iter().map(|cell| {
            let place = &cell.place;
            let of_place = [
                &place.principal,
                &place.entry_point,
                &place.region,
                &place.operation,
                &place.resource,
            ];
            let [principal, entry_point, region, operation, resource] = of_place.map(String::clone);
            [
                principal,
                entry_point,
                region,
                operation,
                resource,
                cell.to_string(),
            ]
        })
    }
}

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{}", client_text::escape(line)).expect("a text takes everything");
}

/// Reads a matrix in any of its forms
///
/// # Errors
/// With the line, or the JSON path, that does not belong to a matrix, or that repeats a cell.
pub(crate) fn read_matrix(text: &str) -> Result<KeptMatrix, String> {
    let first = text.trim_ascii_start();
    if first.starts_with('{') {
        return read_json(text);
    }
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    match first.lines().next() {
        Some(line) if line.trim_ascii() == COLUMNS.join(",") => {
            lines.next();
            read_rows(lines, csv_cells)
        }
        Some(line) if line.starts_with('|') => {
            // Skips the header, and the line beneath it.
            lines.nth(1);
            read_rows(lines, markdown_cells)
        }
        _ => read_text(lines),
    }
}

fn read_json(text: &str) -> Result<KeptMatrix, String> {
    #[derive(Deserialize)]
    struct Kept {
        cells: Vec<KeptCell>,
    }
    #[derive(Deserialize)]
    struct KeptCell {
        #[serde(flatten)]
        place: CellPlace,
        decision: String,
        layer: Option<String>,
    }
    let kept: Kept = serde_json::from_str(text).map_err(|error| format!("it is no matrix: {error}"))?;
    let mut cells = KeptMatrix::new();
    for (index, cell) in kept.cells.into_iter().enumerate() {
        let is = cell_text(&cell.decision, cell.layer.as_deref());
        keep(&mut cells, cell.place, is, || format!("/cells/{index}"))?;
    }
    Ok(cells)
}

/// Adds a cell; `place` is the position that a message names
///
/// # Errors
/// When the cell is in the file already: it cannot be known which of the two is meant.
fn keep(
    kept: &mut KeptMatrix,
    cell: CellPlace,
    is: String,
    place: impl FnOnce() -> String,
) -> Result<(), String> {
    match kept.entry(cell) {
        Entry::Vacant(vacant) => {
            vacant.insert(is);
            Ok(())
        }
        Entry::Occupied(occupied) => Err(client_text::escape(&format!(
            "{} has a cell that is there already: {}",
            place(),
            occupied.key()
        ))
        .into_owned()),
    }
}

fn read_rows<'t>(
    lines: impl Iterator<Item = (usize, &'t str)>,
    cells: impl Fn(&str) -> Vec<String>,
) -> Result<KeptMatrix, String> {
    let mut kept = KeptMatrix::new();
    for (number, line) in lines {
        let row = <[String; COLUMNS.len()]>::try_from(cells(line));
        let [principal, entry_point, region, operation, resource, is] =
            row.map_err(|_| format!("line {} is no row of a matrix", number + 1))?;
        let place = CellPlace {
            principal,
            entry_point,
            region,
            operation,
            resource,
        };
        keep(&mut kept, place, is, || format!("line {}", number + 1))?;
    }
    Ok(kept)
}

fn csv_cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is one from the beginning");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            _ => cell.push(character),
        }
    }
    cells
}

fn markdown_cells(line: &str) -> Vec<String> {
    let line = line.trim_ascii();
    let inner = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
        .unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is one from the beginning");
        match character {
            '\\' => cell.extend(characters.next()),
            '|' => cells.push(String::new()),
            _ => cell.push(character),
        }
    }
    cells
        .into_iter()
        .map(|cell| cell.trim_ascii().to_owned())
        .collect()
}

fn read_text<'t>(lines: impl Iterator<Item = (usize, &'t str)>) -> Result<KeptMatrix, String> {
    let mut kept = KeptMatrix::new();
    let mut heading = None;
    for (number, line) in lines {
        let not_a_line = || format!("line {} is none of a matrix", number + 1);
        let Some(cell) = line.strip_prefix("  ") else {
            let parts = line.rsplit_once(" in ");
            let parts = parts.and_then(|(rest, region)| Some((rest.rsplit_once(" over ")?, region)));
            heading = Some(parts.ok_or_else(not_a_line)?);
            continue;
        };
        let ((principal, entry_point), region) = heading.ok_or_else(not_a_line)?;
        let mut words = cell.split_ascii_whitespace();
        let (operation, resource) = words.next().zip(words.next()).ok_or_else(not_a_line)?;
        let is: Vec<&str> = words.collect();
        let place = CellPlace {
            principal: principal.to_owned(),
            entry_point: entry_point.to_owned(),
            region: region.to_owned(),
            operation: operation.to_owned(),
            resource: resource.to_owned(),
        };
        keep(&mut kept, place, is.join(" "), || format!("line {}", number + 1))?;
    }
    Ok(kept)
}

const COLUMNS: [&str; 6] = [
    "principal",
    "entry point",
    "region",
    "operation",
    "resource",
    "decision",
];
