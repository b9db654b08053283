//! Numbers as text.

use hullscope::report::numerals::{
    between, grouped, number, percent, probability, significant, unbroken,
};

#[test]
fn only_whole_shares_read_as_0_or_100_percent() {
    let pairs = [
        (0.0, "0"),
        (1.0, "100"),
        (0.123_45, "12.3"),
        (0.9994, "99.9"),
        (0.999_7, "99.97"),
        (0.000_3, "0.03"),
        (0.000_01, "<0.01"),
        (0.999_99, ">99.99"),
    ];
    for (share, text) in pairs {
        assert_eq!(percent(share), text);
    }
    assert_eq!(between([0.0, 0.0038]), "0 to 0.4");
}

#[test]
fn numbers_have_few_digits_and_counts_have_commas() {
    assert_eq!(number(0.123_45), "0.123");
    assert_eq!(number(1234.5), "1234");
    assert_eq!(number(2e-7), "2.00e-7");
    let four = [1234.56, 0.012345, 3e-7, 0.0].map(|number| significant(number, 4));
    assert_eq!(four, ["1235", "0.01235", "3.000e-7", "0"]);
    assert_eq!(probability(0.0), "< 1e-12");
    assert_eq!(probability(2e-12), "2.0e-12");
    assert_eq!(probability(0.04), "0.040");
    assert_eq!(probability(3.8e-211), "< 1e-12");
    assert_eq!(grouped(1_281_167), "1,281,167");
    assert_eq!(grouped(999), "999");
}

#[test]
fn numbers_keep_their_units_and_signs() {
    for (text, bound) in [
        (
            "a rate (95 %: 3 to 4), p = 0.04.",
            "a rate (95_%: 3 to 4), p_=_0.04.",
        ),
        ("p < 0.05 after 1.2 s, so %", "p_<_0.05 after 1.2_s, so %"),
        ("none s, a=b  c", "none s, a=b  c"),
    ] {
        assert_eq!(unbroken(text).replace('\u{a0}', "_"), bound);
    }
}
