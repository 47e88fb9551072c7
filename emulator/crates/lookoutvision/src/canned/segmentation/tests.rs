use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::testing::{anomaly, color};

const ANYWHERE: [f64; 4] = [0.1, 0.1, 0.1, 0.1];

#[track_caller]
fn refuses(anomalies: Vec<Anomaly>, expected: &str) {
    let error = Segmentation::new(Verdict::NORMAL, anomalies).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn anomalies_can_be_told_apart() {
    refuses(
        vec![
            anomaly("scratch", "#23A436", ANYWHERE),
            anomaly("scratch", "#000000", ANYWHERE),
        ],
        "`scratch` appears twice among the anomalies; one entry can have several regions",
    );
    refuses(
        vec![
            anomaly("scratch", "#23A436", ANYWHERE),
            anomaly("dent", "#23a436", ANYWHERE),
        ],
        "`#23A436` is the colour of two anomalies",
    );
    refuses(
        vec![anomaly("scratch", "#ffffff", ANYWHERE)],
        "`scratch` has the colour `#FFFFFF`, which is the background's",
    );
}

#[test]
fn an_anomaly_is_somewhere_but_not_in_too_many_places() {
    let mut nowhere = anomaly("scratch", "#23A436", ANYWHERE);
    let region = nowhere.regions.pop().unwrap();
    refuses(
        vec![nowhere.clone()],
        "`scratch` has no regions; leave it out if it is not in the image",
    );

    let mut everywhere = nowhere;
    everywhere.regions = vec![region; REGIONS_MAX];
    assert!(Segmentation::new(Verdict::NORMAL, vec![everywhere.clone()]).is_ok());
    refuses(
        vec![everywhere, anomaly("dent", "#000000", ANYWHERE)],
        "257 regions are more than 256",
    );
}

#[test]
fn names_keep_the_model_s_pattern() {
    let error = |name: &str| name.parse::<AnomalyName>().unwrap_err().to_string();
    assert_eq!(
        error("a scratch"),
        "`a scratch` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])"
    );
    assert_eq!(error(""), "`` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])");
    assert_eq!(
        error("background"),
        "`background` is the name of what is not anomalous; the service adds it by itself"
    );
    assert!("a".repeat(256).parse::<AnomalyName>().is_ok());
    assert!("a".repeat(257).parse::<AnomalyName>().is_err());
}

#[test]
fn colours_are_written_in_upper_case() {
    assert_eq!(color("#23a436").to_string(), "#23A436");
    assert_eq!(color("#00000A").to_string(), "#00000A");
    assert_eq!(color("#23a436").rgb(), [0x23, 0xa4, 0x36]);
    for text in [
        "", "#", "23A436", "#23A43", "#23A4366", "#23A43G", "#+3A436", "red", "#é3A43",
    ] {
        let error = text.parse::<Color>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{text}` is not a colour (`#` and six hexadecimal digits, like `#23A436`)")
        );
    }
}

#[test]
fn rectangles_lie_inside_the_image() {
    for (x, y, width, height) in [
        (0.0, 0.0, 1.0, 1.0),
        (0.9, 0.7, 0.1, 0.3),
        (0.1 + 0.2, 0.0, 0.7, 1.0),
    ] {
        assert!(
            Rectangle::new(x, y, width, height).is_ok(),
            "{x} {y} {width} {height}"
        );
    }
    for (x, y, width, height) in [
        (-0.1, 0.0, 0.5, 0.5),
        (0.6, 0.0, 0.5, 0.5),
        (0.0, 0.6, 0.5, 0.5),
        (0.0, 0.0, 0.0, 0.5),
        (0.0, 0.0, 0.5, -0.5),
        (f64::NAN, 0.0, 0.5, 0.5),
        (0.0, 0.0, f64::INFINITY, 0.5),
    ] {
        assert!(
            Rectangle::new(x, y, width, height).is_err(),
            "{x} {y} {width} {height}"
        );
    }
    assert_eq!(
        Rectangle::new(0.6, 0.0, 0.5, 0.5).unwrap_err().to_string(),
        "a region of x 0.6, y 0, width 0.5 and height 0.5 is not inside the image (fractions from 0 to 1)"
    );
}

#[test]
fn edges_go_to_the_nearest_line_between_two_pixels() {
    let columns = |x, width, total| Rectangle::new(x, 0.0, width, 1.0).unwrap().columns(total);
    assert_eq!(columns(0.0, 1.0, 67), (0, 67));
    assert_eq!(columns(0.5, 0.5, 67), (34, 67));
    // Rectangles that touch still touch.
    assert_eq!(
        (columns(0.0, 0.5, 67), columns(0.5, 0.25, 67)),
        ((0, 34), (34, 50))
    );
    // A rectangle that would vanish keeps a pixel, at the right edge too.
    assert_eq!(columns(0.5, 0.0001, 64), (32, 33));
    assert_eq!(columns(0.9999, 0.0001, 64), (63, 64));
}

#[test]
fn an_answer_is_painted_once_for_each_size_in_a_row() {
    let segmentation = Segmentation::new(Verdict::NORMAL, Vec::new()).unwrap();
    let painted = Cell::new(0);
    let answer = |width, height| {
        segmentation.answer_for(width, height, |_| {
            painted.set(painted.get() + 1);
            format!("{width} x {height}").into()
        })
    };
    assert_eq!(answer(64, 64), "64 x 64");
    assert_eq!(answer(64, 64), "64 x 64");
    assert_eq!(painted.get(), 1);
    assert_eq!(answer(64, 65), "64 x 65");
    assert_eq!(answer(65, 65), "65 x 65");
    assert_eq!(answer(64, 64), "64 x 64");
    assert_eq!(painted.get(), 4);
}

proptest! {
    #[test]
    fn a_rectangle_covers_at_least_a_pixel_and_stays_inside(
        x in 0.0..=1.0_f64, width in 0.0..=1.0_f64, total in 1..5000_u32,
    ) {
        if let Ok(rectangle) = Rectangle::new(x, 0.0, width, 1.0) {
            let (from, to) = rectangle.columns(total);
            prop_assert!(from < to && to <= total, "{from} to {to} of {total}");
        }
    }
}
