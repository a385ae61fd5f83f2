//! Attached files: base64 in a record, a hash in the document, and bytes beside it.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use sha2::{Digest, Sha256};

use crate::error::Problem;

/// What stands in front of a hash.
const ALGORITHM: &str = "sha256:";

/// Programs leave the padding out, or do not clear the last bits; the bytes are certain all the same.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of a base64 text, in which white space does not count.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Problem> {
    let is_whole = !text.bytes().any(|byte| byte.is_ascii_whitespace());
    let compact: Cow<'_, str> = match is_whole {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().filter(|character| !character.is_ascii_whitespace()).collect()),
    };
    LENIENT
        .decode(compact.as_bytes())
        .map_err(|_| Problem::new("mapping.attachment", "an attached file is written in base64, and this is none"))
}

/// Bytes as base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// The hash by which bytes are known: `sha256:` and 64 lower-case hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(ALGORITHM.len() + 64);
    text.push_str(ALGORITHM);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
