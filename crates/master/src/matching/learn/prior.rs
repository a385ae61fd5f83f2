//! The probabilities that are shipped, from what customer files of small and middle companies are like.

/// How often each level is seen, by class: the same customer, related ones, strangers that share a key by chance.
///
/// Levels are in the order of their types, without the one for what is not told.
#[derive(Clone, Debug)]
pub(super) struct Probabilities {
    pub share: [f64; 3],
    pub name_and_email: [[[f64; 4]; 6]; 3],
    pub phone_and_address: [[[f64; 5]; 3]; 3],
    pub identifier: [[f64; 3]; 3],
    pub account: [[f64; 3]; 3],
    pub birth_date: [[f64; 3]; 3],
}

/// Of companies and of people.
pub(super) const KINDS: [fn() -> Probabilities; 2] = [company, person];

fn company() -> Probabilities {
    Probabilities {
        share: [0.4, 0.1, 0.5],
        name_and_email: [
            product([0.72, 0.22, 0.003, 0.017, 0.02, 0.02], [0.85, 0.08, 0.05, 0.02]),
            product([0.05, 0.02, 0.001, 0.75, 0.119, 0.06], [0.03, 0.01, 0.10, 0.86]),
            product([0.10, 0.05, 0.001, 0.15, 0.199, 0.50], [0.01, 0.01, 0.03, 0.95]),
        ],
        phone_and_address: reach(),
        identifier: [[0.98, 0.005, 0.015], [0.002, 0.002, 0.996], [0.0005, 0.0005, 0.999]],
        account: [[0.93, 0.05, 0.02], [0.002, 0.001, 0.997], [0.0005, 0.0005, 0.999]],
        birth_date: [[0.94, 0.055, 0.005], [0.003, 0.012, 0.985], [0.002, 0.012, 0.986]],
    }
}

fn person() -> Probabilities {
    Probabilities {
        share: [0.4, 0.1, 0.5],
        name_and_email: [
            product([0.75, 0.17, 0.06, 0.005, 0.01, 0.005], [0.90, 0.07, 0.001, 0.029]),
            product([0.005, 0.01, 0.02, 0.85, 0.015, 0.10], [0.02, 0.01, 0.01, 0.96]),
            product([0.10, 0.05, 0.05, 0.20, 0.20, 0.40], [0.005, 0.005, 0.001, 0.989]),
        ],
        phone_and_address: reach(),
        identifier: [[0.93, 0.05, 0.02], [0.002, 0.002, 0.996], [0.0005, 0.0005, 0.999]],
        // Households share an account now and then.
        account: [[0.93, 0.05, 0.02], [0.05, 0.001, 0.949], [0.0005, 0.0005, 0.999]],
        birth_date: [[0.94, 0.055, 0.005], [0.003, 0.012, 0.985], [0.002, 0.012, 0.986]],
    }
}

fn reach() -> [[[f64; 5]; 3]; 3] {
    [
        product([0.93, 0.0, 0.07], [0.85, 0.06, 0.005, 0.015, 0.07]),
        product([0.6, 0.0, 0.4], [0.84, 0.03, 0.01, 0.02, 0.10]),
        product([0.002, 0.0, 0.998], [0.01, 0.005, 0.015, 0.07, 0.90]),
    ]
}

/// A joint distribution of two levels that do not depend on each other. Learning finds how they do.
fn product<const R: usize, const C: usize>(rows: [f64; R], columns: [f64; C]) -> [[f64; C]; R] {
    rows.map(|row| columns.map(|column| row * column))
}
