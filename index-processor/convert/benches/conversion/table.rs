//! Markdown tables, printed row by row: a run takes minutes, and what is measured is seen at once.

/// Prints the head of a table.
pub(crate) fn head(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
    println!("|---{}|", "|---:".repeat(cells.len().saturating_sub(1)));
}

/// Prints a row of it.
pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}
