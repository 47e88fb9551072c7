//! The byte stream of a connection, encrypted or not, whose other side has to take what is written.
//!
//! One type for clients' connections to us and ours to S3: hyper's machinery is generic over it, and is in the binary once
//! instead of once for each kind of stream. An enum and not a trait object, because every byte of the AWS API comes
//! through here.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::TlsStream;
use tokio_util::either::Either;

use self::turns::Turns;
use crate::server::connection::cut_off::CutOff;

pub(crate) mod turns;

/// What carries a connection's bytes: TLS, as server or client, or plain TCP
pub(crate) type Transport = Either<TlsStream<TcpStream>, TcpStream>;

/// The bytes of one connection
pub(crate) struct Stream {
    transport: Transport,
    stall_max: Duration,
    /// Whether something that was written still waits for the system to take it
    unflushed: Arc<AtomicBool>,
    /// Runs from the moment when the other side stops taking bytes
    stalled: Option<Pin<Box<Sleep>>>,
    /// `None`: nobody counts what is dropped half-written
    sending: Option<Sending>,
    /// On connections of HTTP/1.1 clients: what hyper writes out of turn is withheld
    turns: Option<Arc<Turns>>,
    /// The status of the answer that hyper wrote out of turn
    withheld: Option<StatusCode>,
    /// The other side sends nothing more
    has_ended: bool,
}

/// Counts an answer that is dropped half-written
struct Sending {
    /// Whether something that was written still waits for the system to take it
    is_unflushed: bool,
    cut_off: CutOff,
}

impl Stream {
    /// A connection whose other side may take nothing for `stall_max`; after that, writing is an error
    ///
    /// hyper bounds how long it waits to read bytes, not how long it waits to write them.
    pub(crate) fn new(transport: Transport, stall_max: Duration) -> Self {
        Self {
            transport,
            stall_max,
            unflushed: Arc::default(),
            stalled: None,
            sending: None,
            turns: None,
            withheld: None,
            has_ended: false,
        }
    }

    /// A connection whose answer counts as cut off when a stop drops it half-written
    pub(crate) fn counted(mut self, cut_off: CutOff) -> Self {
        self.sending = Some(Sending {
            is_unflushed: false,
            cut_off,
        });
        self
    }

    /// Whether something that was written still waits for the system to take it, for code that does not own the stream
    pub(crate) fn unflushed(&self) -> Arc<AtomicBool> {
        self.unflushed.clone()
    }

    fn set_unflushed(&mut self, is_unflushed: bool) {
        self.unflushed.store(is_unflushed, Ordering::Relaxed);
        if let Some(sending) = &mut self.sending {
            sending.is_unflushed = is_unflushed;
        }
    }

    /// Withholds answers that hyper makes by itself, and the end of the connection after them
    pub(crate) fn withhold_out_of_turn(&mut self, turns: Arc<Turns>) {
        self.turns = Some(turns);
    }

    /// The status of the answer that was withheld, if there was one; from here on nothing is withheld
    pub(crate) fn take_withheld(&mut self) -> Option<StatusCode> {
        self.turns = None;
        self.withheld.take()
    }

    /// Whether the other side has said that it sends nothing more
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The TCP stream, underneath TLS if there is TLS
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        match &mut self.transport {
            Either::Left(tls) => tls.get_mut().0,
            Either::Right(tcp) => tcp,
        }
    }

    fn is_withheld(&mut self, bytes: &[u8]) -> bool {
        let Some(turns) = &self.turns else {
            return false;
        };
        if self.withheld.is_none() {
            self.withheld = turns.unasked_status(bytes);
        }
        self.withheld.is_some()
    }

    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        attempt: impl FnOnce(Pin<&mut Transport>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let attempted = attempt(Pin::new(&mut self.transport), context);
        if attempted.is_ready() {
            if self.stalled.is_some() {
                self.stalled = None;
            }
            return attempted;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(self.stall_max)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the other side takes none of the bytes",
        )))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.is_unflushed {
            self.cut_off.count(1);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let (filled, has_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = Pin::new(&mut stream.transport).poll_read(context, buffer);
        if matches!(read, Poll::Ready(Ok(()))) && has_room && buffer.filled().len() == filled {
            stream.has_ended = true;
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.is_withheld(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        stream.set_unflushed(true);
        stream.write(context, |transport, context| transport.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        // hyper puts the head of an answer into the first slice.
        if stream.is_withheld(slices.first().map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        stream.set_unflushed(true);
        stream.write(context, |transport, context| {
            transport.poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let flushed = stream.write(context, Transport::poll_flush);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            stream.set_unflushed(false);
            if let Some(turns) = &stream.turns {
                turns.everything_was_written();
            }
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.withheld.is_some() {
            // The code that answers in hyper's place ends the connection.
            return Poll::Ready(Ok(()));
        }
        stream.write(context, Transport::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    /// Both ends of a connection: the client's, and ours
    async fn connection(cut_off: &CutOff) -> (TcpStream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let stream = Stream::new(Transport::Right(accepted), Duration::MAX).counted(cut_off.clone());
        (client, stream)
    }

    #[tokio::test]
    async fn an_answer_that_the_client_has_not_taken_is_counted_when_it_is_cut_off() {
        let cut_off = CutOff::default();
        let (_client, mut stream) = connection(&cut_off).await;
        let (_other_client, mut taken) = connection(&cut_off).await;
        // The client reads nothing, so at some point the system takes nothing more.
        let is_taken = |written: Poll<io::Result<usize>>| Poll::Ready(written.is_ready());
        while poll_fn(|context| is_taken(Pin::new(&mut stream).poll_write(context, &[0; 65_536]))).await {}
        taken.write_all(b"whole").await.unwrap();
        taken.flush().await.unwrap();
        cut_off.begin();
        drop(taken);
        assert_eq!(cut_off.requests(), 0);
        drop(stream);
        assert_eq!(cut_off.requests(), 1);
    }
}
