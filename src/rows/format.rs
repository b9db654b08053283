//! What a file format is to the readers: a name, a test of a file, a reader, and a few words for messages. Each format is
//! one type in a file of its own; [`super::formats`] lists them.

use super::input::Input;
use super::table::{Ask, Table};
use crate::error::Result;

/// A format that is read.
pub(super) trait Format: Sync {
    fn name(&self) -> &'static str;

    /// Whether a file is of this format by its first bytes, or by its extension where these do not tell.
    fn sniff(&self, input: &Input) -> bool;

    /// Whether a file has an extension of this format and exactly the length that its header states, whatever other
    /// format its first bytes look like. Only for formats without a magic number.
    fn is_measured(&self, _: &Input) -> bool {
        false
    }

    /// The rows. Errors: everything that a file can be wrong in.
    fn open(&self, input: Input, ask: &Ask) -> Result<Table>;

    /// What the format is called in the list of formats that messages show.
    fn help(&self) -> &'static str;

    /// What stands after the colon of `FILE:...`, where there is such a thing.
    fn member(&self) -> Option<&'static str> {
        None
    }

    /// The extensions whose files are always of this format, and say so in their first bytes.
    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether its files are text.
    fn is_text(&self) -> bool {
        false
    }
}
