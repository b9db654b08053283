//! Shards of any size compared with one machine, and questions that they must refuse.

use super::fixture::{Here, whole};
use super::*;
use crate::rows::sharded::FETCH;
use crate::rows::synthetic;
use crate::scan::int8::Precision;
use crate::scan::{CpuEngine, Int8Engine};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

fn sharded(values: &[f64], d: usize, ends: &[usize]) -> (Arc<Here>, Sharded) {
    super::fixture::sharded(values, d, ends, LocalShard::answer)
}

/// Few distinct values, so that scores tie within and across shards; every 7th row repeats the first.
fn tied(n: usize, d: usize) -> Vec<f64> {
    let value = |at: usize| match (at / d) % 7 {
        0 => (at % d % 3) as f64,
        _ => ((at * 7919 + at / d * at) % 5) as f64,
    };
    (0..n * d).map(value).collect()
}

/// Values without a pattern. Only the last rows have values that are no f32, and one row is far away.
fn plain(n: usize, d: usize) -> Vec<f64> {
    let value = |at: usize| ((at * 7919 + at / d * at) % 10_007) as f64 / 64.0;
    let mut values: Vec<f64> = (0..n * d).map(value).collect();
    values[(n - 3) * d..]
        .iter_mut()
        .for_each(|value| *value += 1e-9);
    values[(n / 2) * d..][..d].fill(1e9);
    values
}

fn directions(count: usize, d: usize) -> Vec<f32> {
    let value = |at: usize| ((at * 104_729 + 13) % 211) as f32 / 100.0 - 1.0;
    (0..count * d).map(value).collect()
}

const CUTS: [&[usize]; 6] = [
    &[700],
    &[300, 700],
    &[0, 256, 512, 700],
    &[1, 699, 700],
    &[350, 351, 700, 700],
    &[5, 10, 15, 700],
];

#[test]
fn shards_of_any_size_give_the_lists_of_one_machine() {
    let control = Control::default();
    for (values, d) in [(tied(700, 6), 6), (plain(700, 41), 41)] {
        let one = whole(&values, d);
        let scan = CpuScan::new(&one, &control).unwrap();
        let (asked, bias) = (directions(9, d), [vec![0.0; 5], vec![1.0; 4]].concat());
        let exact: Vec<f64> = asked.iter().map(|&value| f64::from(value)).collect();
        for ends in CUTS {
            let (shards, rows) = sharded(&values, d, ends);
            shards.forgets.store(true, Relaxed);
            let frame = Frame::survey(&rows, &control).unwrap();
            assert_eq!(format!("{frame:?}"), format!("{:?}", scan.frame()));
            let many = ShardedScan::in_frame(&rows, &frame).unwrap();
            let again = ShardedScan::in_frame(&rows, &frame).unwrap();
            assert_eq!(many.name, again.name);
            assert_eq!(many.error_bound(3.0, 1.0), scan.error_bound(3.0, 1.0));
            for k in [1, 9, 300, 1000] {
                let batch = Batch {
                    directions: &asked,
                    bias: &bias,
                    k,
                };
                let expected = scan.scan(&batch, &control).unwrap();
                assert_eq!(
                    many.scan(&batch, &control).unwrap(),
                    expected,
                    "{ends:?} {k}"
                );
                assert_eq!(
                    many.scan_f64(&rows, &exact, k, &control).unwrap(),
                    scan.scan_f64(&one, &exact, k, &control).unwrap(),
                    "{ends:?} {k}"
                );
            }
        }
    }
}

#[test]
fn a_frame_is_found_where_the_rows_lie() {
    let control = Control::default();
    let (n, d) = (5000, 60);
    let sampled: std::collections::HashSet<usize> = (0..4096).map(|i| i * n / 4096).collect();
    let value = |at: usize| match at % d {
        // A column that is constant in the sample of evenly spaced rows.
        7 => f64::from(u8::from(!sampled.contains(&(at / d)))),
        _ => ((at * 7919 + at / d * at) % 10_007) as f64 / 64.0,
    };
    let mut values: Vec<f64> = (0..n * d).map(value).collect();
    for from in [100, 3000, 4900] {
        let far = (from..n).find(|row| !sampled.contains(row)).unwrap();
        values[far * d..][..d].fill(1e9 + far as f64);
    }
    let one = whole(&values, d);
    let chosen: Vec<usize> = (0..n).filter(|row| row % 9 != 1).collect();
    let some = crate::rows::Subset::new("some", &one, chosen.clone());
    let frame = |rows: &dyn Rows| format!("{:?}", Frame::survey(rows, &control).unwrap());
    let expected = [frame(&one), frame(&some), frame(&crate::space::Unit(&one))];
    for ends in [
        vec![n],
        vec![10, n],
        vec![2184, 2500, n],
        vec![0, 2000, 4990, n],
    ] {
        let (shards, rows) = sharded(&values, d, &ends);
        let there = crate::rows::Subset::new("some", &rows, chosen.clone());
        let found = [
            frame(&rows),
            frame(&there),
            frame(&crate::space::Unit(&rows)),
        ];
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected, "{ends:?}");
        }
        assert!(shards.passes.load(Relaxed) > 0);
    }
}

#[test]
fn some_rows_and_unit_rows_are_scanned_where_they_lie() {
    let control = Control::default();
    let (d, values) = (6, plain(700, 6));
    let chosen: Vec<usize> = (0..700).filter(|row| row % 3 == 1 || *row == 350).collect();
    let one = whole(&values, d);
    let some = crate::rows::Subset::new("some", &one, chosen.clone());
    let (asked, bias) = (directions(9, d), vec![1.0; 9]);
    let batch = Batch {
        directions: &asked,
        bias: &bias,
        k: 12,
    };
    for ends in CUTS {
        let (_, rows) = sharded(&values, d, ends);
        let there = crate::rows::Subset::new("some", &rows, chosen.clone());
        let (unit, unit_there) = (crate::space::Unit(&some), crate::space::Unit(&there));
        for (here, there) in [
            (&some as &dyn Rows, &there as &dyn Rows),
            (&unit, &unit_there),
        ] {
            let scan = CpuScan::new(here, &control).unwrap();
            let many = ShardedScan::in_frame(there, scan.frame()).unwrap();
            assert_eq!(
                many.scan(&batch, &control).unwrap(),
                scan.scan(&batch, &control).unwrap()
            );
        }
        // Rows that are not in order cannot be scanned by shards.
        let mixed = crate::rows::Subset::new("mixed", &rows, vec![9, 2]);
        let frame = Frame::survey(&mixed, &control).unwrap();
        assert!(ShardedScan::in_frame(&mixed, &frame).is_none());
        assert_eq!(
            ShardedEngine
                .scan_in(&mixed, frame, &control)
                .unwrap()
                .len(),
            2
        );
    }
}

#[test]
fn rows_come_by_number_and_in_runs() {
    let (d, values) = (5, plain(700, 5));
    for ends in CUTS {
        let (shards, rows) = sharded(&values, d, ends);
        let mut out = vec![0.0; 700 * d];
        rows.read_f64(0, &mut out).unwrap();
        assert_eq!(out, values);
        rows.read_f64(250, &mut out[..200 * d]).unwrap();
        assert_eq!(out[..200 * d], values[250 * d..450 * d]);
        let wanted = [699, 0, 255, 256, 0, 350];
        let expected = wanted.map(|row| values[row * d..][..d].to_vec()).concat();
        for _ in 0..2 {
            rows.gather(&wanted, &mut out[..6 * d]).unwrap();
            assert_eq!(out[..6 * d], expected);
        }
        let before = shards.asked.load(Relaxed);
        rows.gather(&wanted, &mut out[..6 * d]).unwrap();
        assert_eq!(
            shards.asked.load(Relaxed),
            before,
            "rows that are kept are not fetched"
        );
    }
}

#[test]
fn what_a_shard_cannot_answer_is_said() {
    let control = Control::default();
    let (shards, rows) = sharded(&tied(40, 3), 3, &[20, 40]);
    let frame = Frame::survey(&rows, &control).unwrap();
    let scan = ShardedScan::in_frame(&rows, &frame).unwrap();
    let batch = Batch {
        directions: &[1.0, 0.0, 0.0],
        bias: &[0.0],
        k: 2,
    };
    shards.broken.store(true, Relaxed);
    let error = scan.scan(&batch, &control).unwrap_err().to_string();
    assert!(error.contains("shard 1 is gone"), "{error}");
    let local = LocalShard::new(Arc::new(whole(&tied(4, 3), 3)), Arc::new(CpuEngine));
    let mut question = Pack::new("a question");
    question.put_counts("range", [2, 3]);
    let error = local.answer(FETCH, question.clone(), &control).unwrap_err();
    assert!(error.to_string().contains("behind row 4"), "{error}");
    let error = local.answer("fetsh", question, &control).unwrap_err();
    assert!(error.to_string().contains("did you mean fetch"), "{error}");
    let none = Sharded::new(
        "X",
        (3, rows.element(), true),
        Here::cut(&[], 3, &[0, 0], LocalShard::answer),
    );
    assert!(none.err().unwrap().to_string().contains("no row"));
}

#[test]
fn a_shard_in_eight_bits_gives_the_same_answers_and_says_so() {
    let (control, d) = (Control::default(), 20);
    let rows = Arc::new(synthetic::gaussian(3_000, d, 1));
    let frame = Frame::survey(&*rows, &control).unwrap();
    let mut ready = Pack::new("a question");
    ready.put("name", Numbers::U64(vec![1, 2]));
    ready.put_counts("view", [1, 0]);
    frame.pack(&mut ready);
    let mut values = vec![0.0; 7 * d];
    synthetic::gaussian(7, d, 2)
        .read_f64(0, &mut values)
        .unwrap();
    let answer = |engine: Arc<dyn Engine>| {
        let shard = LocalShard::new(rows.clone(), engine);
        shard.answer(READY, ready.clone(), &control).unwrap();
        let mut question = Pack::new("a question");
        question.put("name", Numbers::U64(vec![1, 2]));
        let directions = values.iter().map(|&v| v as f32).collect();
        question.put("directions", Numbers::F32(directions));
        question.put("bias", Numbers::F32(vec![0.0; 7]));
        question.put_counts("k", [5]);
        let mut answer = shard.answer(SCAN, question, &control).unwrap();
        let int8 = answer.indices(INT8, Some(1), 2).unwrap();
        (answer, int8)
    };
    let int8 = Int8Engine::new(Precision::Int8, u64::MAX).unwrap();
    let (plain, eight) = (answer(Arc::new(CpuEngine)), answer(Arc::new(int8)));
    assert_eq!(plain.0, eight.0);
    assert_eq!((plain.1, eight.1), (vec![0], vec![1]));
}
