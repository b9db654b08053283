//! Which notion of a space predicts the outcome best.

use super::{Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes};
use crate::notion::class::OWN;

impl NotionOutcomes {
    /// How well the notion predicts the outcome: its AUROC, or its rank correlation with losses.
    pub fn strength(&self) -> Result<f64, Missing> {
        match (&self.auroc, &self.spearman) {
            (Measured::Value(area), _) => Ok(area.value),
            (_, Measured::Value(spearman)) => Ok(spearman.rho),
            (Measured::Missing(Missing::NotOfThisOutcome), Measured::Missing(why)) => Err(*why),
            (Measured::Missing(why), _) => Err(*why),
        }
    }

    /// Whether the notion judged at most half of `queries` queries.
    pub fn is_few(&self, queries: u64) -> bool {
        2 * self.queries <= queries
    }

    /// Whether the notion uses only what a model knows. The hull of a query's own class uses the label, and with it part of
    /// the answer to whether the model errs.
    pub fn is_fair(&self, kind: &OutcomeKind) -> bool {
        *kind != OutcomeKind::Errors || self.notion != OWN
    }
}

impl Outcomes {
    /// The notions of a space, in order.
    pub fn of_space(&self, space: &str) -> Vec<&NotionOutcomes> {
        let all = self.notions.iter();
        all.filter(|notion| notion.space == space).collect()
    }

    /// The notion of a space whose score predicts the outcome best. Notions that judged a sample are not compared with those
    /// that judged all queries: estimates from few queries vary more, so that their maximum is too often the largest.
    pub fn strongest(&self, space: &str) -> Option<(&NotionOutcomes, f64)> {
        let notions = self.of_space(space);
        let most = notions.iter().map(|notion| notion.queries).max()?;
        let fair = notions
            .into_iter()
            .filter(|notion| notion.is_fair(&self.kind) && !notion.is_few(most));
        let known = fair.filter_map(|notion| Some((notion, notion.strength().ok()?)));
        known.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}
