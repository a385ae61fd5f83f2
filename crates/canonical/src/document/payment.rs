//! The payment: one booked or announced movement on an account, in the terms of ISO 20022.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::party::{Address, BankAccount, Identifier, Reference};
use super::shape::{closed_code, group, open_code};
use super::values::{Currency, Money};

closed_code! {
    /// Whether money comes or goes, seen from the account (`CdtDbtInd`).
    pub enum Direction {
        /// Money comes (`CRDT`).
        Credit = "credit",
        /// Money goes (`DBIT`).
        Debit = "debit",
    }
}

open_code! {
    /// How final a movement is (`Sts`).
    pub enum PaymentStatus {
        /// Booked on the account (`BOOK`).
        Booked = "booked",
        /// Announced, not booked yet (`PDNG`).
        Pending = "pending",
        /// Told for information (`INFO`).
        Information = "information",
        /// Expected at a later date (`FUTR`).
        Future = "future",
        /// Ordered from the bank; nothing of it is on the account yet (`pain.001`, `pain.008`).
        Ordered = "ordered",
    }

    /// The report that a movement was found in; a booked statement supersedes the others.
    pub enum StatementKind {
        /// Report within the day (camt.052).
        Intraday = "intraday",
        /// End-of-day statement (camt.053).
        Statement = "statement",
        /// Notice of one movement (camt.054).
        Notification = "notification",
    }
}

group! {
    /// A payment as one system shows it, or as the master holds it.
    /// Decimals are written as text, so that they stay exact; fields that say nothing are left out.
    pub struct Payment {
        /// The payment's own number in its source, where it has one.
        pub number: Option<String>,
        /// Whether money comes or goes.
        pub direction: Option<Direction>,
        /// The amount in the account's currency, never negative (`Amt`).
        pub amount: Option<Money>,
        /// The amount as it was instructed, in its own currency (`InstdAmt`).
        pub instructed_amount: Option<Money>,
        /// Rate from the instructed amount to the amount (`XchgRate`).
        pub exchange_rate: Option<Decimal>,
        /// The amount that the bank exchanged, in the other currency (`CntrValAmt`).
        pub counter_amount: Option<Money>,
        /// How currencies were exchanged (`CcyXchg`).
        pub exchange: CurrencyExchange,
        /// Date on which the bank booked it (`BookgDt`).
        pub booking_date: Option<Date>,
        /// Date from which it bears interest (`ValDt`).
        pub value_date: Option<Date>,
        /// Date on which it is to be carried out, as ordered (`ReqdExctnDt`, `ReqdColltnDt`).
        pub requested_date: Option<Date>,
        /// When it was ordered (`CreDtTm` of the order).
        pub ordered_at: Option<Timestamp>,
        /// How final it is (`Sts`).
        pub status: Option<PaymentStatus>,
        /// How it was paid: `credit_transfer`, `direct_debit`, `card`, `cheque`, `cash` or any other word.
        pub method: Option<String>,
        /// The account on which it is booked (`Acct`).
        pub account: BankAccount,
        /// References by which the parties and their banks know it (`Refs`).
        pub references: PaymentReferences,
        /// Who pays (`Dbtr`, `UltmtDbtr`).
        pub debtor: PaymentParty,
        /// Who is paid (`Cdtr`, `UltmtCdtr`).
        pub creditor: PaymentParty,
        /// Who ordered it for one of them (`InitgPty`).
        pub initiating_party: PaymentParty,
        /// The debtor's mandate of a direct debit (`MndtRltdInf`).
        pub mandate: Mandate,
        /// What kind of payment was ordered (`PmtTpInf`).
        pub payment_type: PaymentType,
        /// What it is for (`RmtInf`).
        pub remittance: Remittance,
        /// Purpose code (`Purp`).
        pub purpose: Option<String>,
        /// What the bank takes for it (`Chrgs`).
        pub charges: Vec<Charge>,
        /// Whether it reverses an earlier one (`RvslInd`).
        pub reversal: Option<bool>,
        /// Why it came back (`RtrInf`).
        pub return_reason: ReturnReason,
        /// The bank's kind of transaction (`BkTxCd`).
        pub transaction_code: TransactionCode,
        /// The entry that it was booked in together with others.
        pub batch: PaymentBatch,
        /// Where it was reported.
        pub statement: StatementPosition,
        /// The customer whose payment it is.
        pub customer: Option<Reference>,
        /// What is not allocated yet, as the source tells.
        pub unallocated: Option<Money>,
        /// What the model has no field for, one member for each system.
        pub extensions: BTreeMap<String, Value>,
    }

    /// References of a payment.
    pub struct PaymentReferences {
        /// The payer's reference, passed from end to end (`EndToEndId`).
        pub end_to_end_id: Option<String>,
        /// The account servicer's reference (`AcctSvcrRef`).
        pub account_servicer_reference: Option<String>,
        /// The mandate of a direct debit (`MndtId`).
        pub mandate_id: Option<String>,
        /// Unique end-to-end transaction reference, a UUID (`UETR`).
        pub uetr: Option<String>,
        /// The instruction's reference between two parties (`InstrId`).
        pub instruction_id: Option<String>,
        /// The first bank's reference (`TxId`).
        pub transaction_id: Option<String>,
        /// The message in which it was ordered (`MsgId`).
        pub message_id: Option<String>,
        /// The group in which it was ordered (`PmtInfId`).
        pub payment_information_id: Option<String>,
        /// Number of the cheque (`ChqNb`).
        pub cheque_number: Option<String>,
    }

    /// How currencies were exchanged; the rate is the payment's `exchange_rate`.
    pub struct CurrencyExchange {
        /// The currency that was exchanged (`SrcCcy`).
        pub source_currency: Option<Currency>,
        /// The currency that it was exchanged into (`TrgtCcy`).
        pub target_currency: Option<Currency>,
        /// The currency of which the rate is for one unit (`UnitCcy`).
        pub unit_currency: Option<Currency>,
        /// The contract under which it was exchanged (`CtrctId`).
        pub contract: Option<String>,
    }

    /// A debtor's mandate; its reference is `references.mandate_id`.
    pub struct Mandate {
        /// Date on which the debtor signed it (`DtOfSgntr`).
        pub signed_on: Option<Date>,
        /// Whether it was changed since it was last used (`AmdmntInd`).
        pub amended: Option<bool>,
        /// Its reference before that (`OrgnlMndtId`).
        pub original_id: Option<String>,
    }

    /// What kind of payment was ordered.
    pub struct PaymentType {
        /// How urgent it is (`InstrPrty`): `HIGH` or `NORM`.
        pub priority: Option<String>,
        /// The rules that it is carried out by (`SvcLvl`), such as `SEPA`.
        pub service_level: Option<String>,
        /// The scheme inside of those (`LclInstrm`), such as `CORE` or `B2B`.
        pub local_instrument: Option<String>,
        /// Which of a row of direct debits it is (`SeqTp`): `FRST`, `RCUR`, `FNAL`, `OOFF`.
        pub sequence: Option<String>,
        /// What kind of payments they are (`CtgyPurp`), such as `SALA`.
        pub category_purpose: Option<String>,
    }

    /// The entry that a payment was booked in together with others.
    pub struct PaymentBatch {
        /// The amount of the whole entry (`Ntry/Amt`), or of the whole order (`CtrlSum`).
        pub amount: Option<Money>,
        /// How many payments it holds, as the bank tells (`NbOfTxs`).
        pub transactions: Option<u32>,
        /// The account servicer's reference of the whole entry (`Ntry/AcctSvcrRef`).
        pub reference: Option<String>,
    }

    /// One side of a payment.
    pub struct PaymentParty {
        /// Name (`Nm`).
        pub name: Option<String>,
        /// Name of the party behind it (`UltmtDbtr`, `UltmtCdtr`).
        pub ultimate_name: Option<String>,
        /// Identifiers, such as LEI or the SEPA creditor identifier.
        pub identifiers: Vec<Identifier>,
        /// Postal address (`PstlAdr`).
        pub address: Address,
        /// Account and bank (`DbtrAcct`, `DbtrAgt`, `CdtrAcct`, `CdtrAgt`).
        pub account: BankAccount,
    }

    /// What a payment is for.
    pub struct Remittance {
        /// Free text, line by line as the bank gives it (`Ustrd`).
        pub unstructured: Vec<String>,
        /// Structured references (`Strd`).
        pub structured: Vec<StructuredRemittance>,
    }

    /// One structured reference of a payment to what it pays.
    pub struct StructuredRemittance {
        /// The creditor's reference, such as an RF reference of ISO 11649 (`CdtrRefInf/Ref`).
        pub creditor_reference: Option<String>,
        /// The kind of that reference (`CdtrRefInf/Tp`), such as `SCOR`.
        pub creditor_reference_type: Option<String>,
        /// Whose kind that is (`CdtrRefInf/Tp/Issr`), such as `ISO`.
        pub creditor_reference_issuer: Option<String>,
        /// The kind of document (`RfrdDocInf/Tp`), such as `CINV` or `CREN`.
        pub document_type: Option<String>,
        /// The document's number (`RfrdDocInf/Nb`).
        pub document_number: Option<String>,
        /// The document's date (`RfrdDocInf/RltdDt`).
        pub document_date: Option<Date>,
        /// The amount remitted for it (`RfrdDocAmt/RmtdAmt`).
        pub amount: Option<Money>,
        /// Further text (`AddtlRmtInf`).
        pub text: Option<String>,
    }

    /// What the bank takes.
    pub struct Charge {
        /// The amount (`Amt`).
        pub amount: Option<Money>,
        /// Whether it comes or goes (`CdtDbtInd`); a charge that does not tell goes.
        pub direction: Option<Direction>,
        /// Who bears it (`Br`): `SHAR`, `SLEV`, `CRED`, `DEBT`.
        pub bearer: Option<String>,
        /// Whether the payment's amount is already less this charge (`ChrgInclInd`).
        pub included: Option<bool>,
        /// The kind of charge (`Tp`).
        pub kind: Option<String>,
    }

    /// Why a payment came back.
    pub struct ReturnReason {
        /// Code of the list `ExternalReturnReason1Code`, such as `AC04`, or the bank's own.
        pub code: Option<String>,
        /// The reason in words.
        pub text: Option<String>,
    }

    /// The bank's kind of transaction.
    pub struct TransactionCode {
        /// Domain, such as `PMNT`.
        pub domain: Option<String>,
        /// Family, such as `RCDT`.
        pub family: Option<String>,
        /// Sub-family, such as `ESCT`.
        pub sub_family: Option<String>,
        /// The bank's own code.
        pub proprietary: Option<String>,
        /// Whose code that is (`Issr`).
        pub issuer: Option<String>,
    }

    /// Where a payment was reported.
    pub struct StatementPosition {
        /// The kind of report.
        pub kind: Option<StatementKind>,
        /// The report's identification (`Stmt/Id`).
        pub id: Option<String>,
        /// The report's number in the year (`ElctrncSeqNb`, `LglSeqNb`).
        pub sequence: Option<String>,
        /// The entry's position in the report, from 1.
        pub entry: Option<u32>,
        /// The transaction's position in the entry, from 1.
        pub transaction: Option<u32>,
        /// The entry's own reference (`NtryRef`).
        pub entry_reference: Option<String>,
        /// Currency of the account, where the report tells it apart from the amount's.
        pub currency: Option<Currency>,
    }
}
