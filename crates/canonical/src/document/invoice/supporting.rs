//! What surrounds an invoice: notes, process, earlier invoices, supporting documents.

use jiff::civil::Date;

use crate::document::party::Identifier;
use crate::document::shape::group;

group! {
    /// A note on an invoice (BG-1).
    pub struct Note {
        /// Subject code of UNTDID 4451 (BT-21).
        pub subject_code: Option<String>,
        /// The note (BT-22).
        pub text: Option<String>,
    }

    /// Under which agreement an invoice is processed (BG-2).
    pub struct ProcessControl {
        /// Business process type (BT-23).
        pub business_process: Option<String>,
        /// Specification identifier (BT-24).
        pub specification: Option<String>,
    }

    /// An invoice that this one follows, corrects or credits (BG-3).
    pub struct PrecedingInvoice {
        /// Its number (BT-25).
        pub number: Option<String>,
        /// Its issue date (BT-26).
        pub issue_date: Option<Date>,
    }

    /// A document that supports an invoice (BG-24).
    pub struct SupportingDocument {
        /// Reference (BT-122).
        pub reference: Option<String>,
        /// Scheme of the reference, where the document is an object identifier.
        pub object: Identifier,
        /// Description (BT-123).
        pub description: Option<String>,
        /// External location, a URI (BT-124).
        pub location: Option<String>,
        /// Attached document (BT-125).
        pub attachment: Attachment,
    }

    /// An attached file, by its hash: bytes are stored once and never travel with the document (BT-125).
    pub struct Attachment {
        /// SHA-256 hash of the bytes: `sha256:` and 64 lower-case hexadecimal digits.
        pub hash: Option<String>,
        /// File name (BT-125-2).
        pub file_name: Option<String>,
        /// MIME type (BT-125-1).
        pub mime_type: Option<String>,
    }
}
