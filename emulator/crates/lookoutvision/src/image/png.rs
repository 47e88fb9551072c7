//! The chunks of a PNG (Portable Network Graphics specification, third edition, sections 5 and 11).

/// The eight bytes at the start
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Width and height, or what is wrong; `chunks` is everything after the signature
pub(super) fn read_size(mut chunks: &[u8]) -> Result<(u32, u32), &'static str> {
    let header = next_chunk(&mut chunks)?;
    if header.name != *b"IHDR" {
        return Err("its first chunk is not IHDR");
    }
    let (size, color_type) = read_header(&header)?;
    let mut has_palette = false;
    let mut data = Data::Ahead;
    loop {
        let chunk = next_chunk(&mut chunks)?;
        data = match (&chunk.name, data) {
            (b"IDAT", Data::Over) => return Err("its IDAT chunks are not in one piece"),
            (b"IDAT", Data::Ahead) if color_type == INDEXED && !has_palette => {
                return Err("it has no palette");
            }
            (b"IDAT", _) => Data::Here,
            (_, Data::Here) => Data::Over,
            (_, data) => data,
        };
        match &chunk.name {
            b"IDAT" => {}
            b"IEND" if data == Data::Ahead => return Err("it has no IDAT chunk"),
            b"IEND" if chunk.data.is_empty() => return Ok(size),
            b"IEND" => return Err("its IEND chunk is not empty"),
            b"PLTE" => {
                let length_is_valid = matches!(chunk.data.len(), 3..=768) && chunk.data.len() % 3 == 0;
                if has_palette || data != Data::Ahead || !length_is_valid || !chunk.checksum_is_valid() {
                    return Err("its palette is broken or out of place");
                }
                has_palette = true;
            }
            // A lower-case first letter means that a decoder may ignore the chunk.
            name if name[0].is_ascii_lowercase() => {}
            _ => return Err("it has an unknown critical chunk"),
        }
    }
}

/// Where the walk is relative to the IDAT chunks
#[derive(Clone, Copy, PartialEq)]
enum Data {
    Ahead,
    Here,
    Over,
}

struct Chunk<'b> {
    name: [u8; 4],
    data: &'b [u8],
    /// Name and data, which the checksum covers
    checked: &'b [u8],
    checksum: u32,
}

impl Chunk<'_> {
    fn checksum_is_valid(&self) -> bool {
        crc32fast::hash(self.checked) == self.checksum
    }
}

/// Takes the next chunk off the front
fn next_chunk<'b>(bytes: &mut &'b [u8]) -> Result<Chunk<'b>, &'static str> {
    let truncated = "it ends before its IEND chunk";
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(truncated)?;
    let length = u32::from_be_bytes(*length);
    if length > CHUNK_BYTES_MAX {
        return Err("a chunk is longer than the format allows");
    }
    let name = *rest.first_chunk::<4>().ok_or(truncated)?;
    if !name.iter().all(u8::is_ascii_alphabetic) {
        return Err("a chunk's name is not made of letters");
    }
    let checked_length = 4 + usize::try_from(length).map_err(|_| truncated)?;
    let (checked, rest) = rest.split_at_checked(checked_length).ok_or(truncated)?;
    let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(truncated)?;
    *bytes = rest;
    Ok(Chunk {
        name,
        data: checked.get(4..).unwrap_or_default(),
        checked,
        checksum: u32::from_be_bytes(*checksum),
    })
}

/// Width and height, and the colour type
fn read_header(header: &Chunk<'_>) -> Result<((u32, u32), u8), &'static str> {
    let Ok(
        [
            w0,
            w1,
            w2,
            w3,
            h0,
            h1,
            h2,
            h3,
            bit_depth,
            color_type,
            compression,
            filter,
            interlace,
        ],
    ) = <[u8; 13]>::try_from(header.data)
    else {
        return Err("its IHDR chunk does not have 13 bytes");
    };
    if !header.checksum_is_valid() {
        return Err("the checksum of its IHDR chunk is wrong");
    }
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    if width == 0 || height == 0 {
        return Err("it has no pixels");
    }
    // Table 11.1: greyscale, truecolour, indexed, greyscale with alpha, truecolour with alpha.
    let depth_is_valid = match color_type {
        0 => matches!(bit_depth, 1 | 2 | 4 | 8 | 16),
        INDEXED => matches!(bit_depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(bit_depth, 8 | 16),
        _ => false,
    };
    if !depth_is_valid || compression != 0 || filter != 0 || interlace > 1 {
        return Err("its IHDR chunk has values that the format does not know");
    }
    Ok(((width, height), color_type))
}

/// The colour type of a PNG with a palette
const INDEXED: u8 = 3;

/// A chunk's length has 31 bits
const CHUNK_BYTES_MAX: u32 = i32::MAX.unsigned_abs();
