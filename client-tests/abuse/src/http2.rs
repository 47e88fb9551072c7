//! HTTP/2 by hand (RFC 9113, RFC 7541): frames can be anything, and a good request is a special case.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{call::Signed, client::Target};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// One frame
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The client's first bytes; without a dynamic table the fields of the answers can be read one by one
pub(crate) fn opening() -> Vec<u8> {
    const HEADER_TABLE_SIZE_0: [u8; 6] = [0, 1, 0, 0, 0, 0];
    [PREFACE, &frame(SETTINGS, 0, 0, &HEADER_TABLE_SIZE_0)].concat()
}

/// Appends a field as a literal, including its name
pub(crate) fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        length(block, text.len());
        block.extend_from_slice(text.as_bytes());
    }
}

/// Appends a length: RFC 7541, section 5.1, with a prefix of seven bits
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(u8::try_from(length).unwrap_or(u8::MAX));
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap_or_default() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap_or_default());
}

impl Signed {
    /// The fields of its head, for a HEADERS frame
    pub(crate) fn field_block(&self) -> Vec<u8> {
        let mut block = Vec::new();
        let host = self.headers.first().map_or("", |(_, value)| value);
        for (name, value) in [
            (":method", self.method.as_str()),
            (":scheme", "https"),
            (":path", &self.target),
            (":authority", host),
        ] {
            field(&mut block, name, value);
        }
        for (name, value) in &self.headers[1..] {
            field(&mut block, name, value);
        }
        block
    }

    /// HEADERS and DATA of one stream; the body fits into the initial windows of HTTP/2
    pub(crate) fn to_http2(&self, stream: u32) -> Vec<u8> {
        let end = if self.body.is_empty() { END_STREAM } else { 0 };
        let mut bytes = frame(HEADERS, END_HEADERS | end, stream, &self.field_block());
        let pieces = self.body.chunks(FRAME_BYTES_MAX);
        let last = pieces.len().saturating_sub(1);
        for (index, piece) in pieces.enumerate() {
            let end = if index == last { END_STREAM } else { 0 };
            bytes.extend(frame(DATA, end, stream, piece));
        }
        bytes
    }
}

/// Sends a call over a new connection, and returns the status of the answer
pub(crate) async fn ask(target: &Target, signed: &Signed) -> io::Result<u16> {
    let mut stream = target.connect_http2().await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other("HTTP/2 was not agreed on"));
    }
    stream
        .write_all(&[opening(), signed.to_http2(1)].concat())
        .await?;
    stream.flush().await?;
    read_status(&mut stream, 1).await
}

/// One frame that was read
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut payload).await?;
    Ok(Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
        payload,
    })
}

/// Reads until a stream has its whole answer, and returns the status
///
/// # Errors
/// When the connection or the stream ends before.
pub(crate) async fn read_status(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    asked: u32,
) -> io::Result<u16> {
    let mut status = None;
    loop {
        let frame = read_frame(stream).await?;
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                stream.write_all(&self::frame(SETTINGS, ACK, 0, &[])).await?;
                stream.flush().await?;
            }
            HEADERS if frame.stream == asked => status = status_of(&frame.payload),
            RST_STREAM if frame.stream == asked => return Err(io::Error::other("the stream was reset")),
            GOAWAY => return Err(io::Error::other("the connection goes away")),
            _ => {}
        }
        if frame.stream == asked && matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
            return status.ok_or_else(|| io::Error::other("no status"));
        }
    }
}

/// The status that a block of fields begins with
pub(crate) fn status_of(block: &[u8]) -> Option<u16> {
    // A size update of the table may come first.
    let resizes = block.iter().take_while(|byte| **byte & 0xe0 == 0x20).count();
    let (first, rest) = block[resizes..].split_first()?;
    match first {
        0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500]
            .get(usize::from(first - 0x88))
            .copied(),
        // A literal with the name `:status`, whose three digits are plain or in Huffman's code.
        0x08..=0x0e | 0x18..=0x1e | 0x48..=0x4e => {
            let (length, text) = rest.split_first()?;
            if length & 0x80 == 0 {
                return std::str::from_utf8(text.get(..3)?).ok()?.parse().ok();
            }
            huffman_digits(text.get(..usize::from(length & 0x7f))?)
        }
        _ => None,
    }
}

/// RFC 7541, appendix B: 0, 1 and 2 are their value in five bits, 3 to 9 have six bits and begin with 011001
fn huffman_digits(code: &[u8]) -> Option<u16> {
    let mut bits = code
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let mut digit = 0;
        for _ in 0..5 {
            digit = digit << 1 | bits.next()?;
        }
        if digit > 2 {
            digit = (digit << 1 | bits.next()?).checked_sub(0b01_1001)? + 3;
        }
        number = number * 10 + digit;
    }
    Some(number)
}

/// The largest payload that every peer takes
pub(crate) const FRAME_BYTES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        assert_eq!(status_of(&[0x88]), Some(200));
        assert_eq!(status_of(&[0x20, 0x8c]), Some(400));
        assert_eq!(status_of(b"\x08\x03403"), Some(403));
        // RFC 7541, appendices C.4 and C.6: 302 and 307
        assert_eq!(status_of(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status_of(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
        assert_eq!(status_of(&[]), None);
    }

    #[test]
    fn lengths_are_those_of_the_rfc() {
        let mut block = Vec::new();
        length(&mut block, 126);
        length(&mut block, 127);
        length(&mut block, 1337);
        assert_eq!(block, [126, 127, 0, 127, 0xba, 0x09]);
    }
}
