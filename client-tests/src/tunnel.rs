//! A proxy on the loopback interface that leads the real host names to a local emulator.
//!
//! An application behind a VPC endpoint connects to `lookoutvision.us-west-2.amazonaws.com`. Clients that honour
//! `HTTPS_PROXY` can do exactly this without any change to name resolution: they ask for a tunnel to that name and run
//! TLS through it, with the real name in SNI, in the certificate check and in `Host`. The tunnel leads nowhere else:
//! every other name is refused.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running proxy; dropping it stops it
pub struct Tunnel {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Starts a proxy that leads to `emulator`
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(emulator: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client reports a broken connection itself.
                tokio::spawn(async move { serve(client, emulator).await.ok() });
            }
        });
        Ok(Self { address, task })
    }

    /// The value of `HTTPS_PROXY`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, emulator: SocketAddr) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut request_line = String::new();
    client.read_line(&mut request_line).await?;
    let mut header = String::new();
    while client.read_line(&mut header).await? > 0 && header != "\r\n" {
        header.clear();
    }
    if !leads_to_the_service(&request_line) {
        return client
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .await;
    }
    let mut emulator = TcpStream::connect(emulator).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    copy_bidirectional(&mut client, &mut emulator).await.map(|_| ())
}

/// Whether a request line is `CONNECT` to a name of the service, or of EC2 or STS
fn leads_to_the_service(request_line: &str) -> bool {
    let mut words = request_line.split_ascii_whitespace();
    let (Some("CONNECT"), Some(authority)) = (words.next(), words.next()) else {
        return false;
    };
    authority.strip_suffix(".amazonaws.com:443").is_some_and(|name| {
        let mut labels = name.split('.');
        labels.any(|label| matches!(label, "lookoutvision" | "ec2" | "sts"))
    })
}

#[cfg(test)]
mod tests {
    use super::leads_to_the_service;

    #[test]
    fn regional_and_endpoint_names_are_led_through() {
        assert!(leads_to_the_service(
            "CONNECT lookoutvision.us-west-2.amazonaws.com:443 HTTP/1.0\r\n"
        ));
        assert!(leads_to_the_service(
            "CONNECT vpce-0a1b-c2d3.lookoutvision.us-west-2.vpce.amazonaws.com:443 HTTP/1.1\r\n"
        ));
        assert!(leads_to_the_service(
            "CONNECT sts.us-west-2.amazonaws.com:443 HTTP/1.1\r\n"
        ));
    }

    #[test]
    fn other_names_methods_and_ports_are_refused() {
        assert!(!leads_to_the_service(
            "CONNECT s3.us-west-2.amazonaws.com:443 HTTP/1.1\r\n"
        ));
        assert!(!leads_to_the_service(
            "CONNECT lookoutvision.us-west-2.amazonaws.com:22 HTTP/1.1\r\n"
        ));
        assert!(!leads_to_the_service(
            "GET https://lookoutvision.us-west-2.amazonaws.com:443 HTTP/1.1\r\n"
        ));
        assert!(!leads_to_the_service("\r\n"));
    }
}
