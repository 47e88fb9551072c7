//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed with bytes unread makes the kernel send a reset. A client that is still writing then sees
//! the reset (`EPIPE`, `ECONNRESET`) and often not the answer that came before it. So, after an answer that ends a
//! connection, only our side is closed, and what the client still sends is read and discarded for a while (RFC 9112,
//! section 9.6).

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::settings::Limits;

/// Reads and discards until the client closes, for `linger_timeout` and `linger_bytes_max` at most, and only as long as
/// the client sends something within `body_idle_timeout`
///
/// Our side must be closed already. Over TLS the bytes are not even decrypted.
pub(super) async fn linger(tcp: &mut TcpStream, limits: &Limits) {
    let end = Instant::now() + limits.linger_timeout;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes_left = limits.linger_bytes_max;
    while bytes_left > 0 {
        let until = end.min(Instant::now() + limits.body_idle_timeout);
        match timeout_at(until, tcp.read(&mut buffer)).await {
            Ok(Ok(bytes @ 1..)) => bytes_left = bytes_left.saturating_sub(bytes),
            // The client has closed, the connection is broken, or the time is over.
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
    }
}

/// Enough to keep up with a client that sends as fast as it can
const BUFFER_BYTES: usize = 32 * 1024;
