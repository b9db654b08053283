//! Image files of different sizes as input of networks that state how images are prepared: each is prepared from its
//! own size when it is decoded, with the same numbers as alone; images that cannot be prepared are refused with advice
//! on what to type.

use crate::common::onnx::one_node;
use crate::common::random;
use crate::formats::{Folder, encode, npy};
use crate::preparation::{as_bytes, seen};
use hullscope::control::Control;
use hullscope::rows::images::Shape;
use hullscope::rows::{Element, OpenOptions, open};
use hullscope::space::{Set, Spec, frames};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use rand::RngExt;

/// Width and height of the pictures.
const SIZES: [(usize, usize); 5] = [(40, 30), (30, 40), (64, 20), (33, 33), (12, 90)];

fn shape((width, height): (usize, usize)) -> Shape {
    Shape {
        height,
        width,
        channels: 3,
        planar: false,
    }
}

fn noise(size: (usize, usize), seed: u64) -> Vec<f64> {
    let mut random = random(seed);
    let mut pixel = || f64::from(random.random::<u8>());
    (0..3 * size.0 * size.1).map(|_| pixel()).collect()
}

/// Encodes bytes of colour as PNG, with `deep` as the same values in 16 bits (257 times the byte).
fn png((width, height): (usize, usize), pixels: &[f64], deep: bool) -> Vec<u8> {
    let bytes = pixels.iter().map(|&pixel| pixel as u8);
    let (kind, bytes): (_, Vec<u8>) = match deep {
        false => (ExtendedColorType::Rgb8, bytes.collect()),
        true => {
            let words = bytes.flat_map(|byte| (257 * u16::from(byte)).to_ne_bytes());
            (ExtendedColorType::Rgb16, words.collect())
        }
    };
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    encoder
        .write_image(&bytes, width as u32, height as u32, kind)
        .unwrap();
    file
}

/// A folder of pictures of all sizes, and their pixels.
fn pictures(folder: &Folder, name: &str) -> Vec<((usize, usize), Vec<f64>)> {
    let all = SIZES.iter().enumerate().map(|(place, &size)| {
        let pixels = noise(size, place as u64);
        folder.file(&format!("{name}/{place}.png"), &png(size, &pixels, false));
        (size, pixels)
    });
    all.collect()
}

/// The features that a network computes for pictures, each read as a set of its own.
fn alone(path: &str, settings: &str, pictures: &[((usize, usize), Vec<f64>)]) -> Vec<Vec<f64>> {
    let row = |(size, pixels): &((usize, usize), Vec<f64>)| {
        let set = Set {
            rows: as_bytes(shape(*size), pixels),
            shape: Some(shape(*size)),
            range: 255.0,
            framed: Vec::new(),
        };
        seen(path, settings, set).unwrap().0
    };
    pictures.iter().map(row).collect()
}

fn run(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let output = folder.run(words);
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The rows of the file in `out/` with this beginning of its name and rows of this length.
fn rows(folder: &Folder, begin: &str, dim: usize) -> Vec<Vec<f64>> {
    let files = std::fs::read_dir(folder.path("out")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let options = OpenOptions {
        memory: 1 << 24,
        ..OpenOptions::default()
    };
    for name in names.filter(|name| name.starts_with(begin) && name.ends_with(".npy")) {
        let rows = open(
            &folder.path(&format!("out/{name}")),
            &options,
            &Control::default(),
        )
        .unwrap();
        if rows.dim() == dim {
            let mut values = vec![0.0; rows.len() * dim];
            rows.read_f64(0, &mut values).unwrap();
            return values.chunks(dim).map(<[f64]>::to_vec).collect();
        }
    }
    panic!("no rows of {dim} numbers in {begin}")
}

#[test]
fn each_picture_is_prepared_from_its_own_size_for_every_network() {
    let folder = Folder::new();
    let mixed = pictures(&folder, "photos");
    // Images from arrays are prepared in the same way.
    let arrays: Vec<_> = (7..9)
        .map(|seed| ((36, 24), noise((36, 24), seed)))
        .collect();
    let values: Vec<f64> = arrays
        .iter()
        .flat_map(|(_, pixels)| pixels.clone())
        .collect();
    let axes = "(2, 24, 36, 3)";
    let bytes = npy(
        1,
        "'|u1'",
        "False",
        axes,
        &encode(Element::U8, &values, false),
    );
    let array = folder.file("array.npy", &bytes);
    let any = folder.file("any.onnx", &one_node("Neg", &[0, 3, 0, 0]));
    let fixed = folder.file("fixed.onnx", &one_node("Neg", &[0, 3, 12, 12]));
    let own = "resize=13,crop=10x12,filter=bicubic,mean=0.5,std=0.25,pool=none";
    let spaces = [
        format!("onnx:{any},{own}"),
        format!("onnx:{fixed},preset=clip,pool=none"),
    ];
    let out = folder.path("out");
    let (photos, array) = (folder.path("photos"), array.as_str());
    let words = [
        "embed", &photos, array, "--space", &spaces[0], "--space", &spaces[1], "-o", &out,
    ];
    let (code, said) = run(&folder, &words);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "images go in each from its own size, the shorter side resampled to 13 (bicubic), the centre of 10 x 12",
        "preset=clip says: each from its own size, the shorter side resampled to 12 (bicubic), the centre of 12 x 12",
    ] {
        assert!(said.contains(part), "{said}");
    }
    for (net, settings, dim) in [(&any, own, 360), (&fixed, "preset=clip,pool=none", 432)] {
        assert_eq!(
            rows(&folder, "photos", dim),
            alone(net, settings, &mixed),
            "{settings}"
        );
        assert_eq!(
            rows(&folder, "array", dim),
            alone(net, settings, &arrays),
            "{settings}"
        );
    }
    // A single space, with pictures in both sets.
    let out = folder.path("again");
    let (code, said) = run(
        &folder,
        &[
            "compare",
            &photos,
            &photos,
            "--space",
            &spaces[1],
            "--no-distance",
            "-o",
            &out,
        ],
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("each from its own size"), "{said}");
}

#[test]
fn pictures_of_16_bits_keep_them() {
    let folder = Folder::new();
    let net = folder.file("net.onnx", &one_node("Neg", &[0, 3, 0, 0]));
    let pixels = noise((20, 14), 1);
    folder.file("photos/a.png", &png((20, 14), &pixels, true));
    folder.file("photos/b.png", &png((14, 20), &pixels, false));
    let (photos, out) = (folder.path("photos"), folder.path("out"));
    let space = format!("onnx:{net},resize=9,crop=9,mean=0,pool=none");
    let (code, said) = run(&folder, &["embed", &photos, "--space", &space, "-o", &out]);
    assert_eq!(code, Some(0), "{said}");
    let found = rows(&folder, "photos", 243);
    // Without rounding to bytes between the steps; a step of 16 bits is 1.5e-5, one of bytes 4e-3.
    let floats = Set {
        rows: std::sync::Arc::new(hullscope::rows::Memory::from_f64(
            "floats",
            pixels.len(),
            pixels.iter().map(|pixel| pixel / 255.0).collect(),
        )),
        shape: Some(shape((20, 14))),
        range: 1.0,
        framed: Vec::new(),
    };
    let (expected, _) = seen(&net, "resize=9,crop=9,mean=0,pool=none", floats).unwrap();
    let off = found[0].iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let off = off.fold(0.0, f64::max);
    assert!(off > 0.0 && off < 1e-5, "{off}");
}

#[test]
fn what_cannot_be_prepared_from_its_own_size_says_what_to_type() {
    let folder = Folder::new();
    pictures(&folder, "photos");
    let photos = folder.path("photos");
    let net = folder.file("net.onnx", &one_node("Neg", &[0, 3, 0, 0]));
    let space = |settings: &str| format!("onnx:{net}{settings}");
    for (spaces, parts) in [
        (vec!["pixels".into()], vec!["1.png", "--resize", "preset="]),
        // One space that uses pixels directly, or a network without a preparation, is enough to refuse.
        (
            vec!["pixels".into(), space(",resize=8,crop=8")],
            vec!["1.png", "--resize", "preset="],
        ),
        (
            vec![space(",pool=none")],
            vec!["1.png", "--resize", "preset="],
        ),
        (
            vec![space(",resize=8")],
            vec!["1.png", "8 x 10", "0.png is 10 x 8", "crop="],
        ),
        (
            vec![space(",crop=20")],
            vec!["4.png", "12 x 90", "20 x 20", "smaller crop="],
        ),
    ] {
        let mut words = vec!["embed", &photos, "--skip-broken", "-o", "out"];
        spaces
            .iter()
            .for_each(|space: &String| words.extend(["--space", space.as_str()]));
        let (code, said) = run(&folder, &words);
        assert_eq!(code, Some(2), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
    }
    folder.file("wide/0.png", &png((90, 2), &noise((90, 2), 1), false));
    let (wide, out) = (folder.path("wide"), folder.path("out"));
    let spaces = [space(",resize=100,crop=8,pool=none")];
    let (code, said) = run(
        &folder,
        &["embed", &wide, "--space", &spaces[0], "-o", &out],
    );
    let told = said.contains("4500 x 100") && said.contains("smaller resize=");
    assert!(code == Some(2) && told && said.contains("0.png"), "{said}");
    // Resized without keeping the aspect ratio, if the user asks for it.
    let spaces = [space(",resize=8,crop=8,pool=none")];
    let out = folder.path("out");
    let words = [
        "embed", &photos, "--resize", "16x16", "--space", &spaces[0], "-o", &out,
    ];
    let (code, said) = run(&folder, &words);
    assert!(code == Some(0) && !said.contains("own size"), "{said}");
}

#[test]
fn only_spaces_that_all_prepare_images_see_none_of_their_sizes() {
    let folder = Folder::new();
    let net = folder.file("net.onnx", &one_node("Neg", &[0, 3, 12, 12]));
    let asked = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| text.replace("NET", &net)).collect();
        frames(&Spec::parse_all(&texts).unwrap()).unwrap().is_some()
    };
    assert!(asked(&[
        "onnx:NET,preset=clip",
        "onnx:NET,resize=14,crop=12|pca:2",
        "file:a.npy,b.npy"
    ]));
    assert!(asked(&["pixels|onnx:NET,filter=bicubic"]));
    for spaces in [
        &["onnx:NET,preset=clip", "pixels"][..],
        &["onnx:NET,preset=clip", "pca:2"],
        &["gray|onnx:NET,preset=clip"],
        &["onnx:NET"],
        &["onnx:NET,size=12"],
        &["file:a.npy,b.npy"],
        &["onnx:sample"],
    ] {
        assert!(!asked(spaces), "{spaces:?}");
    }
}
