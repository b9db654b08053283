//! Turns encoded images into rows: decoded in parallel, batch by batch, in order, each image once.
//!
//! All images of a set have (or are resized to) one size, one colour mode (grey or RGB) and one depth (8 or 16 bits),
//! taken from the first image. If a later image has colour or more bits, the rows so far are converted, and reading
//! continues.

use super::picture::{self, Encoded, Outcome, Picture, PixelKind, Size, Treatment, widen};
use super::{Bits, ImageOptions, Shape};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Place, Result};
use crate::rows::assemble::Assembly;
use crate::rows::input::input_error;
use crate::rows::table::{Chunk, STEP, Stream};
use crate::rows::{Element, Rows, Store};
use crate::warnings::Warnings;
use indicatif::HumanCount;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of decoded images that a batch may hold.
const BATCH: usize = 32 << 20;

/// The intended duration of a batch: short enough for a quick stop, long enough that waiting for its last image costs
/// little.
const PERIOD: Duration = Duration::from_millis(100);

/// A source of encoded images, in order.
pub(super) trait Supply {
    /// Up to `most` further images; none at the end.
    fn next(&mut self, most: usize) -> Result<Vec<Encoded>>;
}

/// The decoded images of a supply.
pub(super) struct Gathered {
    pub rows: Store,
    /// For each row, the index of its image in the supply.
    pub kept: Vec<usize>,
    /// As `kept`, but for every row number, including rows that were dropped later.
    pub places: Vec<usize>,
    /// How many images were taken from the supply.
    pub taken: usize,
    /// If images were prepared for networks: the shapes of the images in a row, one after the other.
    pub framed: Vec<Shape>,
    tally: Tally,
}

/// Counts of images that differ from their files.
#[derive(Default)]
struct Tally {
    skipped: u64,
    /// The error of the first image that was skipped.
    first_broken: Option<String>,
    turned: u64,
    several: u64,
    rounded: u64,
    /// The number of images with 16 bits.
    deep: u64,
}

/// Decodes the images of a supply; `root` is where they come from, and `total` their number, if it is known.
pub(super) fn gather(
    spec: &str,
    root: &Path,
    total: Option<usize>,
    supply: &mut dyn Supply,
    options: &ImageOptions,
    control: &Control,
) -> Result<Gathered> {
    let mut series = Series::begin(root, supply, options, control)?;
    let mut open = options.open.clone();
    loop {
        let images = total.map_or(0, |total| total.min(series.limit));
        control.begin(WorkStage::Read, images as u64 * series.bytes() as u64);
        let mut set = Assembly::new(spec, &open, control);
        set.add_stream(root, "images", &mut series)?;
        let Some(kind) = series.wider.take() else {
            return series.end(set.finish()?);
        };
        let rows = set.gathered();
        open.memory = (options.open.memory).saturating_sub(rows.resident_bytes());
        series.resume(rows, kind);
    }
}

/// The size of the next batch, after one of `batch` images took `took`; at most `most` images fit the memory.
fn batch_after(batch: usize, most: usize, took: Duration) -> usize {
    let least = 2 * rayon::current_num_threads();
    if took < PERIOD / 2 {
        // Bounded: unlimited doubling would overflow to zero, and the rest of the set would be lost.
        (2 * batch).min(most.max(least))
    } else if took > 2 * PERIOD {
        (batch / 2).max(least)
    } else {
        batch
    }
}

/// Whether an error is about one image, so that the others can still be read.
fn is_broken(error: &Error) -> bool {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    match error {
        Error::Input { .. } => true,
        Error::Io { source, .. } => matches!(source.kind(), NotFound | PermissionDenied),
        _ => false,
    }
}

/// The state of decoding a supply.
struct Series<'s> {
    supply: &'s mut dyn Supply,
    treatment: Treatment,
    skip_broken: bool,
    /// The most rows that are wanted.
    limit: usize,
    /// The sizes that every image of the set must have once processed, and their kind.
    sizes: Vec<Size>,
    kind: PixelKind,
    /// The name of the first image, for messages.
    first: String,
    /// Rows of a narrower kind, which are converted and given first.
    before: Option<Before>,
    /// Decoded images to be given next, with their indices in the supply.
    held: VecDeque<(usize, Picture)>,
    /// The kind that the next image needs, if it is wider than the set's.
    wider: Option<PixelKind>,
    taken: usize,
    /// How many images to take at a time.
    batch: usize,
    kept: Vec<usize>,
    tally: Tally,
}

/// Rows that were decoded before the set was found to be of a wider kind.
struct Before {
    rows: Store,
    kind: PixelKind,
    next: usize,
}

impl<'s> Series<'s> {
    /// Decodes images until the first valid one, which sets the size and kind.
    fn begin(
        root: &Path,
        supply: &'s mut dyn Supply,
        options: &ImageOptions,
        control: &Control,
    ) -> Result<Self> {
        let treatment = Treatment::of(options);
        let (mut tally, mut taken) = (Tally::default(), 0);
        let (first, picture) = loop {
            control.check()?;
            let Some(encoded) = supply.next(1)?.pop() else {
                return Err(none(root, &tally));
            };
            taken += 1;
            match picture::read(&encoded, &treatment, None) {
                Ok(Outcome::Decoded(picture)) => break (encoded.name(), picture),
                Ok(Outcome::Unfit(misfit)) => return Err(encoded.unfit(misfit)),
                // Not possible, since no size was expected.
                Ok(Outcome::OtherSize(..)) => {}
                Err(error) => tally.skip(error, options.skip_broken)?,
            }
        };
        Ok(Series {
            supply,
            treatment,
            skip_broken: options.skip_broken,
            limit: options.open.limit.unwrap_or(usize::MAX),
            sizes: picture.sizes.clone(),
            kind: PixelKind {
                deep: picture.kind.deep || options.bits == Some(Bits::Sixteen),
                ..picture.kind
            },
            first,
            before: None,
            held: [(taken - 1, picture)].into(),
            wider: None,
            taken,
            batch: 2 * rayon::current_num_threads(),
            kept: Vec::new(),
            tally,
        })
    }

    /// The number of bytes in a row.
    fn bytes(&self) -> usize {
        self.numbers() * self.kind.element().size()
    }

    /// The number of values in a row.
    fn numbers(&self) -> usize {
        let pixels = self.sizes.iter().map(|(width, height)| width * height);
        pixels.sum::<usize>() * self.kind.channels()
    }

    /// Continues with a wider kind.
    fn resume(&mut self, rows: Store, kind: PixelKind) {
        self.before = Some(Before {
            rows,
            kind: self.kind,
            next: 0,
        });
        self.kind = kind;
    }

    /// Decode the next batch; false at the end.
    fn fetch(&mut self) -> Result<bool> {
        let most = (BATCH / self.bytes()).max(1);
        let wanted = self.batch.min(most).min(self.limit - self.kept.len());
        let encoded = self.supply.next(wanted)?;
        if encoded.is_empty() {
            return Ok(false);
        }
        let began = Instant::now();
        let outcomes: Vec<Result<Outcome>> = encoded
            .par_iter()
            .map(|encoded| picture::read(encoded, &self.treatment, Some(&self.sizes)))
            .collect();
        for (encoded, outcome) in encoded.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Decoded(picture)) => self.held.push_back((self.taken, picture)),
                Ok(Outcome::Unfit(misfit)) => return Err(encoded.unfit(misfit)),
                Ok(Outcome::OtherSize(found, sizes)) => {
                    return Err(self.other_size(encoded, found, &sizes));
                }
                Err(error) => self.tally.skip(error, self.skip_broken)?,
            }
            self.taken += 1;
        }
        self.batch = batch_after(self.batch, most, began.elapsed());
        Ok(true)
    }

    /// Gives the decoded images, up to one that needs a wider kind; false if that is the next one.
    fn give(&mut self, out: &mut Vec<u8>) -> bool {
        let before = self.kept.len();
        while let Some((place, picture)) = self.held.pop_front() {
            let kind = self.kind.with(picture.kind);
            if kind != self.kind {
                self.held.push_front((place, picture));
                if self.kept.len() == before {
                    self.wider = Some(kind);
                    return false;
                }
                return true;
            }
            widen(&picture.bytes, picture.kind, kind, out);
            self.kept.push(place);
            self.tally.count(&picture);
        }
        true
    }

    fn other_size(&self, encoded: &Encoded, (width, height): Size, sizes: &[Size]) -> Error {
        let input = encoded.path.display().to_string();
        let mut pairs = sizes.iter().zip(&self.sizes);
        let Some((new, known)) = pairs.find(|(new, known)| new != known) else {
            return Error::input(input, encoded.place.clone(), "it has another size", "");
        };
        let (becomes, advice) = match self.treatment.prepares() {
            true => (
                format!(" and would become {} x {}", new.0, new.1),
                "give crop= with resize=, or resize=WxH, in the space, so that all end in one size",
            ),
            false => (
                String::new(),
                "bring all to one size with --resize WIDTHxHEIGHT; where every --space begins with a network that is told \
                 how images go in (preset=, resize= and crop=, or a config beside it), each is prepared from its own size",
            ),
        };
        Error::input(
            input,
            encoded.place.clone(),
            format!(
                "the image is {width} x {height} pixels{becomes}, but {} is {} x {}",
                self.first, known.0, known.1
            ),
            advice,
        )
    }

    /// The set; rows that were dropped are left out of `kept`.
    fn end(self, rows: Store) -> Result<Gathered> {
        let shape = |&(width, height): &Size| Shape {
            width,
            height,
            channels: self.kind.channels(),
            planar: false,
        };
        let framed = self.sizes.iter().filter(|_| self.treatment.prepares());
        let numbers = (0..rows.len()).map(|row| rows.number(row) as usize);
        Ok(Gathered {
            kept: numbers.map(|number| self.kept[number]).collect(),
            places: self.kept,
            framed: framed.map(shape).collect(),
            rows,
            taken: self.taken,
            tally: self.tally,
        })
    }
}

impl Before {
    /// Gives some rows, converted to another kind; false at the end.
    fn give(&mut self, kind: PixelKind, out: &mut Vec<u8>) -> Result<bool> {
        let rows = (STEP / self.rows.width()).max(1);
        let count = rows.min(self.rows.len() - self.next);
        self.rows.runs(self.next, count, |_, bytes| {
            widen(bytes, self.kind, kind, out);
        })?;
        self.next += count;
        Ok(count > 0)
    }
}

impl Tally {
    /// Skips a broken image, if the options allow it.
    fn skip(&mut self, error: Error, wanted: bool) -> Result<()> {
        if !wanted || !is_broken(&error) {
            return Err(error);
        }
        self.skipped += 1;
        self.first_broken.get_or_insert_with(|| error.to_string());
        Ok(())
    }

    fn count(&mut self, picture: &Picture) {
        self.turned += u64::from(picture.turned);
        self.several += u64::from(picture.several);
        self.rounded += u64::from(picture.rounded);
        self.deep += u64::from(picture.kind.deep);
    }
}

impl Gathered {
    /// The number of images that were left out.
    pub fn skipped(&self) -> u64 {
        self.tally.skipped
    }

    /// Warnings about images that differ from their files.
    pub fn warnings(&self, root: &Path) -> Warnings {
        let mut warnings = Warnings::default();
        let (root, tally) = (root.display(), &self.tally);
        if let Some(first) = &tally.first_broken {
            warnings.add(format!(
                "{} images in {root} were skipped; the first: {first}",
                tally.skipped
            ));
        }
        let all = self.rows.len() as u64 + self.rows.dropped();
        let widened = match self.rows.element() {
            Element::U16 => all - tally.deep,
            _ => 0,
        };
        let counts = [
            (
                tally.rounded,
                "have 16 bits a channel and were rounded to 8",
            ),
            (
                widened,
                "have 8 bits a channel and were brought to 16 (255 is 65535), as others have",
            ),
            (
                tally.turned,
                "were turned as the EXIF orientation in their files says (--no-exif: as stored)",
            ),
            (
                tally.several,
                "hold several frames or pages, of which the first was taken",
            ),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let [count, all] = [count, all].map(HumanCount);
            warnings.add(format!("{count} of {all} images in {root} {what}"));
        }
        warnings
    }
}

/// The error for a set of which no image could be decoded.
fn none(root: &Path, tally: &Tally) -> Error {
    let first = tally.first_broken.as_ref();
    let first = first.map_or_else(String::new, |error| format!("; the first: {error}"));
    input_error(
        root,
        Place::Whole,
        format!("none of the {} images can be decoded{first}", tally.skipped),
        "at least one is needed",
    )
}

impl Stream for Series<'_> {
    fn axes(&self) -> Vec<usize> {
        match (&self.sizes[..], self.kind.colour) {
            (&[(width, height)], true) => vec![height, width, self.kind.channels()],
            (&[(width, height)], false) => vec![height, width],
            _ => vec![self.numbers()],
        }
    }

    fn element(&self) -> Element {
        self.kind.element()
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let out = &mut chunk.values;
        if let Some(before) = &mut self.before {
            if before.give(self.kind, out)? {
                return Ok(true);
            }
            self.before = None;
        }
        if self.held.is_empty() && !self.fetch()? {
            return Ok(false);
        }
        Ok(self.give(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::images::picture::Content;
    use std::path::PathBuf;

    /// Files that are removed as soon as further ones are requested.
    struct Vanishing {
        left: VecDeque<PathBuf>,
        given: Vec<PathBuf>,
    }

    impl Supply for Vanishing {
        fn next(&mut self, most: usize) -> Result<Vec<Encoded>> {
            for path in self.given.drain(..) {
                std::fs::remove_file(path).unwrap();
            }
            let files = self.left.len().min(most);
            self.given.extend(self.left.drain(..files));
            let encoded = |path: &PathBuf| Encoded {
                path: path.clone(),
                place: Place::Whole,
                content: Content::File,
            };
            Ok(self.given.iter().map(encoded).collect())
        }
    }

    #[test]
    fn an_image_is_read_once_also_if_the_set_turns_out_to_be_wider() {
        let folder = tempfile::tempdir().unwrap();
        let files = (0..60u8).map(|i| {
            let path = folder.path().join(format!("{i}.png"));
            let grey =
                image::DynamicImage::from(image::GrayImage::from_pixel(1, 1, image::Luma([i])));
            match i {
                20 => grey.to_rgb8().save(&path).unwrap(),
                40 => grey.to_luma16().save(&path).unwrap(),
                _ => grey.save(&path).unwrap(),
            }
            path
        });
        let mut files = Vanishing {
            left: files.collect(),
            given: Vec::new(),
        };
        let mut options = ImageOptions::default();
        options.open.memory = 1 << 20;
        let control = Control::default();
        let set = gather("set", folder.path(), None, &mut files, &options, &control).unwrap();
        let mut values = vec![0.0; 180];
        set.rows.read_f64(0, &mut values).unwrap();
        let expected: Vec<f64> = (0..60).flat_map(|i| [257.0 * f64::from(i); 3]).collect();
        assert_eq!((values, set.taken), (expected, 60));
    }

    #[test]
    fn batches_never_come_to_nothing() {
        let mut batch = 4;
        for _ in 0..200 {
            batch = batch_after(batch, 1000, Duration::ZERO);
            assert!((1..=1000).contains(&batch), "{batch}");
        }
        assert_eq!(batch, 1000);
        for _ in 0..200 {
            batch = batch_after(batch, 1000, 3 * PERIOD);
        }
        assert_eq!(batch, 2 * rayon::current_num_threads());
        assert_eq!(batch_after(batch, 1000, PERIOD), batch);
        assert!(batch_after(batch, 1, Duration::ZERO) >= 1);
    }
}
