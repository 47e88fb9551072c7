use proptest::prelude::*;

use super::*;

const CLASSIFICATION: &str = r#"{"source-ref":"s3://BUCKET/PATH","anomaly-label":1,"anomaly-label-metadata":{"confidence":1,"job-name":"labeling-job/auto-label","class-name":"anomaly","human-annotated":"yes","creation-date":"2020-11-10T03:37:09.600","type":"groundtruth/image-classification"}}"#;
/// Modelled on AWS's getting-started manifest: no background, no confidence, a date in JavaScript's format
const SEGMENTATION: &str = r##"{"source-ref":"s3://BUCKET/a.jpg","anomaly-label-metadata":{"class-name":"anomaly","creation-date":"Mon Aug 22 2022 13:52:52 GMT-0700 (Pacific Daylight Time)","human-annotated":"yes","type":"groundtruth/image-classification"},"anomaly-label":1,"anomaly-mask-ref-metadata":{"internal-color-map":{"0":{"class-name":"cracked","hex-color":"#23A436"}},"type":"groundtruth/semantic-segmentation","human-annotated":"yes","creation-date":"Mon Aug 22 2022 13:52:52 GMT-0700 (Pacific Daylight Time)"},"anomaly-mask-ref":"s3://BUCKET/a.png"}"##;

fn load(text: &str) -> Result<Entries, ManifestError> {
    Entries::default().with(text.as_bytes(), 100)
}

fn line(source_ref: &str, class: &str, number: u32) -> String {
    format!(
        r#"{{"source-ref":"s3://b/{source_ref}","auto-label":{number},"auto-label-metadata":{{"class-name":"{class}","human-annotated":"no","type":"groundtruth/image-classification"}}}}"#
    )
}

#[test]
fn the_documented_lines_load_and_so_does_awss_own_sample() {
    let entries = load(CLASSIFICATION).unwrap();
    let entry = entries.iter().next().unwrap();
    assert_eq!(entry.class, Some(Class::Anomaly));
    assert_eq!(entry.created, Some("2020-11-10T03:37:09.6Z".parse().unwrap()));
    assert_eq!(&*entry.line, CLASSIFICATION);

    let entries = load(SEGMENTATION).unwrap();
    let entry = entries.iter().next().unwrap();
    assert_eq!((entry.class, entry.created), (Some(Class::Anomaly), None));
    let cracked = MaskKind {
        name: "cracked".into(),
        color: "#23A436".parse().unwrap(),
    };
    let mask = EntryMask {
        source_ref: "s3://BUCKET/a.png".into(),
        kinds: vec![cracked],
    };
    assert_eq!(entry.mask.as_deref(), Some(&mask));
    assert!(entries.have_masks());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let entries = load(&format!("\u{feff}{CLASSIFICATION}")).unwrap();
    assert_eq!(&*entries.iter().next().unwrap().line, CLASSIFICATION);
}

#[test]
fn the_number_of_a_label_is_not_read_and_another_class_is_no_label() {
    let text = [
        line("1", "normal", 1),
        line("2", "anomaly", 0),
        line("3", "Anomaly", 1),
        r#"{"source-ref":"s3://b/4"}"#.to_owned(),
    ]
    .join("\r\n");
    let stats = load(&text).unwrap().stats();
    assert_eq!(
        (stats.total, stats.labeled, stats.normal, stats.anomaly),
        (4, 2, 1, 1)
    );
}

#[test]
fn manifests_that_awss_own_tools_write_load() {
    let label = |label: &str, class: &str, more: &str| {
        format!(
            r#"{{"source-ref":"s3://b/1","anomaly-label":{label},"anomaly-label-metadata":{{"class-name":{class},"confidence":0.9,"type":"groundtruth/image-classification","job-name":"labeling-job/x","human-annotated":"yes","creation-date":"2022-03-01T10:00:00.000000"}}{more}}}"#
        )
    };
    let evaluation = r#","source-ref-metadata":{"creation-date":"2022-03-01T10:00:00.000000"},"anomaly-label-detected":0,"anomaly-label-detected-metadata":{"class-name":"normal","confidence":0.9,"type":"groundtruth/image-classification","job-name":"training-job/x","human-annotated":"no","creation-date":"2022-03-01T10:00:00.000000"}"#;
    let chained = r#","boxes":{"annotations":[]},"boxes-metadata":{"type":"groundtruth/object-detection","human-annotated":"yes"},"late-metadata":{"retry-count":1,"failure-reason":"ClientError"}"#;
    // Metadata from elsewhere: without its attribute, and with a type that no job writes.
    let foreign = r#","boxes-metadata":{"type":"groundtruth/object-detection"},"n":1,"n-metadata":{"type":5},"o":1,"o-metadata":{"class-name":"x","type":"other"}"#;
    let another = r#","label-b":0,"label-b-metadata":{"class-name":"normal","type":"groundtruth/image-classification","human-annotated":"yes"}"#;
    for (line, class) in [
        (label(r#""1""#, r#""anomaly""#, ""), Some(Class::Anomaly)),
        (label("true", r#""normal""#, ""), Some(Class::Normal)),
        (label("1", r#"["anomaly"]"#, ""), None),
        (label("1", r#""anomaly""#, evaluation), Some(Class::Anomaly)),
        (label("1", r#""anomaly""#, chained), Some(Class::Anomaly)),
        (label("1", r#""anomaly""#, foreign), Some(Class::Anomaly)),
        (label("1", r#""anomaly""#, another), Some(Class::Anomaly)),
    ] {
        let entries = load(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let entry = entries.iter().next().unwrap();
        assert_eq!((entry.class, &*entry.line), (class, &*line));
        assert_eq!(entry.label.as_deref(), Some("anomaly-label"), "{line}");
    }
}

#[test]
fn a_line_of_a_known_image_replaces_the_whole_line_in_its_place() {
    let before = load(&[line("1", "normal", 0), line("2", "normal", 0)].join("\n")).unwrap();
    let after = before
        .with(
            format!(
                "{}\n\n{}",
                r#"{"source-ref":"s3://b/1"}"#,
                line("3", "anomaly", 1)
            )
            .as_bytes(),
            3,
        )
        .unwrap();
    let lines: Vec<&str> = after.iter().map(|entry| &*entry.line).collect();
    assert_eq!(
        lines,
        [
            r#"{"source-ref":"s3://b/1"}"#,
            &line("2", "normal", 0),
            &line("3", "anomaly", 1)
        ]
    );
    assert_eq!(after.stats().labeled, 2);
    assert_eq!(after.bytes(), after.to_lines().len());
    assert_eq!(Entries::stored(&after.to_lines()), after);
    assert_eq!(
        before.with(line("4", "normal", 1).as_bytes(), 2),
        Err(ManifestError::TooMany { entries_max: 2 })
    );
}

#[test]
fn what_does_not_load_is_told_with_its_line_and_the_reason() {
    let good = line("1", "normal", 0);
    for (bad, expected) in [
        (
            "{",
            "line 2: not JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("[1]", "line 2: not a JSON object"),
        ("{}", "line 2: the key `source-ref` is missing"),
        (r#"{"source-ref":1}"#, "line 2: `source-ref` is not a text"),
        (
            r#"{"source-ref":"b/1"}"#,
            "line 2: `source-ref` is not `s3://BUCKET/KEY`: `b/1`",
        ),
        (
            r#"{"source-ref":"s3://c/1"}"#,
            "line 2: `s3://c/1` is not in the bucket of the dataset's other images, `b`",
        ),
        (
            r#"{"source-ref":"s3://b/2","l-metadata":{"class-name":"anomaly","type":"groundtruth/image-classification"}}"#,
            "line 2: `l-metadata` is there without `l`",
        ),
        (
            r#"{"source-ref":"s3://b/2","l":1,"l-metadata":{"class-name":"anomaly"}}"#,
            "line 2: `type` of `l-metadata` is missing",
        ),
        (
            r#"{"source-ref":"s3://b/2","l":1,"l-metadata":{"type":"groundtruth/image-classification","human-annotated":"yes"}}"#,
            "line 2: `class-name` of `l-metadata` is missing",
        ),
        (
            r#"{"source-ref":"s3://b/2","l":1,"l-metadata":{"type":"groundtruth/image-classification","human-annotated":"maybe"}}"#,
            "line 2: `human-annotated` of `l-metadata` is neither yes nor no: `maybe`",
        ),
        (
            r#"{"source-ref":"s3://b/2","l":[1],"l-metadata":{"type":"groundtruth/image-classification"}}"#,
            "line 2: `l` is neither a number nor a text",
        ),
        (
            r#"{"source-ref":"s3://b/2","m-ref":"s3://b/m","m-ref-metadata":{"type":"groundtruth/semantic-segmentation","human-annotated":"yes"}}"#,
            "line 2: `internal-color-map` of `m-ref-metadata` is not an object",
        ),
        (
            r#"{"source-ref":"s3://b/2","m-ref":"s3://b/m","m-ref-metadata":{"type":"groundtruth/semantic-segmentation","human-annotated":"yes","internal-color-map":{"0":{"class-name":"a","hex-color":"red"}}}}"#,
            "line 2: `hex-color` of `internal-color-map/0` is not a colour: `red`",
        ),
        (
            r#"{"source-ref":"s3://b/2","m-ref":"s3://b/m","m-ref-metadata":{"type":"groundtruth/semantic-segmentation","human-annotated":"yes","internal-color-map":{}}}"#,
            "line 2: there is a mask and no label",
        ),
        (
            &format!(r#"{{"source-ref":"s3://b/{}"}}"#, "x".repeat(8193 - 24)),
            "line 2: 8193 characters are more than 8192",
        ),
    ] {
        assert_eq!(load(&format!("{good}\n{bad}")).unwrap_err().to_string(), expected);
    }
    assert_eq!(load("\n \n"), Err(ManifestError::Empty));
    let not_text = [good.as_bytes(), b"\n\xff"].concat();
    assert_eq!(
        Entries::default().with(&not_text, 9),
        Err(ManifestError::NotText { line: 2 })
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[{}\":a-z,/\n-]{0,64}") {
        let _ = Entries::default().with(&bytes, 10);
        let _ = Entries::default().with(text.as_bytes(), 10);
    }
}
