//! `inspect-parts IMAGE...`: says of each image whether it shows a flaw.
//!
//! ```text
//! lookoutvision-emulator exec -- cargo run -p inspect-parts -- emulator/tests/fixtures/images/normal-1.jpg
//! ```

use aws_config::BehaviorVersion;
use aws_sdk_lookoutvision::{Client, error::DisplayErrorContext};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().tls_provider(tls).build_https())
        .load()
        .await;
    let client = Client::new(&config);
    for path in std::env::args().skip(1) {
        let content_type = if path.ends_with(".png") {
            "image/png"
        } else {
            "image/jpeg"
        };
        let has_flaw = inspect_parts::has_flaw(&client, std::fs::read(&path)?, content_type)
            .await
            .map_err(|error| DisplayErrorContext(error).to_string())?;
        println!("{path}: {}", if has_flaw { "flawed" } else { "good" });
    }
    Ok(())
}
