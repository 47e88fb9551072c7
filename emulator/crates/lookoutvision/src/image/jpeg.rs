//! The markers of a JPEG (ITU-T T.81, annex B).

/// SOI
pub(super) const START_OF_IMAGE: &[u8] = &[0xff, 0xd8];

/// Width and height, or what is wrong; `bytes` is everything after SOI
///
/// The walk goes through the segments up to the first scan. After that, EOI is searched for from the end of the file,
/// where it nearly always is: compressed data cannot hold the marker, because each of its 0xFF bytes is followed by a
/// zero or belongs to a restart marker.
// Guess: that a file without EOI is refused. Some decoders accept it with a warning, but nearly always it was cut
// short, and a test should notice that.
pub(super) fn read_size(mut bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    let mut size = None;
    loop {
        match next_marker(&mut bytes)? {
            // TEM has no segment and no meaning here.
            0x01 => {}
            0xc0..=0xc2 if size.is_some() => return Err("it has two frame headers"),
            0xc0..=0xc2 => size = Some(read_frame_header(next_segment(&mut bytes)?)?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err("it is neither baseline nor extended nor progressive");
            }
            0xda => {
                let size = size.ok_or("its scan comes before its frame header")?;
                check_scan_header(next_segment(&mut bytes)?)?;
                return match bytes.windows(2).rposition(|marker| marker == END_OF_IMAGE) {
                    Some(0) => Err("its scan is empty"),
                    Some(_) => Ok(size),
                    None => Err("it ends before its end marker"),
                };
            }
            0xd9 => return Err("it has no scan"),
            0x00 | 0xd0..=0xd8 => return Err("it has a marker out of place"),
            _ => {
                next_segment(&mut bytes)?;
            }
        }
    }
}

/// Takes a marker off the front; any number of 0xFF bytes may come before it
fn next_marker(bytes: &mut &[u8]) -> Result<u8, &'static str> {
    let [0xff, rest @ ..] = bytes else {
        return Err(if bytes.is_empty() {
            TRUNCATED
        } else {
            "a segment is not followed by a marker"
        });
    };
    let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
    let rest = rest.get(fill..).unwrap_or_default();
    let (marker, rest) = rest.split_first().ok_or(TRUNCATED)?;
    *bytes = rest;
    Ok(*marker)
}

/// Takes a segment off the front, without its length
fn next_segment<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8], &'static str> {
    let length = bytes.first_chunk::<2>().ok_or(TRUNCATED)?;
    let (segment, rest) = bytes
        .split_at_checked(u16::from_be_bytes(*length).into())
        .ok_or(TRUNCATED)?;
    *bytes = rest;
    // The length includes its own two bytes.
    segment.get(2..).ok_or("a segment is shorter than its own length")
}

fn read_frame_header(segment: &[u8]) -> Result<(u32, u32), &'static str> {
    let [precision, h0, h1, w0, w1, components, specifications @ ..] = segment else {
        return Err("its frame header is too short");
    };
    if !matches!(components, 1 | 3 | 4) || specifications.len() != 3 * usize::from(*components) {
        return Err("its frame header does not fit its number of components");
    }
    if *precision != 8 {
        return Err("it does not have eight bits a sample");
    }
    let width = u16::from_be_bytes([*w0, *w1]);
    // A height of zero means that the height follows the first scan (DNL), which decoders do not accept either.
    let height = u16::from_be_bytes([*h0, *h1]);
    if width == 0 || height == 0 {
        return Err("it has no pixels");
    }
    Ok((width.into(), height.into()))
}

fn check_scan_header(segment: &[u8]) -> Result<(), &'static str> {
    match segment {
        [components @ 1..=4, rest @ ..] if rest.len() == 2 * usize::from(*components) + 3 => Ok(()),
        _ => Err("its scan header does not fit its number of components"),
    }
}

/// EOI
const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

const TRUNCATED: &str = "it ends before its end marker";
