//! The lines between the cards and the master.
//!
//! The cards have fixed heights, so the lines' places are known here and need no script: the style sheet's
//! `--card-head`, `--port` and `--card-gap` are these constants, in units of a sixteenth of its root font size.
//! Cards, lines and master are centred on one another.

use maud::{Markup, html};

use super::ports::{streams_by_system, wire_class};
use crate::flow::Flow;

const CARD_HEAD: usize = 40;
const PORT: usize = 120;
const CARD_GAP: usize = 16;
/// Between two lines where they meet the master.
const MEET: usize = 7;
const WIDTH: usize = 100;

/// From every stream to the master.
pub(super) fn into_master(flow: &Flow) -> Markup {
    let (places, height) = places(&streams_by_system(flow));
    let meets = meets(places.len(), height);
    html! {
        (canvas("wires-in", height, &html! {
            @for ((source, from), to) in flow.sources.iter().zip(&places).zip(&meets) {
                (wire(*from, *to, source.moving, wire_class(Some(&source.entity))))
            }
        }))
    }
}

/// From the master to every subscriber.
pub(super) fn out_of_master(flow: &Flow) -> Markup {
    let (places, height) = places(&vec![1; flow.targets.len()]);
    let meets = meets(places.len(), height);
    html! {
        (canvas("wires-out", height, &html! {
            @for ((target, to), from) in flow.targets.iter().zip(&places).zip(&meets) {
                (wire(*from, *to, target.moving, wire_class(None)))
            }
        }))
    }
}

fn canvas(id: &str, height: usize, wires: &Markup) -> Markup {
    html! {
        svg.wires id=(id) viewBox={ "0 0 " (WIDTH) " " (height) } height=(em(height)) preserveAspectRatio="none"
            aria-hidden="true" focusable="false" { (wires) }
    }
}

/// A line; a second one over it runs while something moves.
fn wire(from: usize, to: usize, moving: bool, class: &str) -> Markup {
    let path = format!("M0 {from}C50 {from} 50 {to} {WIDTH} {to}");
    html! {
        path.wire d=(path) {}
        @if moving { path.wire.moving.(class) d=(path) {} }
    }
}

/// The middle of every port, and the height of all cards.
fn places(cards: &[usize]) -> (Vec<usize>, usize) {
    let mut places = Vec::new();
    let mut height = 0;
    for (index, ports) in cards.iter().enumerate() {
        height += CARD_HEAD + if index > 0 { CARD_GAP } else { 0 };
        for _ in 0..*ports {
            places.push(height + PORT / 2);
            height += PORT;
        }
    }
    (places, height.max(1))
}

/// Where the lines meet the master: around the middle, side by side.
fn meets(count: usize, height: usize) -> Vec<usize> {
    let half = count.saturating_sub(1) * MEET / 2;
    (0..count).map(|index| (height / 2 + index * MEET).saturating_sub(half)).collect()
}

/// A length in units of the root font size.
fn em(sixteenths: usize) -> String {
    format!("{}.{:04}em", sixteenths / 16, sixteenths % 16 * 625)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_in_the_middle_of_ports() {
        let (found, height) = places(&[2, 1]);
        assert_eq!(found, [40 + 60, 40 + 120 + 60, 40 + 240 + 16 + 40 + 60]);
        assert_eq!(height, 2 * 40 + 3 * 120 + 16);
        assert_eq!(meets(3, 100), [43, 50, 57]);
        assert_eq!(em(24), "1.5000em");
    }

    #[test]
    fn the_style_sheet_agrees() {
        let style = include_str!("../../assets/console.css");
        for (name, sixteenths) in [("--card-head", CARD_HEAD), ("--port", PORT), ("--card-gap", CARD_GAP)] {
            let expected = em(sixteenths).trim_end_matches("em").trim_end_matches('0').trim_end_matches('.').to_owned();
            assert!(style.contains(&format!("{name}: {expected}rem;")), "{name}: {expected}rem");
        }
    }
}
