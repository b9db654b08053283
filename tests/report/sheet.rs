//! Contact sheets: the pixels of pictures are those of the images.

use hullscope::report::sheet::{ImageSet, Pictures, captions, sheet};
use hullscope::rows::Memory;
use hullscope::rows::images::Shape;
use hullscope::study::compare::{Pick, Picks, Picture};
use image::{DynamicImage, RgbImage};

const SHAPE: Shape = shape(2, 3, 1, false);

/// The colour of the edge of a picture.
const EDGE: [u8; 3] = [170; 3];

const fn shape(height: usize, width: usize, channels: usize, planar: bool) -> Shape {
    Shape {
        height,
        width,
        channels,
        planar,
    }
}

fn pick(query: u64, support: &[(u64, f64)]) -> Pick {
    let inside = !support.is_empty();
    Pick {
        query,
        verdict: if inside { "inside" } else { "outside" }.into(),
        distance_ratio: if inside { 0.0 } else { 1.25 },
        nearest: 1,
        nearest_ratio: 0.42,
        support: support.to_vec(),
        seen: None,
        mean: None,
    }
}

fn interpolated(interpolated: Vec<Pick>) -> Picks {
    Picks {
        interpolated,
        ..Picks::default()
    }
}

fn extrapolated(extrapolated: Vec<Pick>) -> Picks {
    Picks {
        extrapolated,
        ..Picks::default()
    }
}

fn set(rows: &Memory, shape: Shape) -> ImageSet<'_> {
    ImageSet {
        word: "test",
        rows,
        shape,
        classes: &[],
        names: &[],
    }
}

fn bytes(dim: usize, values: &[u8]) -> Memory {
    Memory::from_u8("images", dim, values.to_vec())
}

fn drawn(picks: &Picks, reference: ImageSet, queries: ImageSet) -> DynamicImage {
    let pictures = Pictures { reference, queries };
    let png = sheet("pixels", picks, &pictures).unwrap().unwrap();
    image::load_from_memory(&png).unwrap()
}

/// The positions and the sizes of the pictures on a sheet, row by row.
fn pictures(sheet: &RgbImage) -> Vec<(u32, u32, u32, u32)> {
    let edge =
        |x: u32, y: u32| x < sheet.width() && y < sheet.height() && sheet.get_pixel(x, y).0 == EDGE;
    let mut found: Vec<(u32, u32, u32, u32)> = Vec::new();
    for y in 1..sheet.height() {
        for x in 1..sheet.width() {
            let covered = found.iter().any(|&(left, top, width, height)| {
                (left - 1..=left + width).contains(&x) && (top - 1..=top + height).contains(&y)
            });
            let width = (x..).take_while(|x| edge(*x, y)).count() as u32;
            let height = (y..).take_while(|y| edge(x, *y)).count() as u32;
            if !covered && width > 30 && height > 10 {
                found.push((x + 1, y + 1, width - 2, height - 2));
            }
        }
    }
    found
}

#[test]
fn pixels_of_the_query_and_its_rows_are_on_the_sheet() {
    let reference = bytes(6, &[9, 9, 9, 9, 9, 9, 70, 80, 90, 100, 110, 120]);
    let queries = bytes(6, &[10, 20, 30, 40, 50, 60]);
    let picks = interpolated(vec![pick(0, &[(1, 0.75), (0, 0.25)])]);
    let sheet = drawn(&picks, set(&reference, SHAPE), set(&queries, SHAPE));
    assert!(matches!(sheet, DynamicImage::ImageLuma8(_)));
    let sheet = sheet.into_rgb8();
    let found = pictures(&sheet);
    assert_eq!(found.len(), 6);
    let at = |place: usize, x: u32, y: u32| {
        // 3 x 2 pixels enlarged 37 times are 111 x 74.
        let (left, top, width, height) = found[place];
        assert_eq!((width, height), (111, 74));
        sheet.get_pixel(left + 37 * x + 18, top + 37 * y + 18).0[0]
    };
    for (x, y) in [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)] {
        let more = 10 * (3 * y + x) as u8;
        assert_eq!(at(0, x, y), 10 + more, "query {x} {y}");
        assert_eq!(at(1, x, y), 70 + more, "nearest {x} {y}");
        let mean = 0.75 * f64::from(70 + more) + 0.25 * 9.0;
        assert_eq!(at(2, x, y), mean.round() as u8, "the mean {x} {y}");
        let difference = f64::from(10 + more) - mean;
        let grey = (0.5 * (difference + 255.0)).round() as u8;
        assert_eq!(at(3, x, y), grey, "the difference {x} {y}");
        assert_eq!(at(4, x, y), 70 + more, "the heaviest {x} {y}");
        assert_eq!(at(5, x, y), 9, "the lightest {x} {y}");
    }
    let (left, top, ..) = found[0];
    assert_eq!(sheet.get_pixel(left, top).0[0], 10);
    assert_eq!(sheet.get_pixel(left + 110, top + 73).0[0], 60);
}

/// If distances have no unit, only the heading of the sheet differs.
#[test]
fn the_heading_says_when_distances_have_no_unit() {
    let rows = bytes(6, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    let [with, without] = [false, true].map(|without_unit| {
        let picks = Picks {
            without_unit,
            ..extrapolated(vec![pick(0, &[])])
        };
        drawn(&picks, set(&rows, SHAPE), set(&rows, SHAPE)).into_rgb8()
    });
    let (_, first, ..) = pictures(&with)[0];
    let both = with.enumerate_pixels().zip(without.pixels());
    let mut differ = both.filter(|((.., a), b)| *a != *b).peekable();
    assert!(differ.peek().is_some() && differ.all(|((_, y, _), _)| y < first));
}

#[test]
fn colours_of_floats_in_either_order() {
    // -1 is black and 3 is white: the pixels are (255, 0, 128) and (64, 191, 0).
    let interleaved = [3.0, -1.0, 1.0, 0.0, 2.0, -1.0];
    let planar = [3.0, 0.0, -1.0, 2.0, 1.0, -1.0];
    let mut outside = pick(0, &[]);
    outside.nearest = 0;
    for (values, planar) in [(interleaved, false), (planar, true)] {
        let rows = Memory::from_f64("a", 6, values.to_vec());
        let images = || set(&rows, shape(1, 2, 3, planar));
        let sheet = drawn(&extrapolated(vec![outside.clone()]), images(), images()).into_rgb8();
        let (left, top, ..) = pictures(&sheet)[0];
        assert_eq!(sheet.get_pixel(left + 9, top + 9).0, [255, 0, 128]);
        assert_eq!(sheet.get_pixel(left + 65, top + 9).0, [64, 191, 0]);
    }
    // The range of values is that of the images shown: the query and its nearest image.
    let reference = [[99.0; 6], [-1.0, 3.0, 0.0, 0.0, 0.0, 0.0]].concat();
    let reference = Memory::from_f64("a", 6, reference);
    let queries = Memory::from_f64("b", 6, vec![1.0; 6]);
    let order = shape(1, 2, 3, true);
    let picks = extrapolated(vec![pick(0, &[])]);
    let sheet = drawn(&picks, set(&reference, order), set(&queries, order)).into_rgb8();
    let (left, top, ..) = pictures(&sheet)[0];
    assert_eq!(sheet.get_pixel(left + 9, top + 9).0, [128; 3]);
}

#[test]
fn large_images_are_reduced_and_small_ones_enlarged() {
    for ((width, height), expected) in [
        ((28, 28), (112, 112)),
        ((32, 32), (96, 96)),
        ((57, 20), (57, 20)),
        ((224, 112), (112, 56)),
    ] {
        let rows = bytes(width * height, &vec![7; 2 * width * height]);
        let images = || set(&rows, shape(height, width, 1, false));
        let sheet = drawn(&extrapolated(vec![pick(0, &[])]), images(), images()).into_rgb8();
        let (_, _, width, height) = pictures(&sheet)[0];
        assert_eq!((width, height), expected);
    }
}

/// The mean is right for any order of channels, and the query after the space's transformation is drawn beside it.
#[test]
fn the_mean_and_the_transformed_query_are_drawn() {
    let reference = bytes(6, &[100, 0, 10, 0, 50, 0]);
    let queries = bytes(6, &[100, 10, 50, 0, 0, 0]);
    let one = |value: f32| Picture {
        shape: shape(1, 1, 1, false),
        values: vec![value],
    };
    let mut inside = pick(0, &[(0, 1.0)]);
    inside.nearest = 0;
    let colours = |pick: &Pick| -> Vec<[u8; 3]> {
        let sets = (
            set(&reference, shape(1, 2, 3, true)),
            set(&queries, shape(1, 2, 3, false)),
        );
        let sheet = drawn(&interpolated(vec![pick.clone()]), sets.0, sets.1).into_rgb8();
        let all = pictures(&sheet).into_iter();
        all.map(|(left, top, ..)| sheet.get_pixel(left + 5, top + 5).0)
            .collect()
    };
    let own = [100, 10, 50];
    assert_eq!(colours(&inside), [own, own, own, [128; 3], own]);
    inside.seen = Some(one(7.0));
    assert_eq!(colours(&inside)[..4], [own, [7; 3], own, own]);
    // The mean of the transformed images takes the place of the mean of the images.
    inside.mean = Some(one(9.0));
    let found = colours(&inside);
    assert_eq!((found.len(), found[3]), (6, [9; 3]));
    assert!(found[4][0] < 128);
}

#[test]
fn a_certificate_is_shown_by_its_heaviest_rows() {
    let rows = bytes(6, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    let count = |support: &[(u64, f64)]| {
        let picks = interpolated(vec![pick(0, support)]);
        let sheet = drawn(&picks, set(&rows, SHAPE), set(&rows, SHAPE)).into_rgb8();
        // The query, its nearest image, the mean and the difference come first.
        pictures(&sheet).len() - 4
    };
    assert_eq!(count(&[(0, 0.5), (1, 0.491), (0, 0.009)]), 2);
    assert_eq!(count(&[(0, 0.05); 20]), 8);
    assert_eq!(count(&[(0, 0.001); 1000]), 1);
}

#[test]
fn rows_that_are_not_there_are_an_error() {
    let rows = bytes(6, &[1, 2, 3, 4, 5, 6]);
    let pictures = Pictures {
        reference: set(&rows, SHAPE),
        queries: set(&rows, SHAPE),
    };
    let picks = interpolated(vec![pick(0, &[(1, 1.0)])]);
    let error = sheet("pixels", &picks, &pictures).unwrap_err().to_string();
    assert!(
        error.contains("1 rows") && error.contains("row 1"),
        "{error}"
    );
    assert_eq!(sheet("pixels", &Picks::default(), &pictures).unwrap(), None);
}

#[test]
fn captions_say_what_was_found() {
    let rows = bytes(6, &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    let names = ["Bag".to_string(), "Sneaker".to_string()];
    let queries = ImageSet {
        classes: &[1, 0],
        names: &names,
        ..set(&rows, SHAPE)
    };
    let pictures = Pictures {
        reference: set(&rows, SHAPE),
        queries,
    };
    let said = |pick: &Pick, margins| captions(pick, margins, &pictures).join("; ");
    let mut inside = pick(0, &[(0, 0.5), (1, 0.5)]);
    assert_eq!(
        said(&inside, false),
        "test 0, Sneaker; inside; nearest 0.420"
    );
    inside.support.extend([(0, 0.009); 3]);
    assert!(said(&inside, false).contains("; 2 of the certificate's 5 rows shown"));
    let mut outside = pick(1, &[]);
    outside.nearest_ratio = f64::MAX;
    assert_eq!(said(&outside, false), "test 1, Bag; outside by 1.25");
    assert_eq!(said(&outside, true), "test 1, Bag; outside, margin 1.25");
    let unnamed = Pictures {
        queries: set(&rows, SHAPE),
        ..pictures
    };
    assert_eq!(captions(&outside, false, &unnamed)[0], "test 1");
}
