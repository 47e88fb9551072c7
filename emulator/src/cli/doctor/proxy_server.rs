//! A proxy that lets nobody through and remembers where they wanted to go: calls that went past the emulator.
//!
//! ```text
//! CONNECT lookoutvision.us-east-1.amazonaws.com:443 HTTP/1.1   →   403, and one more attempt to reach that name
//! ```

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};

use crate::control::client_environment::Change;

/// A proxy on a free port of loopback; dropping it stops it
pub(super) struct RefusingProxy {
    url: String,
    tried: Arc<Mutex<Tried>>,
    task: JoinHandle<()>,
}

/// How often each place was asked for
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) hosts: BTreeMap<String, u64>,
    /// Attempts at places beyond [`HOSTS_MAX`]
    pub(super) others: u64,
}

impl RefusingProxy {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let tried = Arc::new(Mutex::new(Tried::default()));
        let task = tokio::spawn(serve(listener, tried.clone()));
        Ok(Self { url, tried, task })
    }

    /// The variables that send every call of a client here, except for hosts on its list of exceptions
    ///
    /// Both spellings, because clients that read both take the one in lower case.
    pub(super) fn changes(&self) -> Vec<Change> {
        ["HTTPS_PROXY", "https_proxy"]
            .map(|name| Change::Set(name, self.url.clone()))
            .into()
    }

    pub(super) fn tried(&self) -> Tried {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RefusingProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tried {
    fn count(&mut self, host: String) {
        let has_room = self.hosts.len() < HOSTS_MAX;
        match self.hosts.get_mut(&host) {
            Some(count) => *count += 1,
            None if has_room => {
                self.hosts.insert(host, 1);
            }
            None => self.others += 1,
        }
    }
}

async fn serve(listener: TcpListener, tried: Arc<Mutex<Tried>>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed, and a connection that cannot be accepted is gone.
    while let Ok(permit) = room.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let tried = tried.clone();
        tokio::spawn(async move {
            // A client that says nothing, or hangs up, has asked for nothing.
            let _ = timeout(TIMEOUT, refuse(stream, &tried)).await;
            drop(permit);
        });
    }
}

async fn refuse(mut stream: TcpStream, tried: &Mutex<Tried>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    // Counted first, so that whoever has the answer has been counted.
    if let Some(place) = place(&head) {
        tried.lock().unwrap_or_else(PoisonError::into_inner).count(place);
    }
    let text = "`doctor` lets no call leave this machine.\n";
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Host and port that a request's first line names: `CONNECT host:port`, or `GET http://host/…`
fn place(head: &[u8]) -> Option<String> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let target = line.split(' ').nth(1)?;
    let authority = target.split_once("://").map_or(target, |(_, rest)| rest);
    let authority = authority.split('/').next()?;
    // Host names have no other characters, and the place is printed on one line.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    let is_usable =
        !authority.is_empty() && authority.len() <= NAME_BYTES_MAX && authority.chars().all(is_plain);
    is_usable.then(|| authority.to_ascii_lowercase())
}

/// Places that are counted separately
const HOSTS_MAX: usize = 64;
const CONNECTIONS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A DNS name has at most 253 characters (RFC 1035, section 3.1)
const NAME_BYTES_MAX: usize = 300;
const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_is_refused_and_remembered() {
        let proxy = RefusingProxy::start().await.unwrap();
        let address = proxy.url.strip_prefix("http://").unwrap();
        for request in [
            "CONNECT lookoutvision.us-east-1.amazonaws.com:443 HTTP/1.1\r\nhost: x\r\n\r\n",
            "CONNECT LookoutVision.us-east-1.amazonaws.com:443 HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET http://example.com/index.html HTTP/1.1\r\nhost: example.com\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        }
        let hosts = [
            ("example.com".to_owned(), 1),
            ("lookoutvision.us-east-1.amazonaws.com:443".to_owned(), 2),
        ];
        assert_eq!(
            proxy.tried(),
            Tried {
                hosts: hosts.into(),
                others: 0
            }
        );
    }

    #[test]
    fn places_beyond_those_that_are_told_apart_are_counted() {
        let mut tried = Tried::default();
        (0..HOSTS_MAX + 3).for_each(|number| tried.count(format!("host-{number}")));
        assert_eq!((tried.hosts.len(), tried.others), (HOSTS_MAX, 3));
    }
}
