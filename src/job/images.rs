//! The options that say how sets of images are read, shared by all commands that take images.

use super::row_args::{Role, RowArgs, one_pipe};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::report::sheet::{ImageSet, Pictures};
use crate::rows::images::{self, Bits, ImageOptions, Images, Labels, Names, Prepare, UNLABELLED};
use crate::rows::{Element, OpenOptions, Rows, like, said};
use crate::space::{Frames, Set, joined, spec};
use crate::store::queries::FileRows;
use crate::study::compare::Classes;
use crate::warnings::Warnings;
use clap::Args;
use std::sync::Arc;

/// The least budget of the queries, and of spaces, in bytes.
const LEAST: u64 = 64 << 20;

/// How images are decoded, and their classes.
#[derive(Debug, Clone, Args)]
pub struct ImageArgs {
    /// Classes of the reference: a file of one integer a row (default: those beside MNIST and CIFAR, and subfolders)
    #[arg(long, value_name = "FILE", requires = "query_labels")]
    pub labels: Option<String>,
    /// Classes of the queries
    #[arg(long, value_name = "FILE", requires = "labels")]
    pub query_labels: Option<String>,
    /// Leave out image files that cannot be decoded instead of refusing them
    #[arg(long)]
    pub skip_broken: bool,
    /// Bring image files to W x H pixels while they are decoded
    #[arg(long, value_name = "WxH", value_parser = sides)]
    pub resize: Option<(usize, usize)>,
    /// Decode image files to grey
    #[arg(long)]
    pub gray: bool,
    /// Ignore the orientation in the EXIF data: leave image files as they are stored
    #[arg(long)]
    pub no_exif: bool,
    /// Bits of a channel: 8 rounds images of 16 bits, 16 widens those of 8 (default: 16 if any image of the set has them)
    #[arg(long, value_name = "8|16", value_parser = bits)]
    pub bits: Option<Bits>,
    /// Names of the classes: a file of one name a line for the codes 0, 1, .., or a JSON list, or an object of codes and names
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<String>,
}

fn bits(text: &str) -> std::result::Result<Bits, String> {
    match text {
        "8" => Ok(Bits::Eight),
        "16" => Ok(Bits::Sixteen),
        _ => Err("images have 8 or 16 bits a channel".into()),
    }
}

/// Parses `WxH`.
fn sides(text: &str) -> std::result::Result<(usize, usize), String> {
    spec::extent(text).ok_or_else(|| format!("{text:?} is not a width and a height, as in 32x32"))
}

/// Two opened sets of images, or of plain vectors.
pub struct Opened {
    pub reference: Set,
    pub queries: Set,
    /// The first row of each set of queries, and the number of all.
    pub starts: Vec<usize>,
    /// The classes of both, if both have them and the names agree.
    pub classes: Option<Classes>,
    /// Why the classes beside the images are not used.
    pub mismatch: Option<String>,
    /// Image files that were left out.
    pub skipped: u64,
    /// The number of rows in the file of the queries.
    pub query_rows: FileRows,
    /// Bytes of the budget that the sets leave.
    pub left: u64,
    /// What was noticed as the sets were read.
    pub warnings: Warnings,
}

impl Opened {
    /// The sets as pictures, if both are images.
    pub fn pictures(&self) -> Option<Pictures<'_>> {
        let classes = self.classes.as_ref();
        let [reference, queries] = [
            classes.map_or(&[][..], |classes| &classes.reference),
            classes.map_or(&[][..], |classes| &classes.queries),
        ];
        let names = classes.map_or(&[][..], |classes| &classes.names);
        Some(Pictures {
            reference: image_set("train", &self.reference, reference, names)?,
            queries: image_set("test", &self.queries, queries, names)?,
        })
    }
}

/// A set as pictures, if its rows are images.
fn image_set<'a>(
    word: &'static str,
    set: &'a Set,
    classes: &'a [u32],
    names: &'a [String],
) -> Option<ImageSet<'a>> {
    Some(ImageSet {
        word,
        rows: &*set.rows,
        shape: set.shape?,
        classes,
        names,
    })
}

impl ImageArgs {
    /// The files that are read in addition to the images: labels and names of classes.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let all = [&self.labels, &self.query_labels, &self.class_names];
        all.into_iter().flatten().map(String::as_str)
    }

    /// The options that change the rows, for the key of finished spaces.
    pub fn key(&self) -> String {
        format!(
            "{:?} {} {} {} {:?}",
            self.resize, self.gray, self.skip_broken, self.no_exif, self.bits
        )
    }

    /// The names of classes from --class-names.
    fn names(&self) -> Result<Option<Names>> {
        self.class_names.as_deref().map(Names::read).transpose()
    }

    /// The classes from --labels and --query-labels, for sets that are not images.
    pub fn classes(&self, rows: &RowArgs, control: &Control) -> Result<Option<Classes>> {
        let Some((first, second)) = self.labels.as_ref().zip(self.query_labels.as_ref()) else {
            return Ok(None);
        };
        let settings = &rows.settings;
        let (limit, excluded) = (settings.limit_reference, settings.exclude_rows.as_ref());
        let mut first = images::read_labels(first, limit, excluded, control)?;
        let mut second = images::read_labels(second, settings.limit_queries, None, control)?;
        if let Some(names) = self.names()? {
            names.rename("the reference", &mut first)?;
            names.rename("the queries", &mut second)?;
        }
        let names = ("the queries", "the reference");
        matched(&first, &second, names).map(Some)
    }

    /// The options of the decoder, for rows that are read under `rows` with the labels of a file.
    fn options(
        &self,
        open: OpenOptions,
        labels: &Option<String>,
        frames: Option<&Frames>,
    ) -> Result<ImageOptions> {
        let prepare = |frames: &Frames| Arc::new(frames.clone()) as Arc<dyn Prepare>;
        Ok(ImageOptions {
            prepare: frames.map(prepare),
            open,
            labels: labels.clone(),
            skip_broken: self.skip_broken,
            resize: self.resize,
            gray: self.gray,
            ignore_orientation: self.no_exif,
            bits: self.bits,
            names: self.names()?,
        })
    }

    /// A reference and any number of query sets, which become one set of queries; without any set, the built-in sample. `frames`
    /// are those of the networks that all spaces begin with.
    ///
    /// Errors: sets that cannot be read, or whose rows differ in shape; labels that do not match.
    pub fn open(
        &self,
        rows: &RowArgs,
        sets: &[&str],
        frames: Option<&Frames>,
        control: &Control,
    ) -> Result<Opened> {
        let (mut all, left) = self.open_all(rows, sets, frames, control)?;
        let mut warnings = Warnings::default();
        for set in &mut all {
            warnings.extend(set.warnings.take());
        }
        let skipped = all.iter().map(|set| set.skipped).sum();
        let first = all.remove(0);
        for Labelled { set, .. } in all
            .iter()
            .filter(|other| other.set.range != first.set.range)
        {
            warnings.add(format!(
                "pixels run up to {} in {} and up to {} in {}, as far as their types tell: see that they are on one scale",
                first.set.range,
                first.set.rows.name(),
                set.range,
                set.rows.name()
            ));
        }
        let (classes, mismatch) = match classes(&first, &all) {
            // Classes found beside the images need not match as long as no option needs them.
            Err(error) if self.labels.is_none() => (None, Some(error.to_string())),
            known => (known?, None),
        };
        let broken = all.iter().map(|set| set.skipped).sum();
        let limit = rows.settings.limit_queries.filter(|_| all.len() == 1);
        let mut starts = vec![0];
        starts.extend(all.iter().scan(0, |end, set| {
            *end += set.set.rows.len();
            Some(*end)
        }));
        let mut sets: Vec<Set> = all.into_iter().map(|other| other.set).collect();
        let queries = match sets.len() {
            0 => first.set.without_rows(),
            1 => sets.remove(0),
            _ => joined(&first.set, sets)?,
        };
        Ok(Opened {
            query_rows: file_rows(&*queries.rows, broken, limit),
            reference: first.set,
            queries,
            starts,
            classes,
            mismatch,
            skipped,
            left,
            warnings,
        })
    }

    /// Opens sets one by one, the first being the reference, or without any the two of the built-in sample; also the part of
    /// the budget that they leave.
    ///
    /// Errors: sets that cannot be read.
    pub fn open_all(
        &self,
        rows: &RowArgs,
        sets: &[&str],
        frames: Option<&Frames>,
        control: &Control,
    ) -> Result<(Vec<Labelled>, u64)> {
        control.begin(WorkStage::Read, 0);
        one_pipe(sets)?;
        let budget = rows.budget();
        let (mut opened, mut left, mut columns) = (Vec::new(), budget, None);
        let sample = sets.is_empty();
        for place in 0..if sample { 2 } else { sets.len() } {
            let (role, labels) = match place {
                0 => (Role::Reference, &self.labels),
                _ => (Role::Queries, &self.query_labels),
            };
            let open = OpenOptions {
                like: columns.clone(),
                ..rows.options(role, left)
            };
            let options = self.options(open, labels, frames)?;
            let mut images = match (sample, place) {
                (false, _) => images::open_images(sets[place], &options, control)?,
                (true, 0) => images::sample_reference(&options, control)?,
                (true, _) => images::sample_queries(&options, control)?,
            };
            left = left
                .saturating_sub(images.rows.resident_bytes())
                .max(LEAST.min(budget));
            columns = columns.or_else(|| like(&*images.rows));
            images.warnings.extend(said(&*images.rows));
            opened.push(labelled(images, rows, frames));
        }
        alike(&mut opened, frames)?;
        Ok((opened, left))
    }
}

/// The classes of a reference and of sets of queries, if all have them.
fn classes(reference: &Labelled, queries: &[Labelled]) -> Result<Option<Classes>> {
    let Some(first) = &reference.labels else {
        return Ok(None);
    };
    let mut all = Classes {
        reference: first.classes.clone(),
        names: first.names.clone(),
        ..Classes::default()
    };
    for Labelled { set, labels, .. } in queries {
        let Some(second) = labels else {
            return Ok(None);
        };
        let both = matched(first, second, (set.rows.name(), reference.set.rows.name()))?;
        all.queries.extend(both.queries);
        if both.names.len() > all.names.len() {
            all.names = both.names;
        }
    }
    Ok(Some(all))
}

/// A set of images or of plain vectors, with the facts about its rows.
pub struct Labelled {
    pub set: Set,
    pub labels: Option<Labels>,
    /// Image files that were left out.
    pub skipped: u64,
    /// What was noticed as it was read.
    pub warnings: Warnings,
}

/// The number of rows in the file of a set, from which `broken` images were left out and which may be cut at `limit` rows.
fn file_rows(set: &dyn Rows, broken: u64, limit: Option<usize>) -> FileRows {
    let read = set.len() as u64 + set.dropped();
    match limit {
        _ if broken > 0 => FileRows::Unnumbered(broken),
        Some(limit) if read >= limit as u64 => FileRows::Cut,
        _ => FileRows::Exactly(read),
    }
}

fn labelled(mut images: Images, rows: &RowArgs, frames: Option<&Frames>) -> Labelled {
    let set = Set {
        range: range(&images, rows),
        shape: images.shape,
        rows: Arc::from(images.rows),
        framed: Vec::new(),
    };
    Labelled {
        labels: images.labels.take(),
        skipped: images.skipped,
        warnings: images.warnings,
        set: match frames.filter(|_| !images.framed.is_empty()) {
            Some(frames) => frames.split(set, &images.framed),
            None => set,
        },
    }
}

/// If the image files of one set were prepared for networks, prepares the images of the other sets in the same way.
fn alike(sets: &mut [Labelled], frames: Option<&Frames>) -> Result<()> {
    let framed = |set: &Labelled| !set.set.framed.is_empty();
    let Some(frames) = frames.filter(|_| sets.iter().any(framed)) else {
        return Ok(());
    };
    for set in sets.iter_mut().filter(|set| !framed(set)) {
        set.set = frames.of(&set.set)?;
    }
    Ok(())
}

/// The largest pixel value of a set: that of its type, times the factor of --scale; 1 for floating-point numbers, which the
/// factor brings to that range. Whole numbers of more than 16 bits are taken for bytes.
fn range(images: &Images, rows: &RowArgs) -> f64 {
    let most = match images.rows.element() {
        Element::Bool => 1.0,
        Element::U16 => 65_535.0,
        element if element.is_float() => return 1.0,
        _ => 255.0,
    };
    // Rows of unit length have no fixed largest value.
    if rows.settings.normalize {
        1.0
    } else {
        most * rows.settings.scale.unwrap_or(1.0)
    }
}

/// Opens a set as it is, with the labels of `labels` or those in its file: for a reference that is fitted with a space or
/// labels, and for its queries.
///
/// Errors: a set that cannot be read, labels that do not fit it.
pub fn open_plain(
    spec: &str,
    open: OpenOptions,
    labels: Option<&str>,
    control: &Control,
) -> Result<Labelled> {
    let options = ImageOptions {
        open,
        labels: labels.map(String::from),
        ..ImageOptions::default()
    };
    let images = images::open_images(spec, &options, control)?;
    let set = Set {
        shape: images.shape,
        ..Set::vectors(Arc::from(images.rows))
    };
    Ok(Labelled {
        set,
        labels: images.labels,
        skipped: images.skipped,
        warnings: images.warnings,
    })
}

/// The classes of a reference and of `rows` queries, whose labels may be unknown; `names` are what messages call the
/// queries and the reference.
///
/// Errors: a query whose class no reference row has.
pub fn classes_beside(
    reference: &Labels,
    queries: Option<&Labels>,
    rows: usize,
    names: (&str, &str),
) -> Result<Classes> {
    match queries {
        Some(queries) => matched(reference, queries, names),
        None => {
            let unknown = Labels {
                classes: vec![0; rows],
                names: vec![UNLABELLED.into()],
            };
            matched(reference, &unknown, names)
        }
    }
}

/// Classes of two sets in one numbering; `names` are what messages call the queries and the reference.
fn matched(first: &Labels, second: &Labels, names: (&str, &str)) -> Result<Classes> {
    let rows = second.matched(first).into_iter().enumerate();
    // Queries without a label get a class that no reference row has.
    let none = first.names.len() as u32;
    let unlabelled = (second.unlabelled() > 0).then(|| UNLABELLED.to_string());
    let matched = rows.map(|(row, class)| {
        let class = class.or_else(|| second.name(row).is_none().then_some(none));
        class.ok_or_else(|| {
            let class = second.name(row);
            Error::Usage(format!(
                "the classes do not match: row {row} of {} is of the class {:?}, and {} has none of that class",
                names.0,
                class.unwrap_or("?"),
                names.1
            ))
        })
    });
    Ok(Classes {
        queries: matched.collect::<Result<_>>()?,
        reference: first.classes.clone(),
        names: first.names.iter().cloned().chain(unlabelled).collect(),
        predicted: Vec::new(),
    })
}
