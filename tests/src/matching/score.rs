//! Clusters against the truth.

#![allow(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "shares, for people to read")]

use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

use super::RecordName;

/// How well clusters agree with the truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Records.
    pub records: usize,
    /// Clusters that they were put into.
    pub clusters: usize,
    /// Entities that they are.
    pub entities: usize,
    /// Of the pairs that are in one cluster, the share that is one entity.
    pub precision: f64,
    /// Of the pairs that are one entity, the share that is in one cluster.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// The harmonic mean of B-cubed precision and recall (Bagga and Baldwin, 1998).
    pub b3: f64,
}

/// Holds (cluster, entity) of each record against each other.
pub fn figures(records: &[(u64, &str)]) -> Figures {
    let (both, clusters, entities) = counts(records.iter().map(|(cluster, entity)| (*cluster, *entity)));
    let (found, said, there) = (pairs(both.values()), pairs(clusters.values()), pairs(entities.values()));
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
    let mean = |one: f64, other: f64| share(2.0 * one * other, one + other);
    let all = (records.len() as f64).max(1.0);
    let (mut exact, mut whole) = (0.0, 0.0);
    for ((cluster, entity), count) in &both {
        let count = *count as f64;
        exact += count * count / clusters[cluster] as f64;
        whole += count * count / entities[entity] as f64;
    }
    let (precision, recall) = (share(found, said), share(found, there));
    Figures {
        records: records.len(),
        clusters: clusters.len(),
        entities: entities.len(),
        precision: rounded(precision),
        recall: rounded(recall),
        f1: rounded(mean(precision, recall)),
        b3: rounded(mean(exact / all, whole / all)),
    }
}

/// To five decimals.
fn rounded(share: f64) -> f64 {
    (share * 100_000.0).round() / 100_000.0
}

type Counts<A, B> = (HashMap<(A, B), usize>, HashMap<A, usize>, HashMap<B, usize>);

fn counts<A: Copy + Eq + Hash, B: Copy + Eq + Hash>(items: impl Iterator<Item = (A, B)>) -> Counts<A, B> {
    let (mut both, mut ones, mut others) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (one, other) in items {
        *both.entry((one, other)).or_default() += 1;
        *ones.entry(one).or_default() += 1;
        *others.entry(other).or_default() += 1;
    }
    (both, ones, others)
}

fn pairs<'a>(counts: impl Iterator<Item = &'a usize>) -> f64 {
    counts.map(|count| (count * count.saturating_sub(1) / 2) as f64).sum()
}

/// How far two ways of clustering the same records agree: 1 when they are identical (Hubert and Arabie, 1985).
pub fn adjusted_rand_index(one: &HashMap<RecordName, u64>, other: &HashMap<RecordName, u64>) -> f64 {
    let shared = one.iter().filter_map(|(record, cluster)| Some((*cluster, *other.get(record)?)));
    let (both, ones, others) = counts(shared);
    let (both, ones, others) = (pairs(both.values()), pairs(ones.values()), pairs(others.values()));
    let all = pairs(std::iter::once(&one.len()));
    let expected = ones * others / all.max(1.0);
    let most = f64::midpoint(ones, others);
    if (most - expected).abs() < f64::EPSILON { 1.0 } else { (both - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_definitions() {
        let perfect = figures(&[(1, "a"), (1, "a"), (2, "b")]);
        assert_eq!((perfect.precision, perfect.recall, perfect.f1, perfect.b3), (1.0, 1.0, 1.0, 1.0));
        // One pair of three is right, one of two is found.
        let mixed = figures(&[(1, "a"), (1, "a"), (1, "b"), (2, "b")]);
        assert_eq!((mixed.precision, mixed.recall, mixed.f1), (0.33333, 0.5, 0.4));
        assert_eq!(mixed.b3, 0.70588);
        assert_eq!((mixed.records, mixed.clusters, mixed.entities), (4, 2, 2));
    }

    #[test]
    fn the_index_of_equal_clusterings_is_one() {
        let clusters = |numbers: &[u64]| -> HashMap<RecordName, u64> {
            numbers.iter().enumerate().map(|(at, number)| (("s".to_owned(), at.to_string()), *number)).collect()
        };
        assert_eq!(adjusted_rand_index(&clusters(&[1, 1, 2]), &clusters(&[7, 7, 3])), 1.0);
        assert!(adjusted_rand_index(&clusters(&[1, 1, 2, 2]), &clusters(&[1, 2, 1, 2])) < 0.0);
        assert!(adjusted_rand_index(&clusters(&[1, 1, 2, 2, 2]), &clusters(&[1, 1, 2, 2, 3])) < 1.0);
    }
}
