//! CIFAR-10 and CIFAR-100 in their binary form: records of a label (CIFAR-100: a coarse and a fine one) and 3,072 bytes,
//! the red, green and blue planes of 32 x 32 pixels. There is no header: size and labels must both fit.

use super::labels::Labels;
use super::names;
use super::{ImageOptions, Images, shape_of};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::assemble::Assembly;
use crate::rows::formats;
use crate::rows::input::{Input, probe};
use crate::rows::read_at::read_at;
use crate::rows::store::FixedRows;
use crate::rows::table::Table;
use crate::rows::{Element, Rows};
use crate::warnings::Warnings;
use std::path::{Path, PathBuf};

/// Planes, rows and columns of an image.
const AXES: [usize; 3] = [3, 32, 32];
const PIXELS: u64 = 3 * 32 * 32;

/// Records read at a time.
const STEP: u64 = 340;

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CifarKind {
    format: &'static str,
    /// How many values each label byte can have; the last one is used.
    classes: &'static [u8],
    names: &'static str,
}

const KINDS: [CifarKind; 2] = [
    CifarKind {
        format: "CIFAR-10",
        classes: &[10],
        names: "batches.meta.txt",
    },
    CifarKind {
        format: "CIFAR-100",
        classes: &[20, 100],
        names: "fine_label_names.txt",
    },
];

impl CifarKind {
    fn offset(&self) -> u64 {
        self.classes.len() as u64
    }

    fn record(&self) -> u64 {
        self.offset() + PIXELS
    }

    fn count(&self) -> usize {
        self.classes.last().map_or(0, |&count| count.into())
    }
}

/// What a file turned out to be.
enum Inspection {
    /// Records with these labels.
    Records(CifarKind, Vec<u32>),
    /// None of ours, for this reason.
    Not(Error),
}

/// Whether a set that begins with this file is to be read here: its name says so, and its content does not say another
/// format.
pub(super) fn is_cifar(path: &Path, control: &Control) -> Result<bool> {
    if !named(path) {
        return Ok(false);
    }
    let input = probe(path)?;
    let found = inspect(&input, control)?;
    let other = formats::packing(&input).is_some() || formats::recognise(&input).is_ok();
    Ok(matches!(found, Inspection::Records(..)) || !other)
}

pub(super) fn named(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("bin"))
}

/// The files of a folder that are batches for training.
pub(super) fn batches(files: &[PathBuf]) -> Vec<PathBuf> {
    let batch = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("data_batch") && named(path)
    };
    files.iter().filter(batch).cloned().collect()
}

/// Refuse the batches of CIFAR for Python: pickles, by their names and first bytes.
pub(super) fn refuse_pickles(spec: &str, files: &[PathBuf]) -> Result<()> {
    let is = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let batch = name.starts_with("data_batch_") || name == "test_batch";
        // CIFAR-100 has them in files of these names.
        let whole = matches!(&*name, "train" | "test") && path.with_file_name("meta").is_file();
        let pickle = || probe(path).is_ok_and(|input| matches!(input.head[..], [0x80, 2..=5, ..]));
        (batch || whole) && pickle()
    };
    let Some(found) = files.iter().find(is) else {
        return Ok(());
    };
    let folder = found.parent().unwrap_or(Path::new("")).display();
    let hundred = found.with_file_name("meta").is_file();
    let (train, test, labels) = match hundred {
        true => ("train", "test", "fine_labels"),
        false => ("data_batch_*", "test_batch", "labels"),
    };
    Err(Error::input(
        spec,
        Place::Whole,
        format!(
            "{} is a batch of CIFAR for Python, a pickle, and pickles are never loaded",
            found.display()
        ),
        format!(
            "take the binary version, or convert it: python3 -c \"import glob, pickle, numpy as np; \
             [(np.save(n, np.concatenate([b['data'] for b in s]).reshape(-1, 3, 32, 32)), \
             np.save(n + '-labels', sum([b['{labels}'] for b in s], []))) \
             for n, p in (('train', '{train}'), ('test', '{test}')) \
             for s in [[pickle.load(open(f, 'rb'), encoding='latin1') for f in sorted(glob.glob('{folder}/' + p))]]]\" \
             and then: hullscope compare train.npy test.npy --labels train-labels.npy --query-labels test-labels.npy"
        ),
    ))
}

/// The images of files, in that order.
pub(super) fn open(
    spec: &str,
    files: &[PathBuf],
    options: &ImageOptions,
    control: &Control,
) -> Result<Images> {
    let mut set = Assembly::new(spec, &options.open, control);
    let (mut labels, mut first) = (Vec::new(), None);
    for path in files {
        if set.complete() {
            break;
        }
        let input = probe(path)?;
        let kind = match inspect(&input, control)? {
            Inspection::Not(error) => return Err(error),
            Inspection::Records(kind, some) => {
                labels.extend(some);
                kind
            }
        };
        let len = input.size / kind.record();
        let layout = FixedRows {
            file: input.file.into(),
            path: input.path,
            offset: kind.offset(),
            stride: kind.record(),
            foreign: false,
        };
        let table = Table::plain(layout, AXES.to_vec(), len as usize, Element::U8);
        set.add(path, kind.format, table)?;
        first.get_or_insert((kind, path));
    }
    let rows = set.finish()?;
    let mut warnings = Warnings::default();
    let names = first.map_or_else(Vec::new, |(kind, path)| match options.names {
        Some(_) => numbers(kind),
        None => class_names(kind, path, &mut warnings),
    });
    Ok(Images {
        shape: shape_of(&rows.axes()),
        labels: Some(Labels::of_rows(&rows, &labels, names)),
        rows: Box::new(rows),
        skipped: 0,
        framed: Vec::new(),
        warnings,
    })
}

/// Names from the file that comes with the set, or numbers.
fn class_names(kind: CifarKind, file: &Path, warnings: &mut Warnings) -> Vec<String> {
    let list = file.with_file_name(kind.names);
    if let Some(names) = names::beside(&list, kind.count()) {
        return names;
    }
    if list.is_file() {
        warnings.add(format!(
            "{} does not hold {} names, one a line; classes are called by their numbers",
            list.display(),
            kind.count()
        ));
    }
    numbers(kind)
}

fn numbers(kind: CifarKind) -> Vec<String> {
    (0..kind.count()).map(|class| class.to_string()).collect()
}

/// Look at the size and at every label.
fn inspect(input: &Input, control: &Control) -> Result<Inspection> {
    let mut reason = None;
    for kind in KINDS {
        if input.size == 0 || !input.size.is_multiple_of(kind.record()) {
            continue;
        }
        match labels(input, kind, control)? {
            Ok(labels) => return Ok(Inspection::Records(kind, labels)),
            Err(error) => reason = Some(error),
        }
    }
    let size = || {
        let what = format!(
            "the file has {} bytes, a whole number neither of records of CIFAR-10 ({}) nor of CIFAR-100 ({})",
            input.size,
            KINDS[0].record(),
            KINDS[1].record()
        );
        let whole = input.size / KINDS[0].record() * KINDS[0].record();
        input.error(
            Place::Byte(whole),
            what,
            "it is truncated, or in another format",
        )
    };
    Ok(Inspection::Not(reason.unwrap_or_else(size)))
}

/// The labels of all records, or what is wrong with the first that no class has.
fn labels(
    input: &Input,
    kind: CifarKind,
    control: &Control,
) -> Result<std::result::Result<Vec<u32>, Error>> {
    let (record, count) = (kind.record(), input.size / kind.record());
    let (mut labels, mut buffer) = (Vec::new(), Vec::new());
    for first in (0..count).step_by(STEP as usize) {
        control.check()?;
        buffer.resize((STEP.min(count - first) * record) as usize, 0);
        read_at(&input.file, &input.path, &mut buffer, first * record)?;
        for (row, bytes) in buffer.chunks_exact(record as usize).enumerate() {
            let places = bytes.iter().zip(kind.classes);
            for (place, (label, classes)) in places.enumerate() {
                if label >= classes {
                    let what = format!(
                        "the label is {label}, but {} has {classes} classes there (0 to {})",
                        kind.format,
                        classes - 1
                    );
                    let at = (first + row as u64) * record + place as u64;
                    return Ok(Err(input.error(
                        Place::Byte(at),
                        what,
                        "the file is corrupt, or in another format",
                    )));
                }
            }
            labels.push(u32::from(bytes[kind.classes.len() - 1]));
        }
    }
    Ok(Ok(labels))
}
