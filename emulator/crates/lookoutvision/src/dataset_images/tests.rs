use super::*;
use crate::testing::{BMP, MASK_PNG, NORMAL_JPEG, NORMAL_PNG, SMALLEST_PNG, decode_rgb};

/// A line of a segmentation manifest whose kinds of anomalies have these colours
fn masked(kinds: &[(&str, &str)]) -> Entry {
    let kinds = kinds.iter().enumerate().map(|(index, (name, color))| {
        format!(r#""{index}":{{"class-name":"{name}","hex-color":"{color}"}}"#)
    });
    let map = kinds.collect::<Vec<_>>().join(",");
    let label = r#""l":1,"l-metadata":{"class-name":"anomaly","human-annotated":"yes","type":"groundtruth/image-classification"}"#;
    let mask = format!(
        r#""m-ref":"s3://b/m.png","m-ref-metadata":{{"internal-color-map":{{{map}}},"human-annotated":"yes","type":"groundtruth/semantic-segmentation"}}"#
    );
    entry(&format!(r#"{{"source-ref":"s3://b/1.jpg",{label},{mask}}}"#))
}

fn labeled(source_ref: &str, class: &str) -> String {
    format!(
        r#"{{"source-ref":"s3://b/{source_ref}","l":1,"l-metadata":{{"class-name":"{class}","human-annotated":"yes","type":"groundtruth/image-classification"}}}}"#
    )
}

fn entries(lines: &[String]) -> Entries {
    Entries::default().with(lines.join("\n").as_bytes(), 100).unwrap()
}

fn entry(line: &str) -> Entry {
    let entries = entries(&[line.to_owned()]);
    entries.iter().next().unwrap().clone()
}

const CRACKED: (&str, &str) = ("cracked", "#2ca02c");
const DENTED: (&str, &str) = ("dented", "#ff0000");

#[test]
fn a_mask_is_taken_over_with_the_pixels_of_each_colour_that_the_line_names() {
    let line = masked(&[("background", "#ffffff"), CRACKED, DENTED]);
    let image = DatasetImage::read(&line, NORMAL_JPEG, Some(MASK_PNG)).unwrap();
    assert_eq!(image.sha256, Sha256(sha256(NORMAL_JPEG)));
    let mask = image.mask.unwrap();
    let pixels: Vec<_> = mask
        .anomalies
        .iter()
        .map(|kind| (&*kind.name, kind.pixels))
        .collect();
    assert_eq!(pixels, [("cracked", 1_012), ("dented", 0)]);
    assert_eq!(decode_rgb(&mask.png.0), decode_rgb(MASK_PNG));
    assert_eq!(mask.check(), Ok(()));
}

#[test]
fn what_has_no_colour_of_the_line_is_the_white_background() {
    let line = masked(&[DENTED]);
    let image = DatasetImage::read(&line, NORMAL_JPEG, Some(MASK_PNG)).unwrap();
    let (.., pixels) = decode_rgb(&image.mask.unwrap().png.0);
    assert!(pixels.iter().all(|pixel| *pixel == [0xff; 3]));
}

#[test]
fn what_is_no_image_or_no_mask_of_it_is_refused() {
    let line = masked(&[CRACKED]);
    let read = |line: &Entry, image: &[u8], mask: &[u8]| {
        let read = DatasetImage::read(line, image, Some(mask));
        read.unwrap_err().to_string()
    };
    assert_eq!(
        read(&line, BMP, MASK_PNG),
        "The image is neither a JPEG nor a PNG image."
    );
    assert_eq!(
        read(&line, NORMAL_JPEG, SMALLEST_PNG),
        "the mask is 64 x 64 pixels, and the image 320 x 240"
    );
    let not_a_png = read(&line, NORMAL_JPEG, NORMAL_JPEG);
    assert!(not_a_png.starts_with("the mask is not a PNG: "), "{not_a_png}");
    assert_eq!(
        read(&masked(&[("scratch", "#FFFFFF")]), NORMAL_JPEG, MASK_PNG),
        "a kind of anomaly has the colour #FFFFFF, which is the background's in answers"
    );
}

#[test]
fn a_mask_that_somebody_wrote_has_the_pixels_that_are_said_of_it() {
    let line = masked(&[CRACKED]);
    let image = DatasetImage::read(&line, NORMAL_JPEG, Some(MASK_PNG)).unwrap();
    let mut mask = ImageMask::clone(&image.mask.unwrap());
    mask.anomalies[0].pixels = 5;
    assert_eq!(
        mask.check().unwrap_err(),
        "the mask has 1012 pixels of the colour #2CA02C, and `pixels` of `cracked` says 5"
    );
    mask.png = Blob(b"no png".to_vec());
    assert!(mask.check().is_err());
}

#[test]
fn an_image_is_known_until_its_line_names_another_mask() {
    let line = masked(&[CRACKED]);
    let mut images = DatasetImages::default();
    assert!(images.of(&line).is_none());
    images.insert(
        &line,
        DatasetImage::read(&line, NORMAL_JPEG, Some(MASK_PNG)).unwrap(),
    );
    assert!(images.of(&line).is_some());
    assert!(images.of(&entry(&labeled("1.jpg", "anomaly"))).is_none());
}

#[test]
fn an_image_has_the_label_of_its_first_line_and_none_of_a_line_without() {
    let training = entries(&[
        labeled("1", "anomaly"),
        labeled("2", "normal"),
        labeled("3", "dirty"),
    ]);
    let test = entries(&[labeled("1", "normal"), labeled("4", "normal")]);
    let mut images = DatasetImages::default();
    for (line, bytes) in training.iter().chain(test.iter()).zip([
        NORMAL_JPEG,
        NORMAL_JPEG,
        NORMAL_PNG,
        NORMAL_JPEG,
        SMALLEST_PNG,
    ]) {
        images.insert(line, DatasetImage::read(line, bytes, None).unwrap());
    }
    let labeled = LabeledImages::of(&training, Some(&test), &images);
    let label = |bytes: &[u8]| labeled.find(sha256(bytes)).map(|image| image.label);
    assert_eq!(label(NORMAL_JPEG), Some(Class::Anomaly));
    assert_eq!(label(NORMAL_PNG), None);
    assert_eq!(label(SMALLEST_PNG), Some(Class::Normal));
    assert_eq!(label(MASK_PNG), None);
}

#[test]
fn what_is_written_is_read_back_with_its_size() {
    let line = masked(&[CRACKED]);
    let mut images = DatasetImages::default();
    images.insert(
        &line,
        DatasetImage::read(&line, NORMAL_JPEG, Some(MASK_PNG)).unwrap(),
    );
    let json = serde_json::to_string(&images).unwrap();
    let read: DatasetImages = serde_json::from_str(&json).unwrap();
    assert_eq!((read.bytes(), &read), (images.bytes(), &images));

    let labeled = LabeledImages::of(&entries(&[line.line.to_string()]), None, &images);
    let json = serde_json::to_string(&labeled).unwrap();
    let read: LabeledImages = serde_json::from_str(&json).unwrap();
    assert_eq!((read.bytes(), &read), (labeled.bytes(), &labeled));
    assert!(read.bytes() > MASK_PNG.len() / 2);
}
