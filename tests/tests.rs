//! Integration tests of everything that users rely on: one module for each subject, in one binary.

mod common;

/// Arrays by name in files of scientific formats.
mod arrays;
/// `bench`: measurements, outputs, and refused input.
mod bench;
/// No circular imports among the files of a folder.
mod circles;
/// Which columns of a table become the rows, which are left out, and that both are reported.
mod columns;
/// The program as users run it: outputs, exit codes, no files left behind.
mod commands;
/// The same queries in several spaces; `compare` as users run it.
mod compare;
/// Definitions of "inside" compared with closed forms, each other, and references without a row.
mod definitions;
/// Delaunay simplices compared with SciPy, empty spheres by plain sums, values computed by hand, and projections.
mod delaunay;
/// `devices` and the options that choose an adapter.
#[cfg(feature = "gpu")]
mod devices;
/// Brackets of distances against exact rational ones.
mod distances;
/// Files of other libraries: torch, faiss, types that NumPy does not know.
mod dumps;
/// The largest and smallest numbers, integers that f64 rounds, the same digits on any number of threads.
mod edges;
/// `embed`: the rows of a space as files that can be read back, with names and labels; and refused input.
mod embed;
/// Networks written by other programs: their features, and the names of their tensors.
#[cfg(feature = "onnx")]
mod encoders;
/// `errors`: which notion predicts a model's errors, from the folder of a comparison.
mod errors;
/// Few dimensions: extreme rows and trees give the answers for all rows.
mod few_dimensions;
/// Experiments of the paper that a folder keeps for later runs.
mod findings;
/// Every file format: files of other libraries, truncated files, flipped bits, false headers.
mod formats;
/// Runs the seeds of the fuzz targets once.
mod fuzzing;
/// The GPU on every adapter of this machine: passes against twins, and the suite.
#[cfg(feature = "gpu")]
mod gpu;
/// A device that is lost, out of memory, or computes wrongly.
#[cfg(feature = "gpu")]
mod gpu_faults;
/// Imports go one way; every file opens with its purpose.
mod house;
/// Labelled images in tables, as Hugging Face's datasets writes them; names of classes.
mod image_sets;
/// Sets of images: folders, CIFAR, arrays, labels; broken files, and memory.
mod images;
/// JSON and JSON Lines: rows, fields, and messages about faults.
mod json;
/// What the program says to someone who mistypes.
mod messages;
/// Known answers on MNIST.
mod mnist;
/// Nearest neighbours are exact, whatever the data.
mod neighbours;
/// The program's notes: each appears where it is true, and only there.
mod notes;
/// No output of a command is one of its inputs.
mod outputs;
/// The paper's experiments.
mod paper;
/// Image files of different sizes, each prepared from its own size for networks.
#[cfg(feature = "onnx")]
mod pictures;
/// Images go into a network as Pillow, torchvision, transformers and timm prepare them.
#[cfg(feature = "onnx")]
mod preparation;
/// The lines that are printed during long work.
mod progress;
/// A prepared reference (`fit`): a file gives the same answers, and wrong files are refused.
mod ready;
/// Files that are recognised but not read.
mod refused;
/// No results are lost and no run hangs, however it ends.
mod reliable;
/// Equal rows: the answers of brute force, at the cost of distinct rows.
mod repeats;
/// Results as tables, files, figures and pages.
mod report;
/// Shaders compile and have the host's layouts, without any driver.
#[cfg(feature = "gpu")]
mod shaders;
/// Rates of random points compared with exact probabilities; `sweep` as users run it.
mod sweep;
/// Text tables as people write them.
mod texts;
/// Closed forms and hull probabilities.
mod theory;
/// Verdicts compared with exact rational arithmetic: scales, units, faces, flat data.
mod truth;
/// Every scan in the suite, and the suite on faulty scans.
mod twins;
/// Verdicts compared with a linear program; invariants; degenerate references.
mod verdicts;
/// `verify`: changed files, files about other rows, extreme numbers.
mod verify;
/// Word vectors in text and in word2vec's binary form.
mod words;
/// Zarr arrays, and folders with false metadata.
mod zarr;
