//! Finds the image files of a folder or a pattern, and gives them an order and names.
//!
//! Images are recognised by their extension; hidden files and folders are left out, links are followed. The order is
//! the natural one of the paths, folder by folder, and so does not depend on the file system or on threads.

use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::sources::is_hidden;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Extensions of the formats that are decoded.
const DECODED: [&str; 15] = [
    "png", "jpg", "jpeg", "jfif", "jpe", "webp", "bmp", "dib", "gif", "tif", "tiff", "pnm", "pgm",
    "ppm", "pbm",
];

/// Extensions of image formats that are not supported.
const UNKNOWN: [&str; 11] = [
    "avif", "exr", "hdr", "heic", "heif", "ico", "jp2", "jxl", "psd", "svg", "tga",
];

/// Extensions of files that describe a data set, such as notes.
const NOTES: [&str; 9] = [
    "db", "html", "json", "jsonl", "md", "txt", "xml", "yaml", "yml",
];

/// Extensions of files that may be data, but beside images are as likely to describe them.
const TABLES: [&str; 3] = ["", "csv", "tsv"];

/// How many files are listed between two checks of the stop flag.
const LOOK: usize = 256;

/// The image files below a folder.
pub(super) struct Listing {
    /// The folder.
    pub root: PathBuf,
    /// Paths below it, in order.
    pub paths: Vec<PathBuf>,
    /// The number of files of each other extension, except notes and tables.
    others: BTreeMap<String, usize>,
    /// Whether there is a file in the folder itself that may hold rows.
    pub rows: bool,
}

/// Whether the file name is that of an image in a supported format.
pub(super) fn is_image(path: &Path) -> bool {
    DECODED.contains(&extension(path).as_str())
}

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |extension| {
        extension.to_string_lossy().to_lowercase()
    })
}

impl Listing {
    fn of(root: PathBuf) -> Self {
        Listing {
            root,
            paths: Vec::new(),
            others: BTreeMap::new(),
            rows: false,
        }
    }

    fn add(&mut self, path: PathBuf) {
        let extension = extension(&path);
        let is = |list: &[&str]| list.contains(&extension.as_str());
        if is(&DECODED) {
            self.paths.push(path);
            return;
        }
        self.rows |= !is(&NOTES) && !is(&UNKNOWN) && path.components().count() == 1;
        if !is(&NOTES) && !is(&TABLES) {
            *self.others.entry(extension).or_default() += 1;
        }
    }

    /// All images in a folder and its subfolders, possibly none.
    pub fn of_folder(root: &Path, control: &Control) -> Result<Self> {
        let mut listing = Listing::of(root.into());
        let walk = WalkDir::new(root)
            .min_depth(1)
            .follow_links(true)
            .sort_by(|a, b| natural(Path::new(a.file_name()), Path::new(b.file_name())))
            .into_iter()
            .filter_entry(|entry| !is_hidden(entry.file_name()));
        for (number, entry) in walk.enumerate() {
            if number.is_multiple_of(LOOK) {
                control.check()?;
            }
            let path = match entry {
                Ok(entry) if !entry.file_type().is_file() => continue,
                Ok(entry) => entry.into_path(),
                // A dangling link is listed as a file: an image that cannot be read, or a file of no interest.
                Err(error) if dangling(&error) => match error.path() {
                    Some(path) => path.into(),
                    None => continue,
                },
                Err(error) => return Err(unlisted(root, error)),
            };
            listing.add(
                path.strip_prefix(root)
                    .map(Path::to_path_buf)
                    .unwrap_or(path),
            );
        }
        Ok(listing)
    }

    /// The images among the files that match a pattern; the root is the part of the pattern without wildcards.
    pub fn of_matches(pattern: &str, mut files: Vec<PathBuf>) -> Self {
        let root: PathBuf = Path::new(pattern)
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        files.sort_by(|a, b| natural(a, b));
        let mut listing = Listing::of(root);
        for file in files {
            let below = file.strip_prefix(&listing.root).unwrap_or(&file);
            if !below.components().any(|part| is_hidden(part.as_os_str())) {
                listing.add(below.into());
            }
        }
        listing
    }

    /// A listing of one image.
    pub fn of_file(path: &Path) -> Self {
        let mut listing = Listing::of(path.parent().unwrap_or(Path::new("")).into());
        listing.add(path.file_name().map_or(path.into(), PathBuf::from));
        listing
    }

    /// The path of an image.
    pub fn path(&self, file: usize) -> PathBuf {
        self.root.join(&self.paths[file])
    }

    /// Counts of the other files, as text: `3 of .npy, 1 of .heic`; empty if there are none.
    pub fn others(&self) -> String {
        let mut others: Vec<(&String, &usize)> = self.others.iter().collect();
        others.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
        let words = others
            .iter()
            .take(5)
            .map(|(extension, count)| format!("{count} of .{extension}"));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Reads the top-level folder of each image as its class: a class index for each image, and the class names.
    /// Otherwise returns the first image that is not in a folder.
    pub fn folders(&self) -> std::result::Result<(Vec<u32>, Vec<String>), &Path> {
        let (mut classes, mut names) = (Vec::with_capacity(self.paths.len()), Vec::new());
        for path in &self.paths {
            let mut parts = path.components();
            let (Some(folder), Some(_)) = (parts.next(), parts.next()) else {
                return Err(path);
            };
            let folder = folder.as_os_str().to_string_lossy();
            // The paths are sorted folder by folder.
            if names.last().is_none_or(|last| *last != folder) {
                names.push(folder.into_owned());
            }
            classes.push(names.len() as u32 - 1);
        }
        Ok((classes, names))
    }
}

/// The error for a folder without images.
pub(super) fn none(listing: &Listing) -> Error {
    let mut found = format!(
        "there are no images in the folder or below it (.{} were looked for)",
        DECODED.join(", .")
    );
    if !listing.others.is_empty() {
        found = format!("{found}; there are {}", listing.others());
    }
    Error::input(
        listing.root.display().to_string(),
        Place::Whole,
        found,
        "name a folder of images, with a subfolder for each class if there are classes",
    )
}

fn dangling(error: &walkdir::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        && error.depth() > 0
}

fn unlisted(root: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(root).to_path_buf();
    match error.loop_ancestor().map(Path::to_path_buf) {
        Some(above) => Error::input(
            path.display().to_string(),
            Place::Whole,
            format!("the link leads back to {}, above it", above.display()),
            "remove the link",
        ),
        None => {
            // Only a loop has no I/O error.
            let error = error
                .into_io_error()
                .unwrap_or_else(|| std::io::Error::other("unknown"));
            Error::io("list", path, error)
        }
    }
}

/// Natural order, part by part. It ignores blanks, so paths that it considers equal are compared literally.
fn natural(a: &Path, b: &Path) -> Ordering {
    let parts = a.components().zip(b.components());
    for (a, b) in parts {
        let (a, b) = (a.as_os_str(), b.as_os_str());
        let order = natord::compare(&a.to_string_lossy(), &b.to_string_lossy());
        match order.then_with(|| a.cmp(b)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    a.components().count().cmp(&b.components().count())
}

/// The names of many files, stored in little memory as one text with the end of each name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rows) struct Files {
    text: String,
    ends: Vec<usize>,
}

impl Files {
    pub(super) fn push(&mut self, path: &Path) {
        for (number, part) in path.components().enumerate() {
            if number > 0 {
                self.text.push('/');
            }
            self.text.push_str(&part.as_os_str().to_string_lossy());
        }
        self.ends.push(self.text.len());
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The file of a row, relative to the folder, with `/` as the separator. Panics if there is no such row.
    pub fn name(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_natural_and_total() {
        let sorted = [
            "a",
            "a b/1",
            "ab/1",
            "b/2.png",
            "b/10.png",
            "b/10.png/x",
            "b-1/0",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(
                    natural(Path::new(a), Path::new(b)),
                    i.cmp(&j),
                    "{a} and {b}"
                );
            }
        }
    }

    #[test]
    fn the_root_of_a_pattern_is_its_plain_part() {
        let files = vec![PathBuf::from("x/train/b/10.png"), "x/train/b/9.png".into()];
        let listing = Listing::of_matches("x/train/*/*.png", files);
        assert_eq!(listing.root, Path::new("x/train"));
        assert_eq!(listing.paths, [Path::new("b/9.png"), Path::new("b/10.png")]);
        assert_eq!(listing.folders(), Ok((vec![0, 0], vec!["b".into()])));
    }
}
