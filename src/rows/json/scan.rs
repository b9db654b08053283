//! Splits JSON into values by brackets and quotes alone, without parsing what is in them, in memory that does not grow
//! with the file. Each value is then parsed on its own.

use crate::error::{Error, Place, Result};
use crate::rows::input::{Input, input_error};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

/// The most bytes of a name.
const NAME: u64 = 1 << 16;

/// A position in a JSON text.
pub(super) struct Scanner {
    reader: BufReader<File>,
    path: PathBuf,
    /// The number of bytes before it.
    at: u64,
}

/// The state of scanning one value.
#[derive(Default)]
struct Within {
    depth: u64,
    text: bool,
    escaped: bool,
    /// The value is a number or a word, which ends before any other character.
    scalar: bool,
    /// The value holds words outside of strings that JSON does not allow: `NaN`, `Infinity`.
    words: bool,
}

impl Within {
    /// How many of these bytes belong to the value, and whether it ends there.
    fn run(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.text = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            let ends = matches!(byte, b',' | b':' | b']' | b'}') || byte.is_ascii_whitespace();
            if self.depth == 0 && ends || self.scalar && matches!(byte, b'"' | b'[' | b'{') {
                return (at, true);
            }
            match byte {
                b'"' => self.text = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                b'N' | b'I' => self.words = true,
                _ => {}
            }
            self.scalar = self.depth == 0 && !self.text;
        }
        (bytes.len(), false)
    }
}

impl Scanner {
    /// A scanner from this byte of the file on.
    pub fn new(input: &Input, at: u64) -> Result<Self> {
        let failed = |error| Error::io("read", &input.path, error);
        let mut file = input.file.try_clone().map_err(failed)?;
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        Ok(Scanner {
            reader: BufReader::with_capacity(1 << 16, file),
            path: input.path.clone(),
            at,
        })
    }

    /// Moves to another byte of the file.
    pub fn go(&mut self, at: u64) -> Result<()> {
        let sought = self.reader.seek(SeekFrom::Start(at));
        self.at = sought.map_err(|error| Error::io("read", &self.path, error))?;
        Ok(())
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn error(&self, what: impl Into<String>, advice: &str) -> Error {
        input_error(&self.path, Place::Byte(self.at), what, advice)
    }

    /// The error for a file that ends inside a bracket.
    fn ends(&self) -> Error {
        self.error(
            "the file ends inside of a value",
            "it is truncated, or not JSON; write it again",
        )
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        self.at += count as u64;
    }

    /// The next byte that is not blank, without passing it; None at the end.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.reader.fill_buf();
            let buffer = buffer.map_err(|error| Error::io("read", &self.path, error))?;
            // 0x1E begins each value of "JSON text sequences" (RFC 7464).
            let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1E;
            let blanks = buffer.iter().take_while(|byte| is_blank(byte)).count();
            let (next, empty) = (buffer.get(blanks).copied(), buffer.is_empty());
            self.consume(blanks);
            if next.is_some() || empty {
                return Ok(next);
            }
        }
    }

    /// As [`Scanner::peek`]; the end of the text is an error.
    pub fn need(&mut self) -> Result<u8> {
        self.peek()?.ok_or_else(|| self.ends())
    }

    /// Passes this byte. Errors: there is another one.
    pub fn pass(&mut self, byte: u8) -> Result<()> {
        let found = self.need()?;
        if found != byte {
            let what = format!(
                "{:?} stands here, where {:?} should",
                char::from(found),
                char::from(byte)
            );
            return Err(self.error(what, "it is not JSON; write it again"));
        }
        self.consume(1);
        Ok(())
    }

    /// Passes the next value.
    pub fn skip(&mut self) -> Result<()> {
        self.value(&mut Within::default(), None, u64::MAX)
    }

    /// Passes the rest of an array whose opening bracket was passed.
    pub fn skip_rest(&mut self) -> Result<()> {
        let mut within = Within {
            depth: 1,
            ..Within::default()
        };
        self.value(&mut within, None, u64::MAX)
    }

    /// Whether another value follows the next one; false if that has more than `within` bytes.
    pub fn is_followed(&mut self, within: u64) -> Result<bool> {
        let end = self.at.saturating_add(within);
        let mut value = Within::default();
        loop {
            let buffer = self.reader.fill_buf();
            let buffer = buffer.map_err(|error| Error::io("read", &self.path, error))?;
            let (used, ended) = value.run(buffer);
            let empty = buffer.is_empty();
            self.consume(used);
            if ended {
                return Ok(self.peek()?.is_some());
            }
            if empty || self.at > end {
                return Ok(false);
            }
        }
    }

    /// Reads the bytes of the next value, with `null` for the `NaN` and `Infinity` that Python writes. Errors: the
    /// value has more than `most` bytes.
    pub fn read(&mut self, out: &mut Vec<u8>, most: u64) -> Result<()> {
        out.clear();
        self.peek()?;
        let mut within = Within::default();
        self.value(&mut within, Some(out), most)?;
        if within.words {
            *out = finite(out);
        }
        Ok(())
    }

    fn value(
        &mut self,
        within: &mut Within,
        mut out: Option<&mut Vec<u8>>,
        most: u64,
    ) -> Result<()> {
        let start = self.at;
        loop {
            let buffer = self.reader.fill_buf();
            let buffer = buffer.map_err(|error| Error::io("read", &self.path, error))?;
            if buffer.is_empty() {
                return match within.scalar {
                    true => Ok(()),
                    false => Err(self.ends()),
                };
            }
            let (used, ended) = within.run(buffer);
            if let Some(out) = &mut out {
                if (out.len() + used) as u64 > most {
                    let what =
                        format!("the value that begins at byte {start} has more than {most} bytes");
                    return Err(self.error(what, "allow more with --memory"));
                }
                out.extend_from_slice(&buffer[..used]);
            }
            self.consume(used);
            if ended && self.at == start {
                return Err(self.error("a value is missing here", "it is not JSON; write it again"));
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Passes a name and its colon, and returns the name.
    pub fn name(&mut self) -> Result<String> {
        let mut text = Vec::new();
        self.read(&mut text, NAME)?;
        let name = serde_json::from_slice(&text).map_err(|error| {
            self.error(
                format!("the name of a field is not valid: {error}"),
                "it is not JSON; write it again",
            )
        })?;
        self.pass(b':')?;
        Ok(name)
    }
}

/// The value with `null` for words that JSON does not allow.
fn finite(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut within, mut at) = (Within::default(), 0);
    // Start inside a list, so that a comma does not end the value.
    within.depth = 1;
    while at < text.len() {
        let rest = &text[at..];
        let word = [&b"NaN"[..], b"Infinity", b"-Infinity"]
            .into_iter()
            .find(|word| !within.text && rest.starts_with(word));
        let used = word.map_or(1, <[u8]>::len);
        match word {
            Some(_) => out.extend_from_slice(b"null"),
            None => {
                within.run(&rest[..1]);
                out.push(rest[0]);
            }
        }
        at += used;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_python_are_null_outside_of_texts() {
        let text = br#"{"NaN": [NaN, -Infinity, 1.5, "Infinity \" NaN", Infinity]}"#;
        let expected = br#"{"NaN": [null, null, 1.5, "Infinity \" NaN", null]}"#;
        assert_eq!(finite(text), expected);
    }
}
