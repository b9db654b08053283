//! Delaunay simplices compared with SciPy's, with plain sums over all rows, and with values computed by hand.

use crate::common::{gaussian, rows};
use crate::definitions::{BY_SCIPY, asked, by_formula, plan};
use hullscope::notion::metric::Metric;
use hullscope::notion::{Judgement, Value};
use hullscope::study::analyze::AnalysisPlan;

/// The rows, the weights, the radius, and whether the simplex is unique.
fn simplex(found: &Judgement) -> Option<(&[u64], &[f64], f64, bool)> {
    match &found.more[..] {
        [
            Value::Rows(rows),
            Value::Floats(weights),
            Value::Float(radius),
            ..,
            Value::Bool(unique),
            Value::Float(_),
        ] => Some((rows, weights, *radius, *unique)),
        _ => None,
    }
}

#[test]
fn delaunay_simplices_are_those_of_scipy() {
    let reference = rows(3, &by_formula(60, 0, 0.3));
    let queries = by_formula(12, 500, 0.3);
    let queries: Vec<f64> = queries.iter().map(|v| v * 0.95 + 0.05).collect();
    let found = asked(&plan("delaunay"), &reference, &rows(3, &queries), None);
    let found = found.of("delaunay");
    for (query, (_, _, _, expected)) in BY_SCIPY.iter().enumerate() {
        let outside = expected.is_empty();
        assert_eq!(found[query].outside, Some(outside), "{query}");
        let rows = simplex(found[query]).map(|(rows, ..)| rows);
        assert!(outside || rows == Some(expected), "{query}: {rows:?}");
    }
}

/// In one dimension the simplex is the two neighbours in order.
#[test]
fn a_delaunay_simplex_in_one_dimension_is_the_row_below_and_the_row_above() {
    let values = gaussian(80, 3);
    let queries = gaussian(50, 4);
    let found = asked(
        &plan("delaunay"),
        &rows(1, &values),
        &rows(1, &queries),
        None,
    );
    let mut inside = 0;
    for (&q, judged) in queries.iter().zip(found.of("delaunay")) {
        let number = |&row: &usize| values[row];
        let below = (0..80).filter(|row| number(row) < q);
        let below = below.max_by(|a, b| number(a).total_cmp(&number(b)));
        let above = (0..80).filter(|row| number(row) > q);
        let above = above.min_by(|a, b| number(a).total_cmp(&number(b)));
        let expected = below
            .zip(above)
            .map(|(a, b)| [a.min(b) as u64, a.max(b) as u64]);
        let rows = simplex(judged).map(|(rows, ..)| rows);
        assert_eq!(rows, expected.as_ref().map(|pair| &pair[..]), "{q}");
        if let Some((rows, _, radius, unique)) = simplex(judged) {
            let length = (values[rows[0] as usize] - values[rows[1] as usize]).abs();
            let [x, y] = [rows[0], rows[1]].map(|row| values[row as usize] - q);
            assert!((radius - length / 2.0).abs() < 1e-12 && unique);
            assert!((judged.score - (-x * y).sqrt()).abs() < 1e-9);
            inside += 1;
        }
    }
    assert!(inside > 30);
}

/// The centre by Lux et al., weights that give the query, and no row inside the sphere: by plain sums over all rows,
/// also for rows in a subspace, columns in other units far from 0, repeated rows, and reordered rows.
#[test]
fn the_sphere_of_a_delaunay_simplex_is_empty() {
    for (d, rank, n) in [
        (2, 2, 200),
        (3, 3, 120),
        (5, 5, 60),
        (4, 2, 100),
        (6, 5, 60),
    ] {
        let lift = |x: &[f64]| -> Vec<f64> {
            let sum: f64 = x.iter().sum();
            let each = (0..d).map(|j| if j < rank { x[j] } else { sum / (1 + j) as f64 });
            each.map(|v| 10.0 + v).collect()
        };
        let lifted = |count: usize, spread: f64, seed| -> Vec<f64> {
            let plain: Vec<f64> = gaussian(count * rank, seed)
                .iter()
                .map(|v| v * spread)
                .collect();
            plain.chunks_exact(rank).flat_map(lift).collect()
        };
        let mut values = lifted(n, 1.0, 5);
        values.extend_from_within(..10 * d);
        let queries = lifted(12, 0.4, 6);
        let plan = AnalysisPlan {
            gap: None,
            ..plan("delaunay")
        };
        let found = asked(&plan, &rows(d, &values), &rows(d, &queries), None);
        let turned: Vec<f64> = values.chunks_exact(d).rev().flatten().copied().collect();
        let other = asked(&plan, &rows(d, &turned), &rows(d, &queries), None);
        let mut inside = 0;
        let each = queries.chunks_exact(d).zip(found.of("delaunay"));
        for ((q, judged), other) in each.zip(other.of("delaunay")) {
            assert_eq!(judged.outside, other.outside);
            let (Some((vertices, weights, radius, unique)), Some(_)) =
                (simplex(judged), simplex(other))
            else {
                assert_ne!(judged.outside, Some(false), "{d}: {judged:?}");
                continue;
            };
            inside += 1;
            assert!((judged.score - other.score).abs() < 1e-7 * judged.score);
            assert!(unique && vertices.len() == rank + 1, "{d}: {vertices:?}");
            let row = |row: &u64| &values[*row as usize * d..][..d];
            for j in 0..d {
                let value: f64 = vertices
                    .iter()
                    .zip(weights)
                    .map(|(x, w)| row(x)[j] * w)
                    .sum();
                assert!((value - q[j]).abs() < 1e-7);
            }
            let sum: f64 = vertices
                .iter()
                .zip(weights)
                .map(|(x, w)| w * square(row(x), q))
                .sum();
            assert!((sum.sqrt() - judged.score).abs() < 1e-7);
            let points: Vec<&[f64]> = vertices.iter().map(row).collect();
            let centre = circumcentre(&points);
            assert!((square(points[0], &centre).sqrt() - radius).abs() < 1e-6 * radius);
            for x in values.chunks_exact(d) {
                assert!(square(x, &centre).sqrt() > radius * (1.0 - 1e-6));
            }
        }
        assert!(inside > 3, "{d}: {inside}");
    }
}

/// The point of the affine hull at equal distance from all points: the normal equations, by elimination.
fn circumcentre(points: &[&[f64]]) -> Vec<f64> {
    let edge = |x: &&[f64]| -> Vec<f64> { x.iter().zip(points[0]).map(|(x, o)| x - o).collect() };
    let edges: Vec<Vec<f64>> = points[1..].iter().map(edge).collect();
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut table: Vec<Vec<f64>> = (edges.iter())
        .map(|a| {
            edges
                .iter()
                .map(|b| dot(a, b))
                .chain([dot(a, a) / 2.0])
                .collect()
        })
        .collect();
    let n = edges.len();
    for i in 0..n {
        let line: Vec<f64> = table[i].iter().map(|v| v / table[i][i]).collect();
        for (k, other) in table.iter_mut().enumerate() {
            let share = if k == i { 0.0 } else { other[i] };
            other
                .iter_mut()
                .zip(&line)
                .for_each(|(v, l)| *v -= share * l);
        }
        table[i] = line;
    }
    let shares = |j: usize| (0..n).map(|i| table[i][n] * edges[i][j]).sum::<f64>();
    points[0]
        .iter()
        .enumerate()
        .map(|(j, o)| o + shares(j))
        .collect()
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The corners of a square lie on one circle: the weights are right, and the simplex is reported as not unique.
#[test]
fn a_choice_of_delaunay_simplices_is_said() {
    let grid: Vec<f64> = (0..25)
        .flat_map(|i| [(i % 5) as f64, (i / 5) as f64])
        .collect();
    let queries = [0.25, 0.5, 3.5, 2.75, 2.0, 2.0, 1.5, 3.0, 7.0, 0.0];
    let found = asked(&plan("delaunay"), &rows(2, &grid), &rows(2, &queries), None);
    let found = found.of("delaunay");
    for judged in &found[..2] {
        let (_, _, radius, unique) = simplex(judged).unwrap();
        assert!(
            !unique && (radius - 0.5f64.sqrt()).abs() < 1e-12,
            "{judged:?}"
        );
    }
    assert_eq!(
        simplex(found[2]).map(|s| (s.0, s.2)),
        Some((&[12][..], 0.0))
    );
    assert_eq!(simplex(found[3]).map(|s| s.0), Some(&[16, 17][..]));
    assert_eq!(found[4].outside, Some(true));
    assert_eq!(simplex(found[4]).map(|s| s.0), Some(&[4][..]));
}

/// A number from the notion's columns after rows and weights, by its position.
fn number(found: &Judgement, place: usize) -> f64 {
    match found.more[2 + place] {
        Value::Float(value) => value,
        _ => f64::NAN,
    }
}

/// radius, nearest, edge, sigma, and the distance of the point from the projection.
fn numbers(found: &Judgement) -> [f64; 5] {
    [0, 1, 2, 3, 5].map(|place| number(found, place))
}

/// A right triangle with sides 3 and 4 at the origin, and the fourth corner of the rectangle: the circle about (2, 1.5)
/// goes through all four.
#[test]
fn columns_are_those_worked_out_by_hand() {
    let reference = [0.0, 0.0, 4.0, 0.0, 0.0, 3.0, 9.0, 9.0];
    let queries = [1.0, 0.75, 2.0, 0.0, 4.0, 0.0, 2.0, -5.0, -3.0, -4.0];
    let found = asked(
        &plan("delaunay"),
        &rows(2, &reference),
        &rows(2, &queries),
        None,
    );
    let found = found.of("delaunay");
    let close = |a: &[f64], b: &[f64]| {
        let each = a.iter().zip(b);
        let near = each.map(|(a, b)| (a - b).abs() < 1e-12 || a.is_nan() && b.is_nan());
        assert!(
            near.fold(a.len() == b.len(), |all, one| all && one),
            "{a:?}, {b:?}"
        );
    };
    // Weights 1/2, 1/4, 1/4; edges (4, 0) and (0, 3) from the origin.
    let (held, weights, ..) = simplex(found[0]).unwrap();
    assert_eq!(held, [0, 1, 2]);
    close(weights, &[0.5, 0.25, 0.25]);
    close(&numbers(found[0]), &[2.5, 1.25, 4.0, 3.0, 0.0]);
    let squares = 0.5 * 1.5625 + 0.25 * (9.0 + 0.5625) + 0.25 * (1.0 + 5.0625);
    close(&[found[0].score], &[f64::sqrt(squares)]);
    // On an edge, and at a corner.
    let (held, weights, ..) = simplex(found[1]).unwrap();
    assert_eq!(held, [0, 1]);
    close(weights, &[0.5, 0.5]);
    close(&numbers(found[1])[1..], &[2.0, 4.0, 4.0, 0.0]);
    close(&[found[1].score], &[2.0]);
    assert_eq!(simplex(found[2]).unwrap().0, [1]);
    close(&numbers(found[2]), &[0.0, 0.0, 0.0, f64::NAN, 0.0]);
    // Outside, below the middle of that edge: the simplex is that of the middle.
    assert_eq!(found[3].outside, Some(true));
    let (held, weights, ..) = simplex(found[3]).unwrap();
    assert_eq!(held, [0, 1]);
    close(weights, &[0.5, 0.5]);
    close(&[found[3].score], &[2.0]);
    close(&numbers(found[3])[1..4], &[2.0, 4.0, 4.0]);
    // Outside, beyond the corner at the origin.
    assert_eq!((found[4].outside, found[4].score), (Some(true), 0.0));
    assert_eq!(simplex(found[4]).unwrap().0, [0]);
}

/// Inside and at projections, in the plane: `data/make/delaunay.py`. Cosine distance gives the same.
#[test]
fn simplices_in_the_plane_and_at_projections_are_those_of_scipy() {
    let plane = |count: usize, first: usize| -> Vec<f64> {
        let three = by_formula(count, first, 0.0);
        three.chunks_exact(3).flat_map(|x| [x[0], x[1]]).collect()
    };
    let table = include_str!("data/delaunay.csv");
    let lines: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|l| l.split(',').collect())
        .collect();
    let float = |text: &str| text.parse::<f64>().unwrap();
    let queries: Vec<f64> = lines
        .iter()
        .flat_map(|l| [float(l[0]), float(l[1])])
        .collect();
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let plan = AnalysisPlan {
            metric,
            gap: Some(1e-6),
            ..plan("delaunay,ball")
        };
        let (reference, queries) = (rows(2, &plane(150, 0)), rows(2, &queries));
        let found = asked(&plan, &reference, &queries, None);
        let mut outside = 0;
        for (line, judged) in lines.iter().zip(found.of("delaunay")) {
            let words = |text: &str| text.split(' ').map(float).collect::<Vec<_>>();
            let (held, weights, ..) = simplex(judged).unwrap();
            assert_eq!(judged.outside, Some(line[2] == "1"), "{line:?}");
            // The rows of the edge, possibly with a third whose weight is rounding.
            let pairs = held
                .iter()
                .zip(weights)
                .filter(|(_, weight)| **weight > 1e-6);
            let (held, weights): (Vec<f64>, Vec<f64>) =
                pairs.map(|(&row, &w)| (row as f64, w)).unzip();
            assert_eq!(held, words(line[3]), "{line:?}");
            for (weight, expected) in weights.iter().zip(words(line[4])) {
                assert!((weight - expected).abs() < 1e-6, "{line:?}: {weight}");
            }
            assert!(
                (judged.score - float(line[5])).abs() < 1e-6,
                "{line:?}: {judged:?}"
            );
            let off = number(judged, 5);
            assert!(
                if line[2] == "1" {
                    (0.0..1e-3).contains(&off)
                } else {
                    off == 0.0
                },
                "{line:?}"
            );
            if held.len() == simplex(judged).unwrap().0.len() && !line[6].is_empty() {
                assert!(
                    (number(judged, 3) - float(line[6])).abs() < 1e-6,
                    "{line:?}: {judged:?}"
                );
            }
            outside += usize::from(line[2] == "1");
        }
        assert!(outside > 10 && lines.len() - outside > 10);
    }
}

/// `A^-1 b` of a 4 x 4 matrix by Cramer's rule; `None` if the matrix is singular.
fn solved(rows: [&[f64]; 4], q: &[f64]) -> Option<[f64; 4]> {
    let of = |x: [&[f64]; 4]| -> f64 {
        let edge = |k: usize, j: usize| x[k][j] - x[0][j];
        let minor = |a: usize, b: usize| edge(2, a) * edge(3, b) - edge(2, b) * edge(3, a);
        edge(1, 0) * minor(1, 2) - edge(1, 1) * minor(0, 2) + edge(1, 2) * minor(0, 1)
    };
    let whole = of(rows);
    let each = [0, 1, 2, 3].map(|place| {
        let mut with = rows;
        with[place] = q;
        of(with) / whole
    });
    (whole.abs() > 1e-9).then_some(each)
}

/// Small integers with many zeros, so that queries lie on faces of the hull and spheres contain many rows: the lowest
/// of all simplices of four rows, by trying each.
#[test]
fn on_faces_and_among_ties_the_simplex_is_the_least_of_all() {
    for seed in 0..3 {
        let numbers = gaussian(26 * 3, 40 + seed);
        let values: Vec<f64> = numbers.iter().map(|v| (2.0 * v).round().max(0.0)).collect();
        let row = |i: usize| &values[3 * i..][..3];
        let middle = |i: usize| {
            (0..3).map(move |j| (row(i)[j] + 2.0 * row(i + 1)[j]) / 4.0 + row(i + 2)[j] / 4.0)
        };
        let queries: Vec<f64> = (0..24).flat_map(middle).collect();
        let found = asked(
            &plan("delaunay"),
            &rows(3, &values),
            &rows(3, &queries),
            None,
        );
        let mut on_faces = 0;
        for (q, judged) in queries.chunks_exact(3).zip(found.of("delaunay")) {
            let mut least = f64::INFINITY;
            for a in 0..26 {
                for b in 0..a {
                    for c in 0..b {
                        for d in 0..c {
                            let four = [row(a), row(b), row(c), row(d)];
                            let Some(weights) = solved(four, q) else {
                                continue;
                            };
                            if weights.iter().all(|&w| w > -1e-12) {
                                let each = weights.iter().zip(four);
                                least = least.min(each.map(|(w, x)| w * square(x, q)).sum());
                            }
                        }
                    }
                }
            }
            assert_eq!(judged.outside, Some(false), "{seed}: {q:?}");
            assert!(simplex(judged).is_some(), "{seed}: {q:?}: {judged:?}");
            assert!(
                (judged.score.powi(2) - least).abs() < 1e-8,
                "{seed}: {q:?}: {judged:?}, {least}"
            );
            on_faces += usize::from(q.contains(&0.0));
        }
        assert!(on_faces > 3, "{seed}: {on_faces}");
    }
}
