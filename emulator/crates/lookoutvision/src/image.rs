//! Reads the format and size of an image from its bytes, without decoding a pixel.
//!
//! Both formats are lists of blocks that begin with their lengths, so the structure is walked from the signature to the
//! end marker in a microsecond or two. A file that was cut short or is malformed is refused at the block where it goes
//! wrong. Pixels are not decoded: a file with an intact structure but broken compressed data passes here. Bytes after
//! the end of the image are ignored, as decoders do.
//!
//! A PNG is checked for its signature, a first IHDR with a valid combination of depth and colour (and its checksum),
//! a palette where one is needed, no unknown critical chunks, consecutive IDAT chunks, and IEND. A JPEG is checked for
//! SOI, well-formed segments, one frame header (baseline, extended or progressive, eight bits), a scan, and EOI.

mod jpeg;
mod png;

/// Format and size of an image
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// The format that its first bytes show
    pub format: ImageFormat,
    /// In pixels
    pub width: u32,
    /// In pixels
    pub height: u32,
}

/// The two formats that the service accepts
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
}

/// Why an image is refused; its `Display` is the guessed text of the answer
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There are no bytes
    #[error("The image is empty.")]
    Empty,
    /// More than [`IMAGE_BYTES_MAX`]
    #[error("The image has {0} bytes. The maximum is {IMAGE_BYTES_MAX} bytes.")]
    TooManyBytes(usize),
    /// It has the signature of neither format
    #[error("The image is neither a JPEG nor a PNG image.")]
    UnknownFormat,
    /// One format in the header, the other in the body
    #[error("The image is {found}, but the content type is {declared}.", found = .found.content_type(), declared = .declared.content_type())]
    OtherFormat {
        /// The format in the Content-Type
        declared: ImageFormat,
        /// The format of the bytes
        found: ImageFormat,
    },
    /// The structure is broken
    #[error("The image could not be decoded as {format}: {problem}.", format = .0.content_type(), problem = .1)]
    Broken(ImageFormat, &'static str),
    /// A side is out of bounds
    #[error(
        "The image is {width} x {height} pixels. Width and height must be from {SIDE_PIXELS_MIN} to {SIDE_PIXELS_MAX} pixels."
    )]
    Size {
        /// In pixels
        width: u32,
        /// In pixels
        height: u32,
    },
}

impl Image {
    /// Reads the format and size of an image that is declared to be of this format
    ///
    /// # Errors
    /// When the service would not accept the image.
    pub fn inspect(bytes: &[u8], declared: ImageFormat) -> Result<Self, ImageError> {
        Self::inspect_as(bytes, Some(declared))
    }

    /// Reads the format and size of an image of either format
    ///
    /// # Errors
    /// When the service would not accept the image.
    pub fn inspect_any(bytes: &[u8]) -> Result<Self, ImageError> {
        Self::inspect_as(bytes, None)
    }

    fn inspect_as(bytes: &[u8], declared: Option<ImageFormat>) -> Result<Self, ImageError> {
        if bytes.len() > IMAGE_BYTES_MAX {
            return Err(ImageError::TooManyBytes(bytes.len()));
        }
        let image = Self::read(bytes)?;
        if let Some(declared) = declared
            && image.format != declared
        {
            return Err(ImageError::OtherFormat {
                declared,
                found: image.format,
            });
        }
        let Self { width, height, .. } = image;
        let takes = |side| (SIDE_PIXELS_MIN..=SIDE_PIXELS_MAX).contains(&side);
        if takes(width) && takes(height) {
            Ok(image)
        } else {
            Err(ImageError::Size { width, height })
        }
    }

    /// Reads format and size, whatever they are
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty);
        }
        let (format, size) = if let Some(chunks) = bytes.strip_prefix(png::SIGNATURE) {
            (ImageFormat::Png, png::read_size(chunks))
        } else if let Some(segments) = bytes.strip_prefix(jpeg::START_OF_IMAGE) {
            (ImageFormat::Jpeg, jpeg::read_size(segments))
        } else {
            return Err(ImageError::UnknownFormat);
        };
        let (width, height) = size.map_err(|problem| ImageError::Broken(format, problem))?;
        Ok(Self {
            format,
            width,
            height,
        })
    }
}

impl ImageFormat {
    /// Its media type
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The format that a Content-Type names
    // Guess: only the two media types themselves, in lower case and without parameters. The service's refusal lists
    // them as if it compared texts, and whatever is accepted here should be accepted there.
    pub fn from_content_type(text: &str) -> Option<Self> {
        match text {
            "image/jpeg" => Some(Self::Jpeg),
            "image/png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Developer guide, *Quotas*: an image has at most 8 MB
// Guess: that these are megabytes of 1,048,576 bytes, like the other limits of the API model (5,242,880 bytes of mask,
// 10,485,760 bytes of changes), and that the quota for training images also applies to requests.
pub const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Developer guide, *Quotas*: the smallest side of an image
pub const SIDE_PIXELS_MIN: u32 = 64;

/// Developer guide, *Quotas*: the largest side of an image
pub const SIDE_PIXELS_MAX: u32 = 4096;

#[cfg(test)]
mod tests;
