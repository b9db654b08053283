//! The sets of images that were asked for: their source, their names, and the folders of their finished spaces.

use super::Args;
use crate::control::Control;
use crate::error::Result;
use crate::job::images::Opened;
use crate::rows::{Watch, check_there};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// The most letters of a folder's name that are taken from the name of a set.
const LETTERS: usize = 60;

/// The source of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImageSource {
    /// The built-in sample.
    Sample,
    /// MNIST in the folder of --data.
    Mnist,
    /// Fashion-MNIST in the same folder.
    Fashion,
    /// Files named by the user.
    Given,
}

/// A data set before it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub name: String,
    /// Training and test images; `None` for the built-in sample.
    pub pair: Option<[String; 2]>,
    /// The suffix of the names of its folders.
    pub slug: String,
    source: ImageSource,
}

impl Named {
    fn new(name: &str, pair: Option<[String; 2]>, source: ImageSource) -> Self {
        Named {
            name: name.into(),
            slug: plain(name),
            pair,
            source,
        }
    }

    /// Whether the experiment on latents uses the set. The built-in networks were trained on Fashion-MNIST, so of the two sets
    /// of --data only that one.
    pub fn has_latents(&self) -> bool {
        self.source != ImageSource::Mnist
    }
}

/// The name in lower case; other characters than letters and digits become dashes.
fn plain(name: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let slug: String = name.chars().map(letter).take(LETTERS).collect();
    slug.trim_matches('-').into()
}

/// The sets of --data.
pub fn of_folder(folder: &Path) -> Vec<Named> {
    let set = |(name, part, source): (&str, &str, ImageSource)| {
        let file = |kind: &str| {
            let file = folder.join(part).join(format!("{kind}-images-idx3-ubyte"));
            let packed = file.with_file_name(format!("{kind}-images-idx3-ubyte.gz"));
            let there = if file.exists() { file } else { packed };
            there.display().to_string()
        };
        Named::new(name, Some([file("train"), file("t10k")]), source)
    };
    let both = [
        ("MNIST", "mnist", ImageSource::Mnist),
        ("Fashion-MNIST", "fashion-mnist", ImageSource::Fashion),
    ];
    both.map(set).into()
}

/// The built-in sample.
pub fn sample() -> Vec<Named> {
    vec![Named::new(
        "sample of Fashion-MNIST",
        None,
        ImageSource::Sample,
    )]
}

/// Pairs that the user named. Each gets a name that no other has: the training images', with the test images' where that
/// is not enough, and a number where both are equal. The folder's name holds a hash of the pair, because [`plain`] maps
/// different names to one.
pub fn given(images: &[String]) -> Vec<Named> {
    let pairs: Vec<[String; 2]> = images.as_chunks().0.to_vec();
    let shared = |train: &String| pairs.iter().filter(|[other, _]| other == train).count() > 1;
    let (mut names, mut slugs) = (HashSet::new(), HashSet::new());
    let named = |pair: &[String; 2]| {
        let [train, test] = pair;
        let name = match shared(train) {
            true => format!("{train} and {test}"),
            false => train.clone(),
        };
        let hash = blake3::hash(format!("{train}\0{test}").as_bytes()).to_hex();
        let slug = format!("{}-{}", plain(train), &hash[..6]);
        Named {
            name: unique(&mut names, name, |n| format!(" ({n})")),
            slug: unique(&mut slugs, slug.trim_matches('-').into(), |n| {
                format!("-{n}")
            }),
            pair: Some(pair.clone()),
            source: ImageSource::Given,
        }
    };
    pairs.iter().map(named).collect()
}

/// The text, with a number appended if it is taken already.
fn unique(taken: &mut HashSet<String>, text: String, number: impl Fn(usize) -> String) -> String {
    let variants = (2..).map(|n| format!("{text}{}", number(n)));
    let mut variants = std::iter::once(text.clone()).chain(variants);
    // There are more numbers than names, so one is free.
    let free = variants.find(|text| !taken.contains(text)).unwrap_or(text);
    taken.insert(free.clone());
    free
}

/// A data set, open.
pub struct ImagePair {
    pub named: Named,
    pub opened: Opened,
    /// Its files, watched since before they were opened.
    pub watch: Arc<Watch>,
    /// Notes from opening the set.
    pub notes: Vec<String>,
}

/// Opens sets one after the other; each gets the part of the budget for rows that the earlier ones leave.
///
/// Errors: sets that cannot be read.
pub fn open(args: &Args, named: Vec<Named>, control: &Control) -> Result<Vec<ImagePair>> {
    let mut rows = args.rows();
    let mut sets = Vec::new();
    for named in named {
        control.set_task(format!("opening {}", named.name));
        let pair = named.pair.as_ref().map(|[a, b]| (a.as_str(), b.as_str()));
        let watch = Watch::of(named.pair.iter().flatten().cloned());
        let mut opened = args.decoding.open(&rows, pair, None, control)?;
        rows.memory = Some(opened.left);
        let about = |note: String| format!("{}: {note}", named.name);
        let mut notes: Vec<String> = opened.warnings.take().into_iter().map(about).collect();
        if opened.skipped > 0 {
            notes.push(about(format!(
                "{} image files could not be decoded and were left out",
                opened.skipped
            )));
        }
        sets.push(ImagePair {
            named,
            opened,
            watch: Arc::new(watch),
            notes,
        });
    }
    control.set_task("");
    Ok(sets)
}

/// Refuses files that are not there, as far as their names tell.
pub fn check(named: &[Named]) -> Result<()> {
    let files = named.iter().flat_map(|named| &named.pair).flatten();
    // A folder of images is checked by its reader.
    let mut files = files.filter(|file| !Path::new(file).is_dir());
    files.try_for_each(|file| check_there(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(images: &str) -> Vec<Named> {
        given(&images.split(", ").map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_pair_has_a_name_and_a_folder_of_its_own() {
        let sets = names("MNIST, a, train, a, train, b, train, a, tr\u{e4}in, a, tr\u{f6}in, a");
        let all: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
        let expected = "MNIST, train and a, train and b, train and a (2), tr\u{e4}in, tr\u{f6}in";
        assert_eq!(all.join(", "), expected);
        let slugs: HashSet<&str> = sets.iter().map(|set| set.slug.as_str()).collect();
        assert_eq!(slugs.len(), sets.len(), "{slugs:?}");
        // The folder of a pair does not depend on the other pairs.
        assert_eq!(names("train, b")[0].slug, sets[2].slug);
        assert!(sets.iter().all(Named::has_latents));
    }

    #[test]
    fn a_name_that_looks_numbered_is_still_a_name_of_its_own() {
        let sets = names("x, y, x, y, x and y (2), z");
        let all: HashSet<&str> = sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(all.len(), 3, "{all:?}");
    }

    #[test]
    fn of_the_folder_s_two_sets_one_has_latents() {
        let sets = of_folder(Path::new("data"));
        let latents: Vec<bool> = sets.iter().map(Named::has_latents).collect();
        assert_eq!(latents, [false, true]);
        assert_eq!(sample()[0].slug, "sample-of-fashion-mnist");
    }
}
