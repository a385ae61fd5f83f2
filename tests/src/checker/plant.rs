//! Mistakes that a subscriber makes on purpose, to prove that the checker sees them in a whole run.

use super::log::Effect;

/// A mistake. Each is made once: the checker must find a single one among all effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// One record is acknowledged every time, and never written down.
    Loss,
    /// The first effect is written down twice.
    Double,
    /// The first record that changes gets its older state again.
    Reorder,
}

impl Plant {
    /// The mistake of a public name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "loss" => Some(Plant::Loss),
            "double" => Some(Plant::Double),
            "reorder" => Some(Plant::Reorder),
            _ => None,
        }
    }
}

/// A mistake, and whether it was made.
pub(super) struct Planted {
    plant: Plant,
    /// The record that it was made with, as (entity, key).
    victim: Option<(String, String)>,
}

impl Planted {
    pub fn new(plant: Plant) -> Self {
        Planted { plant, victim: None }
    }

    /// What is written down of an effect; `before` is what it changes.
    pub fn told(&mut self, now: Effect, before: Option<Effect>) -> Vec<Effect> {
        let is_victim = self.victim.as_ref().is_some_and(|(entity, key)| (entity, key) == (&now.entity, &now.key));
        let is_first = self.victim.is_none();
        let mut become_victim = |now: &Effect| self.victim = Some((now.entity.clone(), now.key.clone()));
        match (self.plant, before) {
            // Not a customer: its documents would come before it then, which is another mistake.
            (Plant::Loss, _) if is_victim => Vec::new(),
            (Plant::Loss, _) if is_first && now.entity != "customer" => {
                become_victim(&now);
                Vec::new()
            }
            (Plant::Double, _) if is_first => {
                become_victim(&now);
                vec![now.clone(), now]
            }
            (Plant::Reorder, Some(before)) if is_first => {
                become_victim(&now);
                vec![now, before]
            }
            _ => vec![now],
        }
    }
}
