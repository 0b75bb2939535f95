//! What a migration of the kind [`Kind::Expand`](super::Kind) may do; the reasons are in `docs/decisions/migrations.md`.

use std::collections::BTreeSet;

/// Types of columns. A `TEXT` is compared by its bytes, see `postgres/schema.rs`.
const TYPES: [&str; 3] = ["TEXT", "BIGINT", "SMALLINT"];

/// What in the text is no addition that a running fleet of older builds can live with. `strict` is off for migrations from
/// before there were rules about locks and repetition.
pub(super) fn problems(sql: &str, strict: bool) -> Vec<String> {
    let mut lint = Lint {
        strict,
        ..Lint::default()
    };
    for statement in statements(sql) {
        if let Err(why) = lint.check(&statement) {
            lint.problems.push(format!("{why}: {}", statement.join(" ")));
        }
    }
    if strict {
        let touched: BTreeSet<_> = lint.altered.union(&lint.indexed).collect();
        if touched.len() > 1 {
            let why = format!("one table at a time, others wait for its lock: {touched:?}");
            lint.problems.push(why);
        }
        for table in lint.altered.intersection(&lint.indexed) {
            let why =
                format!("nobody can read {table} while its index is built: build it in the next migration");
            lint.problems.push(why);
        }
    }
    lint.problems
}

#[derive(Default)]
struct Lint {
    strict: bool,
    made: BTreeSet<String>,
    altered: BTreeSet<String>,
    indexed: BTreeSet<String>,
    problems: Vec<String>,
}

impl Lint {
    fn check(&mut self, statement: &[String]) -> Result<(), &'static str> {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["CREATE", "TABLE", rest @ ..] => {
                let rest = self.if_not_exists(rest)?;
                let [name, "(", ..] = rest else {
                    return Err("a table has columns");
                };
                self.made.insert((*name).to_owned());
                Ok(())
            }
            ["CREATE", "UNIQUE", "INDEX", rest @ ..] => self.index(rest, true),
            ["CREATE", "INDEX", rest @ ..] => self.index(rest, false),
            ["ALTER", "TABLE", table, "ADD", "COLUMN", _, kind, rest @ ..] => {
                if !TYPES.contains(kind) {
                    return Err("a column is TEXT, BIGINT or SMALLINT");
                }
                match rest {
                    [] => {}
                    ["DEFAULT", value] | ["NOT", "NULL", "DEFAULT", value] if is_constant(value) => {}
                    _ => {
                        return Err(
                            "older builds do not write the column: it is nullable, or has a constant default, and nothing else",
                        );
                    }
                }
                if !self.made.contains(*table) {
                    self.altered.insert((*table).to_owned());
                }
                Ok(())
            }
            _ => Err("no addition"),
        }
    }

    fn index(&mut self, rest: &[&str], unique: bool) -> Result<(), &'static str> {
        let rest = self.if_not_exists(rest)?;
        let [_, "ON", table, "(", ..] = rest else {
            return Err("an index has a name and is on columns of a table");
        };
        if self.made.contains(*table) {
            return Ok(());
        }
        if unique {
            return Err("older builds do not know of the uniqueness");
        }
        self.indexed.insert((*table).to_owned());
        Ok(())
    }

    /// Somebody may have built it already, without blocking anybody.
    fn if_not_exists<'a, 'b>(&self, rest: &'a [&'b str]) -> Result<&'a [&'b str], &'static str> {
        match rest {
            ["IF", "NOT", "EXISTS", rest @ ..] => Ok(rest),
            _ if self.strict => Err("IF NOT EXISTS is missing"),
            _ => Ok(rest),
        }
    }
}

/// A number or a text.
fn is_constant(value: &str) -> bool {
    value.parse::<i64>().is_ok() || value.starts_with('\'')
}

/// The words of each statement, without comments; brackets and commas are words.
fn statements(sql: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word = String::new();
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '-' if chars.peek() == Some(&'-') => {
                end(&mut word, &mut statements);
                while chars.next_if(|char| *char != '\n').is_some() {}
            }
            '\'' => {
                word.push(char);
                word.extend(std::iter::from_fn(|| chars.next_if(|char| *char != '\'')));
                word.extend(chars.next());
            }
            ';' => {
                end(&mut word, &mut statements);
                statements.push(Vec::new());
            }
            '(' | ')' | ',' => {
                end(&mut word, &mut statements);
                word.push(char);
                end(&mut word, &mut statements);
            }
            char if char.is_whitespace() => end(&mut word, &mut statements),
            char => word.push(char),
        }
    }
    end(&mut word, &mut statements);
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// The end of a word, if there is one.
fn end(word: &mut String, statements: &mut [Vec<String>]) {
    if let Some(last) = statements.last_mut().filter(|_| !word.is_empty()) {
        last.push(std::mem::take(word));
    }
}
