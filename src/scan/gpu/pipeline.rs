//! Shader text to pipeline: the prelude, the unrolled template, the module.
//!
//! Each file in `shaders/` is valid WGSL after its prelude. naga unrolls no loop, and a loop over registers in a
//! private array costs most of the speed if it is not unrolled; so loops marked `// unroll` are unrolled here before
//! the text is compiled. Both forms go through the same tests.

use super::pass::Pass;
use super::tile::{
    COOP_THREADS, MERGE_THREADS, PASS_THREADS, Stored, TINY_DIMS, TINY_THREADS, Tile,
};

/// A pass compiled for one tile and element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    pub pass: Pass,
    pub tile: Tile,
    pub stored: Stored,
    /// Vectors in a panel, for [`Pass::Pack`].
    pub width: u32,
    pub unrolled: bool,
}

impl Variant {
    /// Threads of a workgroup.
    pub const fn threads(&self) -> u32 {
        match self.pass {
            Pass::Scan | Pass::ScanInt8 => self.tile.threads(),
            Pass::ScanCoop => COOP_THREADS,
            Pass::Merge => MERGE_THREADS,
            Pass::Tiny => TINY_THREADS,
            _ => PASS_THREADS,
        }
    }

    /// Bytes of workgroup memory, a limit that wgpu does not check.
    pub const fn workgroup_bytes(&self) -> u32 {
        match self.pass {
            Pass::Scan | Pass::ScanInt8 => self.tile.workgroup_bytes(),
            Pass::ScanCoop => 4 * 64 * 16 * 4,
            Pass::Norms => PASS_THREADS * 4,
            Pass::Tiny => tiny_bytes(),
            Pass::Select => (256 + 2 * PASS_THREADS + 8) * 4,
            _ => 0,
        }
    }

    /// The shader text to compile.
    pub fn wgsl(&self) -> String {
        let prelude = self.tile.prelude(self.pass, self.stored, self.width);
        let template = self.pass.template();
        let body = if self.unrolled {
            unroll(template, &self.tile.constants(self.width))
        } else {
            template.into()
        };
        format!("{prelude}\n{body}")
    }

    /// The variant's name in messages: `scan 128x128x8/8x8 f32`.
    pub fn label(&self) -> String {
        let Tile {
            rows,
            queries,
            depth,
            row_lane,
            query_lane,
        } = self.tile;
        let (pass, stored) = (self.pass.name(), self.stored.name());
        format!("{pass} {rows}x{queries}x{depth}/{row_lane}x{query_lane} {stored}")
    }
}

/// Two square matrices, seven arrays of a column, two of a thread, seven numbers.
const fn tiny_bytes() -> u32 {
    let size = TINY_DIMS + 1;
    (2 * size * size + 8 * size + 2 * TINY_THREADS + 8) * 4
}

/// The mark of a loop `for (var NAME = 0u; NAME < BOUND; NAME++) {` that must be unrolled.
const MARK: &str = "// unroll";

/// Unroll every marked loop, inner loops too. BOUND is a constant's name or a number.
pub fn unroll(text: &str, constants: &[(&str, u32)]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    write_out(&lines, constants, &mut out);
    out
}

fn write_out(lines: &[&str], constants: &[(&str, u32)], out: &mut String) {
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let Some((name, bound)) = marked(line, constants) else {
            out.push_str(line);
            out.push('\n');
            at += 1;
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        // Loops are indented, so a closing brace in the loop's own column, alone on its line, closes the loop.
        let close = |line: &&str| line.trim_end().len() == indent + 1 && line.ends_with('}');
        let length = lines[at..]
            .iter()
            .position(close)
            .unwrap_or(lines.len() - at - 1);
        let mut body = String::new();
        write_out(&lines[at + 1..at + length], constants, &mut body);
        for value in 0..bound {
            let _ = std::fmt::Write::write_fmt(out, format_args!("{:indent$}{{\n", ""));
            out.push_str(&replace_word(&body, name, &format!("{value}u")));
            let _ = std::fmt::Write::write_fmt(out, format_args!("{:indent$}}}\n", ""));
        }
        at += length + 1;
    }
}

/// The loop variable and the number of rounds of a marked line.
fn marked<'t>(line: &'t str, constants: &[(&str, u32)]) -> Option<(&'t str, u32)> {
    let inner = line.trim().strip_suffix(MARK)?.trim_end();
    let inner = inner.strip_prefix("for (var ")?;
    let (name, rest) = inner.split_once(" = 0u; ")?;
    let rest = rest.strip_prefix(name)?.strip_prefix(" < ")?;
    let (bound, _) = rest.split_once(';')?;
    let number = bound
        .strip_suffix('u')
        .and_then(|digits| digits.parse().ok());
    let named = || Some(constants.iter().find(|(known, _)| *known == bound)?.1);
    Some((name, number.or_else(named)?))
}

/// Replace whole words.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(word) {
        let (before, from) = rest.split_at(found);
        let after = &from[word.len()..];
        out.push_str(before);
        let whole = !part_of_word(before.chars().next_back().or(out.chars().next_back()))
            && !part_of_word(after.chars().next());
        out.push_str(if whole { by } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_loops_are_written_out_and_others_stay() {
        let text = "for (var i = 0u; i < N; i++) { // unroll\n    a[i] = in_i;\n}\nfor (var k = 0u; k < n; k++) {\n}\n";
        let out = unroll(text, &[("N", 2)]);
        assert_eq!(
            out,
            "{\n    a[0u] = in_i;\n}\n{\n    a[1u] = in_i;\n}\nfor (var k = 0u; k < n; k++) {\n}\n"
        );
    }

    #[test]
    fn inner_loops_are_written_out_too() {
        let text = "    for (var i = 0u; i < 2u; i++) { // unroll\n        for (var j = 0u; j < 3u; j++) { // unroll\n            s += i * 3u + j;\n        }\n    }\n";
        let out = unroll(text, &[]);
        assert_eq!(out.matches("s +=").count(), 6);
        assert!(out.contains("s += 1u * 3u + 2u;") && !out.contains("for"));
    }
}
