//! How many decimals an amount of a currency has, by ISO 4217.

/// Currencies without decimals.
const NONE: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];

/// Currencies with three decimals.
const THREE: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// The number of decimals of a currency's minor unit; two for a currency that the table does not know,
/// as nearly all have.
pub(crate) fn minor_unit(currency: &str) -> u32 {
    if NONE.contains(&currency) {
        0
    } else if THREE.contains(&currency) {
        3
    } else {
        2
    }
}
