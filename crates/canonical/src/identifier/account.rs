//! What some countries check inside the account number of their IBANs, besides the international check digits.
//!
//! Checked are Belgium, Montenegro, Norway and Spain; elsewhere a bank's account number has no check digits that
//! every bank of the country keeps to, or they are not published.

use super::Reason;
use super::checksum::{digits, hold, luhn, number, weighted};

/// Checks the part of an IBAN behind its check digits; its structure was held against the registry before.
pub(super) fn check(country: [u8; 2], account: &[u8]) -> Result<(), Reason> {
    match &country {
        b"BE" => belgium(account),
        b"ES" => spain(account),
        b"ME" => hold(number(&digits::<18>(account)?) % 97 == 1),
        b"NO" => norway(account),
        _ => Ok(()),
    }
}

/// The bank codes that are given out, first and last of each run: the list of the National Bank of Belgium
/// (`grouped_list_current`, 2026-01-01).
#[rustfmt::skip]
const BELGIAN_BANKS: &[(u64, u64)] = &[
    (0, 111), (113, 116), (119, 127), (129, 134), (137, 137), (140, 150), (171, 171), (175, 176), (185, 185),
    (189, 214), (220, 499), (501, 501), (504, 504), (507, 510), (512, 515), (521, 525), (538, 538), (541, 541),
    (546, 546), (548, 560), (562, 579), (581, 581), (583, 583), (585, 588), (590, 601), (603, 605), (607, 607),
    (610, 613), (624, 625), (630, 631), (634, 636), (638, 638), (640, 640), (642, 654), (657, 658), (663, 664),
    (666, 680), (682, 689), (693, 696), (699, 709), (719, 719), (722, 722), (725, 765), (772, 806), (817, 817),
    (823, 826), (828, 828), (830, 840), (845, 845), (850, 853), (859, 860), (862, 863), (865, 866), (868, 868),
    (871, 871), (873, 873), (876, 881), (883, 884), (887, 888), (890, 899), (903, 908), (910, 911), (913, 917),
    (920, 920), (922, 924), (926, 926), (929, 931), (934, 934), (936, 936), (939, 943), (945, 945), (948, 961),
    (963, 964), (967, 969), (971, 971), (973, 984), (989, 999),
];

/// Three digits of the bank, seven of the account, and the rest of both modulo 97, where 97 stands for 0.
fn belgium(account: &[u8]) -> Result<(), Reason> {
    let digits = digits::<12>(account)?;
    let rest = number(&digits[..10]) % 97;
    hold(number(&digits[10..]) == if rest == 0 { 97 } else { rest })?;
    let bank = number(&digits[..3]);
    let runs_before = BELGIAN_BANKS.partition_point(|(first, _)| *first <= bank);
    let given_out = BELGIAN_BANKS[..runs_before].last().is_some_and(|(_, last)| bank <= *last);
    if given_out { Ok(()) } else { Err(Reason::Unassigned) }
}

/// Four digits each of the bank and the office, a check digit of both, one of the account, ten digits of the account.
fn spain(account: &[u8]) -> Result<(), Reason> {
    const WEIGHTS: &[u32] = &[1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let digits = digits::<20>(account)?;
    let check = |sum: u32| match sum % 11 {
        rest @ (0 | 1) => rest,
        rest => 11 - rest,
    };
    let office = check(weighted(&digits[..8], &WEIGHTS[2..]));
    let holder = check(weighted(&digits[10..], WEIGHTS));
    hold(digits[8..10] == [office, holder])
}

/// Four digits of the bank, six of the account, a check digit modulo 11; accounts of the former post bank 0000 have
/// seven digits and Luhn.
fn norway(account: &[u8]) -> Result<(), Reason> {
    let digits = digits::<11>(account)?;
    if digits[..4] == [0; 4] {
        return hold(luhn(&digits[4..]) == 0);
    }
    hold(weighted(&digits[..10], &[6, 7, 8, 9, 4, 5, 6, 7, 8, 9]) % 11 == digits[10])
}
