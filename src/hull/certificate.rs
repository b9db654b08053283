//! The proof that goes with a verdict, and its check.
//!
//! Outside ([`Evidence::Separated`]): a direction `w` with `<w, q> > max_i <w, x_i>`; then
//! `(<w, q> - max_i <w, x_i>) / |w|` bounds the distance of q to the hull from below. Inside: at most d+1 rows and
//! weights `l >= 0`, `sum l = 1` with `sum l_i x_i = q` (Caratheodory), in one of two ways. [`Evidence::Exact`]: such
//! weights are proved to exist for the stored numbers as real numbers ([`verified`]). [`Evidence::Tolerance`]: neither
//! side can be proved, an f64 scan along the residual has failed to separate q, and the stored weights leave a residual
//! of at most the tolerance times the *local scale*: the mean distance from q to the rows of its certificate, in
//! coordinates where every column has unit spread ([`crate::rows::spreads`]), so that neither the units of columns nor
//! far rows matter.
//!
//! [`check()`] uses [`Rows`] and verified arithmetic. It shares no code with the solver whose
//! results it checks, and it reads nothing but the claims from the file.

mod check;
mod consistent;
mod doubled;
mod equations;
mod exact;
mod integers;
mod inverse;
pub(crate) mod local;
mod residual;
mod roundoff;
pub mod verified;

use crate::rows::Rows;
pub use check::{Fault, STRICT, Tally, check};
pub(crate) use exact::separation;
pub(crate) use residual::residual;

/// Whether a query is in the convex hull of the reference rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A convex combination of reference rows: an interpolation.
    Inside,
    /// Separated from every reference row by a hyperplane: an extrapolation.
    Outside,
    /// Neither could be proved.
    Undecided,
}

impl Verdict {
    /// The word that users and files see.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Inside => "inside",
            Verdict::Outside => "outside",
            Verdict::Undecided => "undecided",
        }
    }

    /// `Some(true)` if proved outside, `Some(false)` if proved inside, `None` if neither was proved.
    pub const fn outside(self) -> Option<bool> {
        match self {
            Verdict::Inside => Some(false),
            Verdict::Outside => Some(true),
            Verdict::Undecided => None,
        }
    }
}

/// How a verdict is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Inside the hull of the stored numbers as real numbers: verified arithmetic bounds every weight from below by 0.
    Exact,
    /// Neither side can be proved, and the weighted rows meet the query to within the tolerance times the local scale.
    Tolerance,
    /// Outside: a hyperplane separates the query from every row, with every rounding accounted for.
    Separated,
}

impl Evidence {
    /// The word that users and files see.
    pub const fn name(self) -> &'static str {
        match self {
            Evidence::Exact => "exact",
            Evidence::Tolerance => "tolerance",
            Evidence::Separated => "separated",
        }
    }
}

/// What proves a verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Certificate {
    /// `q = sum weights[j] * x[rows[j]]`; rows are row indices of the reference ([`Rows::number`] maps them to
    /// the file), weights are positive and sum to 1.
    ///
    /// `exact` says: it is proved that non-negative weights on exactly these rows exist whose sum is the query itself.
    /// The stored weights are those weights, rounded.
    ///
    /// [`Rows::number`]: crate::rows::Rows::number
    Inside {
        rows: Vec<usize>,
        weights: Vec<f64>,
        exact: bool,
    },
    /// `<direction, q> - max_i <direction, x_i>` is positive and at least `margin * |direction|`. The margin is 0 where
    /// the distance is below the smallest positive f64.
    Outside { direction: Vec<f64>, margin: f64 },
    /// Nothing was proved.
    None,
}

impl Certificate {
    /// The same with the row numbers of the reference's file.
    pub fn proof(&self, reference: &dyn Rows) -> Proof {
        match self {
            Certificate::Inside {
                rows,
                weights,
                exact,
            } => Proof::Inside {
                rows: rows.iter().map(|&row| reference.number(row)).collect(),
                weights: weights.clone(),
                exact: *exact,
            },
            Certificate::Outside { direction, margin } => Proof::Outside {
                direction: direction.clone(),
                margin: *margin,
            },
            Certificate::None => Proof::None,
        }
    }
}

/// The set that a query is claimed to be inside or outside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Body {
    /// The convex hull of the rows.
    #[default]
    Hull,
    /// The convex cone of the rows. Inside: `q = sum u_i x_i`; the weights need not sum to 1 and always meet
    /// `q / sum u` to within the tolerance; a query of zeros needs no rows. Outside: a direction with `<w, x_i> <= 0 < <w, q>`
    /// for every row; the margin is a lower bound of the sine of the angle between q and the cone, `<w, q> / (|w| |q|)`.
    Cone,
}

impl Body {
    /// Both bodies.
    pub const ALL: [Body; 2] = [Body::Hull, Body::Cone];

    /// The word that users and files see.
    pub const fn name(self) -> &'static str {
        match self {
            Body::Hull => "hull",
            Body::Cone => "cone",
        }
    }
}

/// A verdict and its certificate as written in a file: rows are row numbers of the files, not indices.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub of: Body,
    /// Row number in the query file.
    pub query: u64,
    pub proof: Proof,
}

/// A [`Certificate`] with row numbers of the reference file.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    Inside {
        rows: Vec<u64>,
        weights: Vec<f64>,
        exact: bool,
    },
    Outside {
        direction: Vec<f64>,
        margin: f64,
    },
    /// Undecided: nothing is claimed.
    None,
    /// The file's entries for this query contradict each other: its verdict, and what is wrong.
    Contradiction {
        verdict: String,
        what: String,
    },
}

impl Claim {
    /// The kind of proof that is claimed; `None` where nothing is claimed.
    pub const fn evidence(&self) -> Option<Evidence> {
        match self.proof {
            Proof::Inside { exact: true, .. } => Some(Evidence::Exact),
            Proof::Inside { exact: false, .. } => Some(Evidence::Tolerance),
            Proof::Outside { .. } => Some(Evidence::Separated),
            Proof::None | Proof::Contradiction { .. } => None,
        }
    }

    /// The name of the claimed verdict.
    pub fn verdict(&self) -> &str {
        match &self.proof {
            Proof::Inside { .. } => Verdict::Inside.name(),
            Proof::Outside { .. } => Verdict::Outside.name(),
            Proof::None => Verdict::Undecided.name(),
            Proof::Contradiction { verdict, .. } => verdict,
        }
    }
}
