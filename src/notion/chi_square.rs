//! The upper tail of the chi-square distribution: the probability that a Gaussian point is farther out.

/// P(X > x) for X chi-square with `freedom` degrees of freedom, to a relative error of about 1e-11; 1 for x <= 0.
///
/// The regularised incomplete gamma function Q(freedom / 2, x / 2): its series below the middle of the distribution, its
/// continued fraction above (Press et al., Numerical Recipes, 3rd ed., section 6.2).
pub(super) fn tail(freedom: usize, x: f64) -> f64 {
    let (a, x) = (0.5 * freedom as f64, 0.5 * x);
    if x <= 0.0 {
        return 1.0;
    }
    // Without degrees of freedom X is 0, and no finite X is beyond infinity.
    if freedom == 0 || x == f64::INFINITY {
        return 0.0;
    }
    let density = (a * x.ln() - x - libm::lgamma(a)).exp();
    match x < a + 1.0 {
        true => 1.0 - density * series(a, x),
        false => density * fraction(a, x),
    }
}

/// `sum_n x^n / (a (a+1) .. (a+n))`; its terms decrease at least geometrically once n exceeds x.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > f64::EPSILON * sum {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

/// The continued fraction `1 / (x+1-a - 1(1-a) / (x+3-a - 2(2-a) / ..))`, evaluated forwards (Lentz's method).
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    /// Far more steps than are needed: about the square root of a for x near a.
    const MOST: usize = 100_000;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut value = d;
    for n in 1..MOST {
        let n = n as f64;
        let numerator = -n * (n - a);
        b += 2.0;
        let kept = |v: f64| if v.abs() < TINY { TINY } else { v };
        d = 1.0 / kept(numerator * d + b);
        c = kept(b + numerator / c);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.chi2.sf(x, freedom)`, SciPy 1.17.1 (benches/peers/notions.py).
    #[test]
    fn the_tail_is_that_of_scipy() {
        for (freedom, x, expected) in [
            (1, 0.5, 0.47950012218695337),
            (1, 3.84, 0.05004352124870519),
            (2, 40.0, 2.0611536224385566e-09),
            (7, 0.001, 0.9999999999997597),
            (61, 60.0, 0.5121852443117401),
            (61, 200.0, 1.0879251737280765e-16),
            (3000, 2900.0, 0.9026832809699057),
            (3000, 3300.0, 8.51384970727166e-05),
        ] {
            let found = tail(freedom, x);
            assert!(
                (found - expected).abs() <= 1e-10 * expected,
                "{freedom} {x}: {found} {expected}"
            );
        }
        assert_eq!(tail(3, 0.0), 1.0);
        assert_eq!(tail(0, 1e-9), 0.0);
        assert_eq!(tail(5, f64::INFINITY), 0.0);
        assert_eq!(tail(5, 1e30), 0.0);
    }
}
