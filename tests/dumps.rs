//! Files of other libraries: torch tensors, faiss indexes, arrays with types that NumPy does not know.

use crate::formats::{Folder, encode, npy, npz, values};
use hullscope::control::Control;
use hullscope::rows::{Element, OpenOptions, Rows, open};

fn read(spec: &str, dtype: Option<Element>) -> hullscope::Result<Box<dyn Rows>> {
    let options = OpenOptions {
        memory: 1 << 30,
        dtype,
        ..OpenOptions::default()
    };
    open(spec, &options, &Control::default())
}

#[track_caller]
fn refused(spec: &str, dtype: Option<Element>, part: &str) {
    let message = match read(spec, dtype) {
        Ok(rows) => panic!("{spec} was read as {} x {}", rows.len(), rows.dim()),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(part), "{part:?} is not in: {message}");
}

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The contents of the files in `tests/data`: 4 x 3, from -1 in steps of a quarter.
fn quarters() -> Vec<f64> {
    (0..12).map(|i| f64::from(i) / 4.0 - 1.0).collect()
}

#[test]
fn npy_of_types_that_numpy_does_not_know() {
    let folder = Folder::new();
    let six = [1.0, -2.0, 3.0, 0.5, 5.0, 6.0];
    for order in ["<", "|"] {
        let body = encode(Element::BF16, &six, false);
        let path = folder.file(
            "x.npy",
            &npy(1, &format!("'{order}V2'"), "False", "(3, 2)", &body),
        );
        let rows = read(&path, Some(Element::BF16)).unwrap();
        assert_eq!(values(&*rows), six);
        assert!(
            rows.provenance()
                .unwrap()
                .notes
                .iter()
                .any(|note| note.contains("--dtype"))
        );
        refused(&path, None, "--dtype bf16");
        refused(&path, Some(Element::F8E4M3), "--dtype bf16");
        let body = [0x7e, 0x81, 0x3c, 0x7e];
        let path = folder.file(
            "y.npy",
            &npy(1, &format!("'{order}V1'"), "False", "(2, 2)", &body),
        );
        let rows = read(&path, Some(Element::F8E4M3)).unwrap();
        assert_eq!(values(&*rows), [448.0, -1.0 / 512.0, 1.5, 448.0]);
        refused(&path, None, "--dtype f8e4m3");
    }
}

#[test]
fn a_file_of_one_axis_in_a_set_of_several_is_one_row() {
    let folder = Folder::new();
    for part in 0..3 {
        let body = encode(Element::F32, &[f64::from(part), 1.0], false);
        folder.file(
            &format!("set/{part}.npy"),
            &npy(1, "'<f4'", "False", "(2,)", &body),
        );
    }
    let rows = read(&folder.path("set"), None).unwrap();
    assert_eq!((rows.len(), rows.dim()), (3, 2));
    assert_eq!(values(&*rows), [0.0, 1.0, 1.0, 1.0, 2.0, 1.0]);
    assert!(
        rows.provenance()
            .unwrap()
            .notes
            .iter()
            .any(|note| note.contains("each file is one row"))
    );
    let one = read(&folder.path("set/1.npy"), None).unwrap();
    assert_eq!((one.len(), one.dim()), (2, 1));
}

#[test]
fn flat_indexes_of_faiss_with_and_without_ids() {
    for (name, ids) in [
        ("l2.faiss", None),
        ("l1.faiss", None),
        ("map.faiss", Some(["7", "-3", "1099511627776", "5"])),
        ("map2.faiss", Some(["7", "9", "11", "5"])),
    ] {
        let rows = read(&data(name), None).unwrap();
        assert_eq!((rows.dim(), values(&*rows)), (3, quarters()), "{name}");
        for row in 0..4 {
            assert_eq!(
                rows.provenance().unwrap().id(row as u64),
                ids.map(|ids| ids[row]),
                "{name}"
            );
        }
    }
    let mut other = std::fs::read(data("map.faiss")).unwrap();
    other[0x25..0x29].copy_from_slice(b"IwFl");
    let path = Folder::new();
    refused(&path.file("x.faiss", &other), None, "IndexIVFFlat");
}

#[test]
fn tensors_of_torch_in_every_type_and_stride() {
    let path = data("tensors.pt");
    let q = quarters();
    let turned: Vec<f64> = (0..3)
        .flat_map(|j| (0..4).map(move |i| f64::from(i * 3 + j) / 4.0 - 1.0))
        .collect();
    let cases: [(&str, Element, Vec<f64>); 8] = [
        ("emb", Element::F32, turned),
        ("bf", Element::BF16, q.clone()),
        ("f8", Element::F8E4M3, q.clone()),
        ("f8b", Element::F8E5M2, q.clone()),
        ("h", Element::F16, q.clone()),
        ("l.2", Element::F32, q[3..9].to_vec()),
        (
            "nest.a.b",
            Element::F32,
            [0, 2, 3, 5, 6, 8, 9, 11].map(|i: usize| q[i]).to_vec(),
        ),
        ("e", Element::F32, [&q[..3]; 4].concat()),
    ];
    for (key, element, expected) in cases {
        let rows = read(&format!("{path}:{key}"), None).unwrap();
        assert_eq!(
            (rows.element(), values(&*rows)),
            (element, expected),
            "{key}"
        );
    }
    refused(&path, None, "nest.a.b [4, 2]");
    refused(&format!("{path}:c"), None, "ComplexFloatStorage");
}

/// A file cut anywhere or with any bit flipped is an error or gives finite numbers, without a panic.
#[test]
fn broken_dumps_are_survived() {
    let folder = Folder::new();
    for (name, part) in [("map.faiss", ""), ("tensors.pt", ":nest.a.b")] {
        let whole = std::fs::read(data(name)).unwrap();
        let step = (whole.len() / 300).max(1);
        for at in (0..whole.len()).step_by(step) {
            let path = folder.file(name, &whole[..at]);
            assert!(
                read(&format!("{path}{part}"), None).is_err(),
                "{name} cut to {at}"
            );
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let path = folder.file(name, &flipped);
            let most = crate::common::alloc::largest(|| drop(read(&format!("{path}{part}"), None)));
            assert!(most <= 64 << 20, "{name}, byte {at}: {most} bytes");
        }
    }
}

/// A pickle as torch.save writes one, opcode by opcode.
#[derive(Clone, Copy)]
struct Writer {
    /// Protocol 4 names classes by strings on the stack; protocol 2 by lines.
    four: bool,
}

impl Writer {
    fn pickle(self, root: &[u8]) -> Vec<u8> {
        let start = match self.four {
            true => [&b"\x80\x04\x95"[..], &(root.len() as u64 + 1).to_le_bytes()].concat(),
            false => b"\x80\x02".to_vec(),
        };
        [&start, root, b"."].concat()
    }

    fn text(self, text: &str) -> Vec<u8> {
        match self.four {
            true => [&[0x8c, text.len() as u8], text.as_bytes(), &[0x94]].concat(),
            false => [
                b"X",
                &(text.len() as u32).to_le_bytes()[..],
                text.as_bytes(),
            ]
            .concat(),
        }
    }

    fn global(self, module: &str, name: &str) -> Vec<u8> {
        match self.four {
            true => [&self.text(module), &self.text(name), &[0x93, 0x94][..]].concat(),
            false => format!("c{module}\n{name}\n").into_bytes(),
        }
    }

    /// A signed 64-bit integer.
    fn int(self, value: i64) -> Vec<u8> {
        [&[0x8a, 8], &value.to_le_bytes()[..]].concat()
    }

    fn tuple(self, items: &[Vec<u8>]) -> Vec<u8> {
        [b"(", &items.concat()[..], b"t"].concat()
    }

    fn call(self, module: &str, name: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
        [
            self.global(module, name),
            self.tuple(arguments),
            b"R".to_vec(),
        ]
        .concat()
    }

    fn tensor(self, first: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
        let ints =
            |ints: &[i64]| self.tuple(&ints.iter().map(|&int| self.int(int)).collect::<Vec<_>>());
        let storage = [
            self.text("storage"),
            self.global("torch", "FloatStorage"),
            self.text("0"),
            self.text("cpu"),
            self.int(12),
        ];
        let storage = [self.tuple(&storage), b"Q".to_vec()].concat();
        let hooks = [self.global("collections", "OrderedDict"), b")R".to_vec()].concat();
        let arguments = [
            storage,
            self.int(first),
            ints(shape),
            ints(strides),
            vec![0x89],
            hooks,
        ];
        self.call("torch._utils", "_rebuild_tensor_v2", &arguments)
    }
}

/// A torch archive with this pickle, and the twelve quarters as its storage.
fn torch(pickle: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let storage = encode(Element::F32, &quarters(), false);
    let members = [
        ("x/data.pkl", pickle),
        ("x/byteorder", b"little"),
        ("x/data/0", &storage),
    ];
    npz(&members, method)
}

#[test]
fn tensors_of_every_protocol_bare_or_parameters_stored_or_deflated() {
    let folder = Folder::new();
    for four in [false, true] {
        let writer = Writer { four };
        let tensor = writer.tensor(0, &[4, 3], &[3, 1]);
        let hooks = [writer.global("collections", "OrderedDict"), b")R".to_vec()].concat();
        let parameter = [tensor.clone(), vec![0x88], hooks];
        let parameter = writer.call("torch._utils", "_rebuild_parameter", &parameter);
        for root in [tensor, parameter] {
            for method in [
                zip::CompressionMethod::Stored,
                zip::CompressionMethod::Deflated,
            ] {
                let path = folder.file("x.pt", &torch(&writer.pickle(&root), method));
                let rows = read(&path, None).unwrap();
                assert_eq!((rows.dim(), values(&*rows)), (3, quarters()));
            }
        }
    }
}

/// A callable in a pickle is reported by name and never called, and no size in it is trusted.
#[test]
fn hostile_pickles_are_refused() {
    let folder = Folder::new();
    let mut cases = Vec::new();
    for four in [false, true] {
        let writer = Writer { four };
        let tensor = |first, shape: &[i64], strides: &[i64]| {
            writer.pickle(&writer.tensor(first, shape, strides))
        };
        let print = writer.call("builtins", "print", &[writer.text("run")]);
        let big = i64::MAX / 2;
        cases.extend([
            (writer.pickle(&print), "builtins.print"),
            // Hidden in a list after a tensor.
            (
                writer.pickle(
                    &[b"](", &writer.tensor(0, &[4, 3], &[3, 1])[..], &print, b"e"].concat(),
                ),
                "builtins.print",
            ),
            // In the state that is set on an object.
            (
                writer.pickle(&[&writer.tensor(0, &[4, 3], &[3, 1]), &print[..], b"b"].concat()),
                "builtins.print",
            ),
            (
                tensor(0, &[5, 3], &[3, 1]),
                "needs 60 bytes, and there are 48",
            ),
            (
                tensor(1, &[4, 3], &[3, 1]),
                "needs 48 bytes, and there are 44",
            ),
            (tensor(13, &[1, 1], &[1, 1]), "begins at number 13"),
            (tensor(big, &[1, 1], &[1, 1]), "begins at number"),
            (
                tensor(-1, &[4, 3], &[3, 1]),
                "not described as torch.save does",
            ),
            (
                tensor(9, &[4, 3], &[-3, 1]),
                "not described as torch.save does",
            ),
            (
                tensor(0, &[4, -3], &[3, 1]),
                "not described as torch.save does",
            ),
            (tensor(0, &[4, 3], &[3]), "not described as torch.save does"),
            (
                tensor(0, &[big, big], &[1, 1]),
                "more than any file can hold",
            ),
            (
                tensor(0, &[4, 3], &[big, big]),
                "needs more than 2^64 bytes",
            ),
            (tensor(0, &[1 << 40, 3], &[0, 1]), "repeated"),
            (tensor(0, &[1, 1 << 40], &[1, 0]), "repeated"),
            (tensor(0, &[0, 3], &[3, 1]), "no axis may be zero"),
        ]);
    }
    let raw = |bytes: &[u8]| [b"\x80\x02", bytes].concat();
    let deep = [vec![b']'; 100_000], vec![b'a'; 99_999], vec![b'.']].concat();
    // Each list contains the one before twice: 2^60 values to visit.
    let doubled = (0..60)
        .flat_map(|_| *b"q\x000](h\x00h\x00e")
        .collect::<Vec<u8>>();
    cases.extend([
        (raw(b"ibuiltins\nprint\n."), "an object of a class"),
        (raw(&deep), "deep in each other"),
        (raw(b"]q\x00h\x00a."), "deep in each other"),
        (raw(&[b"]", &doubled[..], b"."].concat()), "values"),
        (raw(b"h\x07."), "was not kept"),
        (raw(b"j\xff\xff\xff\xff."), "was not kept"),
        (raw(b"X\xff\xff\xff\xffabc."), "beyond its end"),
        (
            raw(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc."),
            "beyond its end",
        ),
        (raw(b"\x87."), "more than there is"),
        (raw(b"(((((."), "a value that is not there"),
        (raw(b"t."), "a mark that is not there"),
        (raw(b"K\x01R."), "a value that is not there"),
        (raw(b"K\x01K\x02R."), "what is no function"),
        (raw(b"K\x01K\x02a."), "what is no container"),
        (raw(b"]"), "its end"),
        (raw(b"\xee."), "unknown opcode 0xee"),
        (raw(b"N."), "holds no tensors"),
        (b"\x80\x06N.".to_vec(), "protocol 6"),
    ]);
    for (pickle, part) in cases {
        let path = folder.file("x.pt", &torch(&pickle, zip::CompressionMethod::Stored));
        let most = crate::common::alloc::largest(|| refused(&path, None, part));
        assert!(most <= 64 << 20, "{part}: {most} bytes at once");
    }
}

#[test]
fn flat_indexes_of_the_inner_product() {
    let mut index = std::fs::read(data("l2.faiss")).unwrap();
    // The magic letters, and the metric: 0 is the inner product.
    index[..4].copy_from_slice(b"IxFI");
    index[33..37].fill(0);
    let folder = Folder::new();
    let rows = read(&folder.file("x.faiss", &index), None).unwrap();
    assert_eq!((rows.dim(), values(&*rows)), (3, quarters()));
}
