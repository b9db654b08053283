//! The `.npy` format, as this program writes it.

/// Numbers as little-endian bytes.
pub(crate) fn little_endian<T: Copy, const N: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

/// The header of a `.npy` file, version 1, padded to a multiple of 64 bytes.
pub(crate) fn npy_header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A tuple with one element is written with a comma.
    let shape = axes.join(", ") + if axes.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let width = (before + text.len() + 1).next_multiple_of(64) - before - 1;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((width as u16 + 1).to_le_bytes());
    header.extend(format!("{text:<width$}\n").as_bytes());
    header
}
