//! Code lists that rules hold documents against.

mod list;

use std::cmp::Ordering;

pub use list::CodeList;

/// Every alpha-2 code that ISO 3166-1 assigns, sorted.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
     BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES \
     ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
     IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
     MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU \
     NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
     SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
     VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Every alphabetic code that ISO 4217 lists, sorted.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
     CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL \
     GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW \
     KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD \
     NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP \
     SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS \
     VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER \
     ZAR ZMW ZWG";

/// Whether ISO 3166-1 assigns the code.
#[must_use]
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && contains(COUNTRIES, code)
}

/// Whether ISO 4217 lists the code.
#[must_use]
pub fn is_currency(code: &str) -> bool {
    code.len() == 3 && contains(CURRENCIES, code)
}

/// Looks for a code in a sorted list of codes of its length, parted by one space.
fn contains(list: &str, code: &str) -> bool {
    let (list, code) = (list.as_bytes(), code.as_bytes());
    let width = code.len() + 1;
    let (mut low, mut high) = (0, list.len().div_ceil(width));
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = middle * width;
        match list[start..start + code.len()].cmp(code) {
            Ordering::Equal => return true,
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_code_is_found_and_no_other() {
        for (list, found) in [(COUNTRIES, is_country as fn(&str) -> bool), (CURRENCIES, is_currency)] {
            assert!(list.split(' ').is_sorted());
            assert!(list.split(' ').all(found));
        }
        for code in ["", "F", "AA", "ZZ", "fr", "FRA", "F ", "R "] {
            assert!(!is_country(code), "{code}");
        }
        for code in ["", "EU", "AAA", "ZZZ", "eur", "EURO", "R A"] {
            assert!(!is_currency(code), "{code}");
        }
    }
}
