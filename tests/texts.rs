//! Tables in text as people write them: decimal commas, quotes, comments, headers, blanks, packed.

use crate::formats::{Folder, values};
use hullscope::control::Control;
use hullscope::rows::{OpenOptions, open};

#[track_caller]
fn reads(text: &str, dim: usize, expected: &[f64]) {
    let folder = Folder::new();
    let path = folder.file("x.csv", text.as_bytes());
    let options = OpenOptions {
        memory: 1 << 30,
        ..OpenOptions::default()
    };
    let rows = open(&path, &options, &Control::default()).unwrap();
    assert_eq!(rows.dim(), dim, "{text}");
    assert_eq!(values(&*rows), expected, "{text}");
}

#[test]
fn numbers_as_other_programs_write_them() {
    let four = [1.5, 2.25, 3.5, 4.75];
    reads("a;b\n1,5;2,25\n3,5;4,75\n", 2, &four);
    reads("\"1.5\",\"2.25\"\n\"3.5\",\"4.75\"\n", 2, &four);
    reads("# made by hand\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads("\u{feff}a,b\r\n1.5,2.25\r\n3.5,4.75\r\n", 2, &four);
    reads("1.5e+00 2.25e+00\n3.5e+00 4.75e+00\n", 2, &four);
    reads(
        "a,b\n\"1,234.5\",1.5\n\"2,345.5\",2.5\n",
        2,
        &[1234.5, 1.5, 2345.5, 2.5],
    );
}

#[test]
fn headers_are_no_rows() {
    let four = [1.5, 2.25, 3.5, 4.75];
    reads("0,1\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads("x,y\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads(",x,y\n0,1.5,2.25\n1,3.5,4.75\n", 2, &four);
    reads("x,name,y\n1.5,ada,2.25\n3.5,bob,4.75\n", 2, &four);
    reads("id,v\na,\"[1.5, 2.25]\"\nb,\"[3.5, 4.75]\"\n", 2, &four);
}
