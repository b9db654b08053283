//! The convex hull of all rows: the verdict of the solver, with the certified distance to the hull as score.

use super::{Block, Judge, Judgement, Needs, Notion, Reference};
use crate::control::Control;
use crate::error::Result;
use crate::hull::{Answer, Verdict};

/// The convex hull of the reference.
pub struct Hull {
    /// Whether distances are computed; otherwise the score is the verdict's margin.
    pub distance: bool,
}

impl Notion for Hull {
    fn id(&self) -> String {
        "hull".into()
    }

    fn score(&self) -> String {
        match self.distance {
            true => "certified lower bound of the Euclidean distance to the hull, 0 inside",
            false => {
                "the verdict's margin: a certified lower bound of the distance, often far below it"
            }
        }
        .into()
    }

    fn outside(&self) -> String {
        "outside the convex hull of the reference".into()
    }

    fn needs(&self) -> Needs {
        Needs {
            hull: true,
            ..Needs::default()
        }
    }

    fn is_hull(&self) -> bool {
        true
    }

    fn fit<'r>(&self, _: &Reference<'r>, _: &Control) -> Result<Box<dyn Judge + 'r>> {
        Ok(Box::new(Verdicts))
    }
}

struct Verdicts;

impl Judge for Verdicts {
    fn judge(&mut self, block: &Block<'_>, _: &Control) -> Result<Vec<Judgement>> {
        Ok(block
            .hull
            .iter()
            .map(|answer| of(answer.as_ref()))
            .collect())
    }
}

/// A verdict as a judgement; `None` is a row that equals another one and is therefore inside.
pub(super) fn of(answer: Option<&Answer>) -> Judgement {
    let Some(answer) = answer else {
        return Judgement {
            outside: Some(false),
            ..Judgement::default()
        };
    };
    let lower = answer
        .distance
        .map_or(answer.margin, |bracket| bracket.lower);
    Judgement {
        outside: answer.verdict.outside(),
        score: match answer.verdict {
            Verdict::Inside => 0.0,
            Verdict::Outside => lower,
            Verdict::Undecided => f64::NAN,
        },
        more: Vec::new(),
        ..Judgement::default()
    }
}
