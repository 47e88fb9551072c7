//! The bytes of a connection, encrypted or not, to another side that has to take them.
//!
//! One type for clients' connections to us and ours to S3: hyper's machinery is generic over it, and is in the binary once
//! instead of once for each kind of stream. An enum and not a trait object, because every byte of the AWS API comes
//! through here.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::TlsStream;
use tokio_util::either::Either;

/// What a connection's bytes go through: TLS, of either side, or nothing but TCP
pub(crate) type Transport = Either<TlsStream<TcpStream>, TcpStream>;

/// The bytes of one connection
pub(crate) struct Stream {
    transport: Transport,
    stall_max: Duration,
    /// Runs from the moment that the other side takes nothing more
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// A connection whose other side may take nothing of what is written for `stall_max`; then writing is an error
    ///
    /// hyper bounds how long it waits for bytes, not how long it waits to be rid of them.
    pub(crate) fn new(transport: Transport, stall_max: Duration) -> Self {
        Self {
            transport,
            stall_max,
            stalled: None,
        }
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

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut()
            .write(context, |transport, context| transport.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |transport, context| {
            transport.poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write(context, Transport::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write(context, Transport::poll_shutdown)
    }
}
