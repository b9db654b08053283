//! Rows of one or more files brought together: in memory or not, within the budget, all finite.
//!
//! Plain files that fit the budget become resident and others are read where they are; streams are gathered in
//! memory and move to a spool file once they outgrow the budget. At the end every value is [`checked`].

use super::Element;
use super::checked::checked;
use super::open::{OpenOptions, STEP, Stream, Table, input_error};
use super::store::{Bytes, Layout, Part, Store, Transform};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Rows, in f64, that are in memory at a time however few there are: blocks in the making, and what is kept for each
/// column (two rows of 30 million columns took 7.7 GB: 32 rows; half as much again is allowed for). Less than this many
/// bytes are never too many.
const WORK_ROWS: u64 = 48;
const LEAST_WORK: u64 = 512 << 20;

/// A set being put together.
pub(super) struct Assembly<'a> {
    options: &'a OpenOptions,
    control: &'a Control,
    format: Option<&'static str>,
    store: Store,
    resident: u64,
    /// Whether files may differ in the axes of a row if they agree in its dimension; the rows are then plain.
    flat: bool,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(spec: &str, options: &'a OpenOptions, control: &'a Control) -> Self {
        let transform = Transform {
            scale: options.scale,
            normalize: options.normalize,
        };
        let store = Store {
            name: spec.into(),
            dim: 0,
            axes: Vec::new(),
            element: Element::F32,
            parts: Vec::new(),
            transform,
            dropped: Vec::new(),
            len: 0,
        };
        Assembly {
            options,
            control,
            format: None,
            store,
            resident: 0,
            flat: true,
        }
    }

    /// Files must agree in the axes of a row as well.
    pub(super) fn of_one_shape(mut self) -> Self {
        self.flat = false;
        self
    }

    fn left(&self) -> usize {
        self.options
            .limit
            .map_or(usize::MAX, |limit| limit - self.store.len)
    }

    pub(super) fn complete(&self) -> bool {
        self.left() == 0
    }

    /// Add a file's rows.
    pub(super) fn add(&mut self, path: &Path, format: &'static str, table: Table) -> Result<()> {
        match table {
            Table::Plain {
                layout,
                axes,
                len,
                element,
            } => {
                self.same_kind(path, format, axes, element)?;
                let part = self.plain(layout, len)?;
                self.append(path, part)
            }
            Table::Stream(mut stream) => self.add_stream(path, format, &mut *stream),
        }
    }

    /// Add the rows of a stream.
    pub(super) fn add_stream(
        &mut self,
        path: &Path,
        format: &'static str,
        stream: &mut dyn Stream,
    ) -> Result<()> {
        self.same_kind(path, format, stream.axes(), stream.element())?;
        let part = self.stream(path, stream)?;
        self.append(path, part)
    }

    fn append(&mut self, path: &Path, (len, bytes): (usize, Bytes)) -> Result<()> {
        if len == 0 && self.left() > 0 {
            return Err(input_error(
                path,
                Place::Whole,
                "the file holds no rows",
                "at least one row is needed",
            ));
        }
        let name = path.display().to_string();
        self.store.len += len;
        self.store.parts.push(Part { name, len, bytes });
        Ok(())
    }

    /// Refuse rows of which a few do not fit the memory, before any is read.
    fn not_too_wide(&self, path: &Path, dim: usize) -> Result<()> {
        let needed = (dim as u64).saturating_mul(8 * WORK_ROWS);
        match self.options.work.map(|work| work.max(LEAST_WORK)) {
            Some(most) if needed > most => Err(input_error(
                path,
                Place::Whole,
                format!(
                    "the rows have {dim} columns: to work on rows so wide takes about {needed} bytes, more than the \
                     {most} that may be used"
                ),
                "give more --memory, or fewer columns",
            )),
            _ => Ok(()),
        }
    }

    /// Files of one set must agree.
    fn same_kind(
        &mut self,
        path: &Path,
        format: &'static str,
        axes: Vec<usize>,
        element: Element,
    ) -> Result<()> {
        let dim = axes.iter().product();
        if dim == 0 {
            return Err(input_error(
                path,
                Place::Whole,
                "the rows have no columns",
                "each row needs at least one number",
            ));
        }
        let Some(first) = self.store.parts.first() else {
            self.not_too_wide(path, dim)?;
            self.format = Some(format);
            self.store.dim = dim;
            self.store.axes = axes;
            self.store.element = element;
            return Ok(());
        };
        let known = self.format.unwrap_or(format);
        let differs = |what: String| {
            Err(input_error(
                path,
                Place::Whole,
                what,
                "the files of a set must be alike; name the right ones",
            ))
        };
        if known != format {
            return differs(format!(
                "the format is {format}, but that of {} is {known}",
                first.name
            ));
        }
        if self.store.dim != dim {
            return differs(format!(
                "the rows have {dim} columns, but those of {} have {}",
                first.name, self.store.dim
            ));
        }
        if self.store.element != element {
            return differs(format!(
                "the numbers are {element:?}, but those of {} are {:?}",
                first.name, self.store.element
            ));
        }
        if self.store.axes != axes {
            if !self.flat {
                return differs(format!(
                    "the shape of a row is {axes:?}, but in {} it is {:?}",
                    first.name, self.store.axes
                ));
            }
            self.store.axes = vec![dim];
        }
        Ok(())
    }

    fn width(&self) -> usize {
        self.store.width()
    }

    /// Rows at fixed places: resident if they fit, else left where they are.
    fn plain(&mut self, layout: Layout, len: usize) -> Result<(usize, Bytes)> {
        let len = len.min(self.left());
        let bytes = len as u64 * self.width() as u64;
        if self.resident + bytes > self.options.memory {
            return Ok((len, Bytes::File(layout)));
        }
        let mut resident = vec![0; bytes as usize];
        let step = (STEP / self.width()).max(1);
        let mut buffer = Vec::new();
        for (chunk, out) in resident.chunks_mut(step * self.width()).enumerate() {
            self.control.check()?;
            let rows = out.len() / self.width();
            layout.read(
                chunk * step,
                rows,
                self.width(),
                self.store.element,
                &mut buffer,
            )?;
            out.copy_from_slice(&buffer);
            self.control.advance(out.len() as u64);
        }
        self.resident += bytes;
        Ok((len, Bytes::Resident(resident)))
    }

    /// Rows in order: gathered in memory, and moved to a spool file once they outgrow the budget.
    fn stream(&mut self, path: &Path, stream: &mut dyn Stream) -> Result<(usize, Bytes)> {
        let width = self.width();
        let (mut held, mut spool): (Vec<u8>, Option<File>) = (Vec::new(), None);
        let (mut rows, most) = (0usize, self.left());
        let budget = self.options.memory.saturating_sub(self.resident);
        while rows < most {
            self.control.check()?;
            let before = held.len();
            if !stream.next(&mut held)? {
                break;
            }
            let new = ((held.len() - before) / width).min(most - rows);
            held.truncate(before + new * width);
            rows += new;
            self.control.advance((new * width) as u64);
            // A vector doubles as it grows: what is held may take twice its length.
            if spool.is_none() && 2 * held.len() as u64 > budget {
                spool = Some(self.spool()?);
            }
            if let Some(spool) = &mut spool {
                spool
                    .write_all(&held)
                    .map_err(|error| self.spool_error(error))?;
                held.clear();
            }
        }
        match spool {
            None => {
                held.shrink_to_fit();
                self.resident += held.len() as u64;
                Ok((rows, Bytes::Resident(held)))
            }
            Some(file) => {
                let layout = Layout {
                    file,
                    path: path.into(),
                    offset: 0,
                    stride: width as u64,
                    foreign: false,
                };
                Ok((rows, Bytes::File(layout)))
            }
        }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.options
            .temporary
            .clone()
            .unwrap_or_else(std::env::temp_dir)
    }

    fn spool(&self) -> Result<File> {
        tempfile::tempfile_in(self.folder()).map_err(|error| self.spool_error(error))
    }

    fn spool_error(&self, error: std::io::Error) -> Error {
        Error::io("write a spool file in", self.folder(), error)
    }

    /// The set, checked.
    pub(super) fn finish(self) -> Result<Store> {
        if self.store.len == 0 {
            return Err(Error::input(
                &self.store.name,
                Place::Whole,
                "no rows are left",
                "ask for at least one row",
            ));
        }
        checked(self.store, self.options, self.control)
    }
}
