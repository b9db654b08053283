//! The trait of a file format: a name, a test of a file, a reader, and a few words for messages. Each format is a type
//! in a file of its own; [`super::formats`] lists them.

use super::input::Input;
use super::table::{Ask, Table};
use crate::error::Result;

/// A supported file format.
pub(super) trait Format: Sync {
    fn name(&self) -> &'static str;

    /// Whether a file is of this format, judged by its first bytes, or by its extension where they are inconclusive.
    fn sniff(&self, input: &Input) -> bool;

    /// Whether a file has an extension of this format and exactly the length that its header states, whatever other
    /// format its first bytes look like. Only for formats without a magic number.
    fn is_measured(&self, _: &Input) -> bool {
        false
    }

    /// Opens the rows. Errors: any fault of the file.
    fn open(&self, input: Input, ask: &Ask) -> Result<Table>;

    /// The name of the format in the list of formats that messages show.
    fn help(&self) -> &'static str;

    /// What the part after the colon of `FILE:...` names, for formats that allow one.
    fn member(&self) -> Option<&'static str> {
        None
    }

    /// The extensions that only this format uses, for formats with a magic number.
    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether its files are text.
    fn is_text(&self) -> bool {
        false
    }
}
