//! What the program does when the service is busy, slow or gone: the examples of emulator/docs/faults.md.

use std::time::Duration;

use aws_sdk_lookoutvision::{Client, Error};
use inspect_parts::has_flaw;
use lookoutvision_emulator::{Emulator, Expect, Fault};

const GOOD: &[u8] = include_bytes!("../../../../tests/fixtures/images/normal-1.jpg");

#[tokio::test]
async fn a_busy_service_is_asked_again_and_a_cut_answer_is_no_answer() {
    let emulator = Emulator::builder()
        .fault(
            Fault::error("busy", "ThrottlingException")
                .message("Rate exceeded")
                .retry_after_seconds(1)
                .operation("Detect*")
                .times(2),
        )
        .fault(Fault::reset("cut").after_bytes(10).operation("DescribeProject"))
        .fault(
            Fault::delay("slow", Duration::from_millis(50), Duration::from_millis(200)).probability(0.3, 42),
        )
        .start()
        .await
        .unwrap();
    let client = Client::new(&emulator.sdk_config());
    assert!(!has_flaw(&client, GOOD.to_vec(), "image/jpeg").await.unwrap());
    let throttled = Expect::operation("DetectAnomalies").fault("busy").times(2);
    let answered = Expect::operation("DetectAnomalies").status(200).times(1);
    emulator.verify(throttled.and(answered)).await.unwrap();

    let cut = client.describe_project().project_name("myProject").send().await;
    cut.unwrap_err();
    let all_attempts = Expect::operation("DescribeProject").fault("cut").at_least(2);
    emulator.verify(all_attempts).await.unwrap();
}

#[tokio::test]
async fn each_error_is_its_own_and_is_tried_again_where_that_may_help() {
    let emulator = Emulator::builder().start().await.unwrap();
    for (code, attempts) in [
        ("AccessDeniedException", 1),
        ("ConflictException", 1),
        ("InternalServerException", 3),
        ("ResourceNotFoundException", 1),
        ("ThrottlingException", 3),
        ("ValidationException", 1),
    ] {
        emulator
            .set_faults([Fault::error(code, code).message("m")])
            .unwrap();
        let client = Client::new(&emulator.sdk_config());
        let error = has_flaw(&client, GOOD.to_vec(), "image/jpeg").await.unwrap_err();
        let (found, message) = match &error {
            Error::AccessDeniedException(error) => ("AccessDeniedException", error.message()),
            Error::ConflictException(error) => ("ConflictException", error.message()),
            Error::InternalServerException(error) => ("InternalServerException", error.message()),
            Error::ResourceNotFoundException(error) => ("ResourceNotFoundException", error.message()),
            Error::ThrottlingException(error) => ("ThrottlingException", error.message()),
            Error::ValidationException(error) => ("ValidationException", error.message()),
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!((found, message), (code, Some("m")));
        assert_eq!(emulator.requests().fault(code).await.len(), attempts, "{code}");
    }
}
