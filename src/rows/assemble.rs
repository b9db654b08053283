//! Rows of one or more files brought together: in memory or not, within the budget, all finite.
//!
//! Plain files that fit the budget become resident and others are read where they are; streams are gathered in
//! memory and move to a spool file once they outgrow the budget. At the end every value is [`checked`].

use super::checked::checked;
use super::columns::{self, Columns};
use super::counting::Counting;
use super::handle::{Handle, OPEN};
use super::input::input_error;
use super::options::OpenOptions;
use super::store::{Bytes, FilePart, FixedRows, Store, Transform};
use super::table::{Chunk, Lack, RowSource, STEP, Stream, Table};
use super::{Element, Provenance};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Columns of whole numbers that only ever grow.
    counting: Option<Counting>,
    /// Files without rows.
    empty: Vec<String>,
    /// Files that are open for later reads.
    open: usize,
    /// Where rows go that do not fit the memory, of all files that are not read in place.
    spool: Option<Arc<File>>,
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
            about: Provenance::default(),
        };
        Assembly {
            options,
            control,
            format: None,
            store,
            resident: 0,
            flat: true,
            counting: None,
            empty: Vec::new(),
            open: 0,
            spool: None,
        }
    }

    /// Files must agree in the axes of a row as well.
    pub(super) fn of_one_shape(mut self) -> Self {
        self.flat = false;
        self
    }

    /// What the work answers to.
    pub(super) fn control(&self) -> &'a Control {
        self.control
    }

    fn left(&self) -> usize {
        self.options
            .limit
            .map_or(usize::MAX, |limit| limit - self.store.len)
    }

    pub(super) fn complete(&self) -> bool {
        self.left() == 0
    }

    /// Keep what the user should know of the set, a sentence each.
    pub(super) fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            if !self.store.about.notes.contains(&note) {
                self.store.about.notes.push(note);
            }
        }
    }

    /// Add a file's rows.
    pub(super) fn add(&mut self, path: &Path, format: &'static str, table: Table) -> Result<()> {
        let Table { rows, columns } = table;
        match rows {
            // Arrays without rows may be of any type: numpy.empty((0, d)) is of f64.
            RowSource::Plain { len: 0, .. } => self.without_rows(path),
            RowSource::Plain {
                layout,
                axes,
                len,
                element,
            } => {
                self.same_kind(path, format, axes, element)?;
                self.matched(path, columns)?;
                let part = self.plain(layout, len)?;
                self.append(path, part);
            }
            RowSource::Stream(stream) if stream.axes().is_empty() => {
                self.without_shape(path, stream)?
            }
            RowSource::Stream(mut stream) => {
                self.same_kind(path, format, stream.axes(), stream.element())?;
                let order = self.matched(path, columns)?;
                self.gather(path, &mut *stream, order.as_deref())?;
            }
        }
        Ok(())
    }

    /// Remember a file without rows.
    pub(super) fn without_rows(&mut self, path: &Path) {
        self.empty.push(path.display().to_string());
    }

    /// A stream that knows no axes must have no rows. Errors: it has some, all without a vector.
    fn without_shape(&mut self, path: &Path, mut stream: Box<dyn Stream>) -> Result<()> {
        if !stream.next(&mut Chunk::default())? {
            self.without_rows(path);
            return Ok(());
        }
        Err(input_error(
            path,
            Place::Row(0),
            "none of the first rows has a vector",
            "leave out such rows, or put one with a vector first",
        ))
    }

    /// Add the rows of a stream whose columns have no names.
    pub(super) fn add_stream(
        &mut self,
        path: &Path,
        format: &'static str,
        stream: &mut dyn Stream,
    ) -> Result<()> {
        self.same_kind(path, format, stream.axes(), stream.element())?;
        self.gather(path, stream, None)
    }

    fn gather(
        &mut self,
        path: &Path,
        stream: &mut dyn Stream,
        order: Option<&[usize]>,
    ) -> Result<()> {
        let part = self.stream(path, stream, order)?;
        self.append(path, part);
        Ok(())
    }

    /// Give all rows without a label this one, of the folders' key `key`.
    pub(super) fn label(&mut self, key: &str, value: &str) {
        let about = &mut self.store.about;
        about.columns.label = Some(key.into());
        while about.labels.len() < self.store.len {
            about.labels.push(value);
        }
    }

    /// The rows of a file come after those that are there; a file without any is remembered.
    fn append(&mut self, path: &Path, (len, bytes): (usize, Bytes)) {
        if len == 0 {
            return self.without_rows(path);
        }
        let name = path.display().to_string();
        let first = self.store.len;
        self.store.len += len;
        self.store.about.files.push((first as u64, name.clone()));
        self.store.parts.push(FilePart {
            name,
            first,
            len,
            bytes,
        });
    }

    /// Hold a file's columns against those of the first file, or of the set that this one must be like: the order that
    /// brings them into that order, if they are not in it.
    ///
    /// Errors: names that one of the two lacks.
    fn matched(&mut self, path: &Path, mut columns: Columns) -> Result<Option<Vec<usize>>> {
        self.note(std::mem::take(&mut columns.notes));
        if self.store.parts.is_empty() {
            let names = columns.names.len();
            self.counting = (names > 1).then(|| Counting::new(names));
        }
        let known = &mut self.store.about.columns;
        let like = match (&self.options.like, self.store.parts.first()) {
            (Some((whose, names)), None) => Some((whose.as_str(), names)),
            (_, Some(first)) => Some((first.name.as_str(), &known.names)),
            (None, None) => None,
        };
        let Some((whose, like)) = like else {
            *known = columns;
            return Ok(None);
        };
        if like.is_empty() != columns.names.is_empty() && columns.vector.is_none() {
            let note = format!(
                "columns are matched by position: {} has names of columns, and {} has none",
                if like.is_empty() {
                    path.display().to_string()
                } else {
                    whose.into()
                },
                if like.is_empty() {
                    whose.into()
                } else {
                    path.display().to_string()
                },
            );
            if self.store.parts.is_empty() {
                *known = columns;
            }
            self.note(vec![note]);
            return Ok(None);
        }
        let order = match like.is_empty() || columns.names.is_empty() {
            true => None,
            false => columns::order(path, &columns.names, like, whose)?,
        };
        if let Some(order) = &order {
            let names = order.iter().map(|&place| columns.names[place].clone());
            columns.names = names.collect();
        }
        if self.store.parts.is_empty() {
            *known = columns;
        } else if known.id != columns.id
            || (columns.label.is_some() && known.label != columns.label)
        {
            return Err(input_error(
                path,
                Place::Whole,
                format!("its id and label columns are not those of {}", whose),
                "the files of a set must be alike; name the right ones",
            ));
        }
        Ok(order)
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
        if dim == 0 || axes.is_empty() {
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
    fn plain(&mut self, layout: FixedRows, len: usize) -> Result<(usize, Bytes)> {
        let len = len.min(self.left());
        let bytes = len as u64 * self.width() as u64;
        let file = layout.file.watched(&layout.path, self.open < OPEN)?;
        let layout = FixedRows { file, ..layout };
        if self.resident + bytes > self.options.memory {
            return self.left_in_file(layout, len);
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

    /// Rows that stay in their file. One that cannot be opened again goes into the spool file where many are open.
    fn left_in_file(&mut self, layout: FixedRows, len: usize) -> Result<(usize, Bytes)> {
        if matches!(layout.file, Handle::Watched(None, _)) || self.open < OPEN {
            self.open += 1;
            return Ok((len, Bytes::File(layout)));
        }
        let (width, path) = (self.width(), layout.path.clone());
        let start = self.spool_end()?;
        let step = (STEP / width).max(1);
        let mut buffer = Vec::new();
        for first in (0..len).step_by(step) {
            self.control.check()?;
            let rows = step.min(len - first);
            layout.read(first, rows, width, self.store.element, &mut buffer)?;
            self.write_spool(&buffer)?;
        }
        Ok((len, Bytes::File(self.spooled(path, start)?)))
    }

    /// Rows in order: gathered in memory, and moved to a spool file once they outgrow the budget.
    fn stream(
        &mut self,
        path: &Path,
        stream: &mut dyn Stream,
        order: Option<&[usize]>,
    ) -> Result<(usize, Bytes)> {
        let (width, size) = (self.width(), self.store.element.size());
        let (mut held, mut spooled) = (Vec::new(), None);
        let (mut rows, most) = (0usize, self.left());
        let mut chunk = Chunk::default();
        while rows < most {
            self.control.check()?;
            if !stream.next(&mut chunk)? {
                break;
            }
            let new = (chunk.values.len() / width).min(most - rows);
            chunk.values.truncate(new * width);
            if let Some(order) = order {
                columns::reorder(&mut chunk.values, size, order);
            }
            if let Some(counting) = &mut self.counting {
                counting.see(self.store.element, &chunk.values);
            }
            self.texts(&mut chunk, new);
            self.lacking(path, &mut chunk.lacking, rows + new)?;
            rows += new;
            self.control.advance((new * width) as u64);
            held.append(&mut chunk.values);
            // A vector doubles as it grows: what is held may take twice its length.
            if spooled.is_none() && 2 * held.len() as u64 > self.budget() {
                spooled = Some(self.spool_end()?);
            }
            if spooled.is_some() {
                self.write_spool(&held)?;
                held.clear();
            }
        }
        let Some(start) = spooled else {
            held.shrink_to_fit();
            self.resident += held.len() as u64;
            return Ok((rows, Bytes::Resident(held)));
        };
        Ok((rows, Bytes::File(self.spooled(path.into(), start)?)))
    }

    /// Bytes of rows that may still be kept in memory.
    fn budget(&self) -> u64 {
        let about = &self.store.about;
        let texts = about.ids.bytes() + about.labels.bytes();
        self.options.memory.saturating_sub(self.resident + texts)
    }

    /// Keep the ids and labels of a chunk's first `new` rows.
    fn texts(&mut self, chunk: &mut Chunk, new: usize) {
        let about = &mut self.store.about;
        for (kept, texts) in [
            (&mut about.ids, &mut chunk.ids),
            (&mut about.labels, &mut chunk.labels),
        ] {
            texts.truncate(new);
            kept.append(texts);
        }
    }

    /// Leave out rows that lack a number, of a file whose first `seen` rows are wanted so far. Errors: they may not be.
    fn lacking(&mut self, path: &Path, lacking: &mut Vec<Lack>, seen: usize) -> Result<()> {
        for lack in lacking.drain(..) {
            if lack.row >= seen as u64 {
                continue;
            }
            let place = self.store.len + lack.row as usize;
            // A row that is left out by number may hold anything.
            let excluded = self.options.exclude.as_ref();
            if excluded.is_some_and(|list| list.contains(place as u64)) {
                continue;
            }
            if !self.options.skip_nonfinite {
                return Err(input_error(
                    path,
                    lack.place,
                    lack.what,
                    "fill it, or drop such rows with --skip-nonfinite",
                ));
            }
            if self.store.dropped.last() != Some(&place) {
                self.store.dropped.push(place);
            }
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.options
            .temporary
            .clone()
            .unwrap_or_else(std::env::temp_dir)
    }

    /// The spool file of all parts, made when it is first asked for.
    fn spool(&mut self) -> Result<Arc<File>> {
        if let Some(file) = &self.spool {
            return Ok(Arc::clone(file));
        }
        let made = tempfile::tempfile_in(self.folder()).map_err(|error| self.spool_error(error))?;
        Ok(Arc::clone(self.spool.insert(Arc::new(made))))
    }

    /// Where the next bytes of the spool file go.
    fn spool_end(&mut self) -> Result<u64> {
        let file = self.spool()?;
        let end = (&*file).stream_position();
        end.map_err(|error| self.spool_error(error))
    }

    fn write_spool(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.spool()?;
        (&*file)
            .write_all(bytes)
            .map_err(|error| self.spool_error(error))
    }

    /// Rows of a part in the spool file, from a byte on.
    fn spooled(&mut self, path: PathBuf, offset: u64) -> Result<FixedRows> {
        Ok(FixedRows {
            file: Handle::Shared(self.spool()?),
            path,
            offset,
            stride: self.width() as u64,
            foreign: false,
        })
    }

    fn spool_error(&self, error: std::io::Error) -> Error {
        Error::io("write a spool file in", self.folder(), error)
    }

    /// The rows so far, not checked and without any scaling: for a set that is begun again.
    pub(super) fn gathered(self) -> Store {
        self.store
    }

    /// The set, checked.
    pub(super) fn finish(mut self) -> Result<Store> {
        self.say_empty()?;
        if let Some(counting) = &self.counting {
            let names = &self.store.about.columns.names;
            let note = counting.note(names);
            self.note(note.into_iter().collect());
        }
        checked(self.store, self.options, self.control)
    }

    /// Files without rows add none, and are named; a set needs some.
    fn say_empty(&mut self) -> Result<()> {
        if self.store.len == 0 {
            let name = match self.empty.as_slice() {
                [one] => one,
                _ => &self.store.name,
            };
            return Err(Error::input(
                name,
                Place::Whole,
                "the file holds no rows",
                "at least one row is needed",
            ));
        }
        if !self.empty.is_empty() {
            let (count, names) = (self.empty.len(), columns::some(&self.empty));
            let files = if count == 1 {
                "file holds"
            } else {
                "files hold"
            };
            self.note(vec![format!("{count} {files} no rows: {names}")]);
        }
        Ok(())
    }
}
