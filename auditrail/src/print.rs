//! How numbers and tables look on a terminal.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::account::{Amount, Row};

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that a person would use: `0 B`, `1.4 MB` (10^6).
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Seconds as `2d 3h`, `5h 12m`, `12m 4s`.
pub(crate) fn length(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// The account as a table, a line per source and destination, with its reasons below.
pub(crate) fn account(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["source", "destination", "read", "delivered", "filtered", "dead", "shed", "in flight"]);
    for row in rows {
        let amounts = [row.read, row.delivered, row.filtered, row.dead, row.shed, row.in_flight];
        table.add_row([row.source.clone(), row.destination.clone()].into_iter().chain(amounts.map(cell)));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    rows.iter().fold(table.to_string(), |text, row| text + &reasons(row))
}

fn cell(amount: Amount) -> String {
    if amount.is_zero() { "0".into() } else { format!("{}\n{}", grouped(amount.events), bytes(amount.bytes)) }
}

fn reasons(row: &Row) -> String {
    let mut lines = Vec::new();
    for (what, by) in [("filtered by", &row.filtered_by), ("dead, cause", &row.dead_by)] {
        lines.extend(by.iter().map(|(name, amount)| format!("{what} {name}: {}", grouped(amount.events))));
    }
    let notes = [("shrunk to fit", row.shrunk), ("invalid UTF-8 replaced", row.replaced_utf8)];
    let notes = notes.iter().filter(|(_, amount)| !amount.is_zero());
    lines.extend(notes.map(|(what, amount)| format!("{what}: {}", grouped(amount.events))));
    if row.repeated_batches > 0 {
        lines.push(format!("batches that came again and were recognised: {}", grouped(row.repeated_batches)));
    }
    lines.extend(row.problem.iter().map(|problem| format!("PROBLEM: {problem}")));
    lines.iter().map(|line| format!("\n  {}: {line}", row.destination)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_bytes_have_units() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1000, 999_960, 2_100_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.0 MB", "2.1 MB"]
        );
    }

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        assert_eq!([59, 754, 18_720, 183_600].map(length), ["59s", "12m 34s", "5h 12m", "2d 3h"]);
    }

    #[test]
    fn the_table_names_every_reason() {
        let mut row = Row { source: "audit.log".into(), destination: "lake".into(), ..Row::default() };
        row.read = Amount { events: 1200, bytes: 4000 };
        row.filtered_by.insert("policy rule 3".into(), row.read);
        let text = account(&[row]);
        assert!(text.contains("1,200") && text.contains("filtered by policy rule 3: 1,200"), "{text}");
    }
}
