//! What a call of DetectAnomalies costs after the signature and the policies: `cargo bench --bench detect_anomalies`.
//!
//! A server that answers 60,000 requests a second on two cores has 33 microseconds for each, most of them spent on TLS
//! and hashing; what is measured here must be negligible beside that.

use divan::{Bencher, black_box};
use lookoutvision::{
    call_counts::CallCounts,
    canned::{Anomaly, CannedRule, Rectangle, RuleLists, Segmentation, Then, Verdict},
    detect_anomalies::{
        self, Caller, DetectAnomaliesInput, DetectAnomaliesRequest, Memory, ModelKind, Target,
    },
    image::{Image, ImageFormat},
    mask::Mask,
    model::{ModelAddress, ModelStatus},
    routes::Route,
    scenarios::Scenarios,
};

fn main() {
    divan::main();
}

const IMAGE_BYTES: usize = 100_000;

#[divan::bench]
fn route() -> Route {
    let path = black_box("/2020-11-20/projects/myProject/models/1/detect");
    Route::resolve("POST", path).expect("an operation has this path")
}

#[divan::bench]
fn inspect_jpeg(bencher: Bencher<'_, '_>) {
    let image = jpeg();
    bencher.bench(|| Image::inspect(black_box(&image), ImageFormat::Jpeg).expect("the image is whole"));
}

#[divan::bench]
fn inspect_png(bencher: Bencher<'_, '_>) {
    let image = png();
    bencher.bench(|| Image::inspect(black_box(&image), ImageFormat::Png).expect("the image is whole"));
}

#[divan::bench]
fn perform_classification(bencher: Bencher<'_, '_>) {
    perform(bencher, Then::Classification(Verdict::NORMAL));
}

#[divan::bench]
fn perform_segmentation_of_the_same_size(bencher: Bencher<'_, '_>) {
    let segmentation = Segmentation::new(Verdict::NORMAL, vec![scratch()]).expect("one anomaly");
    perform(bencher, Then::Segmentation(segmentation));
}

#[divan::bench(args = [(320, 240), (1024, 768), (4096, 4096)])]
fn paint_mask(bencher: Bencher<'_, '_>, (width, height): (u32, u32)) {
    let anomalies = [scratch()];
    bencher.bench(|| Mask::paint(black_box(&anomalies), width, height));
}

fn perform(bencher: Bencher<'_, '_>, then: Then) {
    let account_id = "123456789012".parse().expect("an account id");
    let region = "us-west-2".parse().expect("a Region");
    let rules = [CannedRule::new(then)];
    let target = Target {
        project_exists: true,
        is_declared: true,
        model: Some((ModelStatus::Hosted, ModelKind::Declared)),
        rules: RuleLists {
            model: &rules,
            ..RuleLists::default()
        },
        seed: 0,
        learned: None,
        scenarios_max: 0,
    };
    let (calls, scenarios) = (CallCounts::default(), Scenarios::default());
    let memory = Memory {
        calls: &calls,
        draws: &calls,
        scenarios: &scenarios,
        persist: &|_| Ok(()),
    };
    let image = jpeg();
    bencher.bench(|| {
        let model = ModelAddress::new(&account_id, &region, "myProject", "1");
        let input = DetectAnomaliesInput {
            model: &model,
            request: DetectAnomaliesRequest {
                project_name: Some("myProject"),
                model_version: Some("1"),
                body: black_box(&image),
                content_type: Some("image/jpeg"),
            },
            body_sha256: None,
            caller: Caller {
                principal: "arn:aws:iam::123456789012:user/test",
                access_key_id: "test",
                vpc_endpoint_id: None,
            },
        };
        detect_anomalies::perform(&input, &target, memory).expect("nothing is wrong with the call")
    });
}

fn scratch() -> Anomaly {
    Anomaly {
        name: "scratch".parse().expect("a name"),
        color: "#23A436".parse().expect("a colour"),
        regions: vec![Rectangle::new(0.1, 0.2, 0.3, 0.05).expect("inside the image")],
    }
}

/// Frame header of 1024 x 768, scan header, data without a marker, end
fn jpeg() -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 3, 0, 4, 0, 1, 1, 0x11, 0];
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.resize(IMAGE_BYTES - 2, 0x55);
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

/// 1024 x 768, with its data in chunks of 8 KiB, as encoders write them
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        let checked = [name as &[u8], data].concat();
        png.extend(u32::try_from(data.len()).expect("a small chunk").to_be_bytes());
        png.extend(&checked);
        png.extend(crc32fast::hash(&checked).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 4, 0, 0, 0, 3, 0, 8, 2, 0, 0, 0]);
    for _ in 0..IMAGE_BYTES / 8192 {
        chunk(b"IDAT", &[0x55; 8192]);
    }
    chunk(b"IEND", b"");
    png
}
