//! Files kept between runs: the driver's compiled shaders, and which tile was fastest.
//!
//! Files lie in `hullscope/` below the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`, else
//! `LOCALAPPDATA`). They may be deleted at any time. A file starts with a header that names its format, this version,
//! the adapter and driver, and a checksum; one that does not match is ignored and later replaced. Failing to write is
//! not an error: the next run is a little slower to start.

use flate2::Crc;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wgpu::Features;

/// First line of every file here; the version of the program is part of it.
const FORMAT: &str = concat!(
    "hullscope cache 1, program ",
    env!("CARGO_PKG_VERSION"),
    ", wgpu 30"
);

/// The cache folder, if the user has one.
pub fn folder() -> Option<PathBuf> {
    let named = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = named("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .or_else(|| named("LOCALAPPDATA"))?;
    Some(base.join("hullscope"))
}

/// A key that changes whenever one adapter's files are unusable for another.
pub fn adapter_key(info: &wgpu::AdapterInfo) -> String {
    format!(
        "{:?} {:04x}:{:04x} {} / {} {}",
        info.backend, info.vendor, info.device, info.name, info.driver, info.driver_info
    )
}

/// The file name `PREFIX-HASH` for an adapter.
fn file_name(prefix: &str, key: &str) -> String {
    format!("{prefix}-{:08x}", checksum(key.as_bytes()))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The contents of a file of this adapter. `None` if there is no file, or if it is damaged or from another version.
pub fn load(folder: &Path, prefix: &str, key: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(folder.join(file_name(prefix, key))).ok()?;
    let rest = bytes.strip_prefix(format!("{FORMAT}\n{key}\n").as_bytes())?;
    let (sum, contents) = rest.split_at_checked(4)?;
    (sum == checksum(contents).to_le_bytes()).then(|| contents.to_vec())
}

/// Replace a file of this adapter atomically.
pub fn store(folder: &Path, prefix: &str, key: &str, contents: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    write!(file, "{FORMAT}\n{key}\n")?;
    file.write_all(&checksum(contents).to_le_bytes())?;
    file.write_all(contents)?;
    file.persist(folder.join(file_name(prefix, key)))?;
    Ok(())
}

/// The driver's cache of compiled shaders, if the device supports one.
pub struct Cached {
    handle: Option<wgpu::PipelineCache>,
    key: String,
    /// The number of bytes loaded.
    loaded: usize,
}

impl Cached {
    /// No cache.
    pub fn none() -> Self {
        Cached {
            handle: None,
            key: String::new(),
            loaded: 0,
        }
    }

    /// Load the file of an earlier run on this adapter.
    pub fn open(device: &wgpu::Device, adapter: &wgpu::Adapter, features: Features) -> Self {
        let key = adapter_key(&adapter.get_info());
        if !features.contains(Features::PIPELINE_CACHE) {
            return Self::none();
        }
        let data = folder().and_then(|folder| load(&folder, "pipelines", &key));
        // SAFETY: the data was returned by `get_data` of an earlier run with the same adapter, driver and version: `load`
        // compares all three and a checksum, and wgpu and the driver check their own headers again.
        let handle = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("hullscope"),
                data: data.as_deref(),
                fallback: true,
            })
        };
        Cached {
            handle: Some(handle),
            key,
            loaded: data.map_or(0, |data| data.len()),
        }
    }

    /// The cache to compile pipelines with.
    pub fn handle(&self) -> Option<&wgpu::PipelineCache> {
        self.handle.as_ref()
    }

    /// Store the compiled shaders, if there are more than at the start.
    pub fn save(&self) {
        let Some(data) = self.handle.as_ref().and_then(wgpu::PipelineCache::get_data) else {
            return;
        };
        if data.len() != self.loaded
            && let Some(folder) = folder()
        {
            // Failing to write the cache is not an error.
            let _ = store(&folder, "pipelines", &self.key, &data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_file_of_this_adapter_and_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(load(folder, "tiles", "a"), None);
        store(folder, "tiles", "a", b"contents").unwrap();
        assert_eq!(
            load(folder, "tiles", "a").as_deref(),
            Some(&b"contents"[..])
        );
        assert_eq!(load(folder, "tiles", "b"), None);
        let path = folder.join(file_name("tiles", "a"));
        let good = fs::read(&path).unwrap();
        for (from, to) in [("1", "2"), ("wgpu 30", "wgpu 29"), ("contents", "Contents")] {
            let text = String::from_utf8_lossy(&good).replacen(from, to, 1);
            fs::write(&path, text.as_bytes()).unwrap();
            assert_eq!(load(folder, "tiles", "a"), None, "{from}");
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(load(folder, "tiles", "a"), None, "cut to {length}");
        }
    }
}
