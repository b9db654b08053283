//! The sets of images that were asked for: their names, and the folders of their finished spaces.

use super::Options;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Watch;
use crate::study::paper::images::Data;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// The most letters of a folder's name that are taken from the name of a set.
const LETTERS: usize = 60;

/// A data set before it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub name: String,
    /// Training and test images; `None` for the built-in sample.
    pub pair: Option<[String; 2]>,
    /// The suffix of the names of its folders.
    pub slug: String,
    /// Whether the experiment on latents uses the set.
    pub has_latents: bool,
}

impl Named {
    fn new(name: String, pair: Option<[String; 2]>) -> Self {
        Named {
            slug: plain(&name),
            name,
            pair,
            has_latents: true,
        }
    }

    /// The built-in sample.
    pub fn sample() -> Self {
        Named::new("sample of Fashion-MNIST".into(), None)
    }

    /// Its two files.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        self.pair.iter().flatten()
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

/// The sets of --data. The built-in networks were trained on Fashion-MNIST, so only that one has latents.
pub fn of_folder(folder: &Path) -> Vec<Named> {
    let set = |name: &str, part: &str| {
        let file = |kind: &str| {
            let file = folder.join(part).join(format!("{kind}-images-idx3-ubyte"));
            let packed = file.with_file_name(format!("{kind}-images-idx3-ubyte.gz"));
            let there = if file.exists() { file } else { packed };
            there.display().to_string()
        };
        Named::new(name.into(), Some([file("train"), file("t10k")]))
    };
    let digits = Named {
        has_latents: false,
        ..set("MNIST", "mnist")
    };
    vec![digits, set("Fashion-MNIST", "fashion-mnist")]
}

/// Pairs that the user named, each once. Each gets a name that no other has: the training images', with the test images'
/// where others have the same, and a number where another pair is called that. The folder's name holds a hash of the
/// pair, because [`plain`] maps different names to one.
pub fn given(images: &[String]) -> Vec<Named> {
    let mut pairs: Vec<&[String; 2]> = Vec::new();
    for pair in images.as_chunks().0 {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let mut names = HashSet::new();
    let named = |pair: &&[String; 2]| {
        let [train, test] = pair;
        let shared = pairs.iter().filter(|[other, _]| other == train).count() > 1;
        let name = match shared {
            true => format!("{train} and {test}"),
            false => train.clone(),
        };
        let hash = blake3::hash(format!("{train}\0{test}").as_bytes()).to_hex();
        let slug = format!("{}-{}", plain(train), &hash[..6]);
        Named {
            slug: slug.trim_matches('-').into(),
            ..Named::new(unique(&mut names, name), Some((*pair).clone()))
        }
    };
    pairs.iter().map(named).collect()
}

/// The name, with a number appended if it is taken already.
fn unique(taken: &mut HashSet<String>, name: String) -> String {
    let mut free = name.clone();
    for number in 2.. {
        if taken.insert(free.clone()) {
            break;
        }
        free = format!("{name} ({number})");
    }
    free
}

/// A data set, open.
pub struct ImagePair {
    pub named: Named,
    pub data: Data,
    /// Image files that were left out.
    pub skipped: u64,
    /// Its files, watched since before they were opened.
    pub watch: Arc<Watch>,
    /// Notes from opening the set.
    pub notes: Vec<String>,
}

impl ImagePair {
    /// The bytes of its rows in memory.
    pub fn resident_bytes(&self) -> u64 {
        let Data {
            reference, queries, ..
        } = &self.data;
        reference.rows.resident_bytes() + queries.rows.resident_bytes()
    }
}

/// Opens sets one after the other; each gets the part of the budget for rows that the earlier ones leave.
///
/// Errors: sets that cannot be read.
pub fn open(options: &Options, named: &[Named], control: &Control) -> Result<Vec<ImagePair>> {
    let mut rows = options.rows();
    let mut sets = Vec::new();
    for named in named {
        control.set_task(format!("opening {}", named.name));
        let pair: Vec<&str> = named.files().map(String::as_str).collect();
        let watch = Arc::new(Watch::of(named.files().cloned()));
        let opened = options.decoding.open(&rows, &pair, None, control)?;
        rows.memory = Some(opened.left);
        let left_out = (opened.skipped > 0).then(|| {
            format!(
                "{} image files could not be decoded and were left out",
                opened.skipped
            )
        });
        let notes = opened.warnings.into_iter().chain(left_out);
        let notes = notes.map(|note| format!("{}: {note}", named.name));
        sets.push(ImagePair {
            notes: notes.collect(),
            named: named.clone(),
            data: Data {
                name: named.name.clone(),
                reference: opened.reference,
                queries: opened.queries,
            },
            skipped: opened.skipped,
            watch,
        });
    }
    control.set_task("");
    Ok(sets)
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
        let expected = "MNIST, train and a, train and b, tr\u{e4}in, tr\u{f6}in";
        assert_eq!(all.join(", "), expected);
        let slugs: HashSet<&str> = sets.iter().map(|set| set.slug.as_str()).collect();
        assert_eq!(slugs.len(), sets.len(), "{slugs:?}");
        // The folder of a pair does not depend on the other pairs.
        assert_eq!(names("train, b")[0].slug, sets[2].slug);
        assert!(sets.iter().all(|set| set.has_latents));
    }

    #[test]
    fn a_name_that_looks_numbered_is_still_a_name_of_its_own() {
        let sets = names("x, y, x, z, x and y, q, x and y (2), r, x and y, q");
        let all: HashSet<&str> = sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!((all.len(), sets.len()), (4, 4), "{all:?}");
    }

    #[test]
    fn of_the_folder_s_two_sets_one_has_latents() {
        let sets = of_folder(Path::new("data"));
        let latents: Vec<bool> = sets.iter().map(|set| set.has_latents).collect();
        assert_eq!(latents, [false, true]);
        assert_eq!(Named::sample().slug, "sample-of-fashion-mnist");
    }
}
