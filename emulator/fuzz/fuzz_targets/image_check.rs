//! What must hold for every image that is looked at. The fuzz target feeds it what libFuzzer invents; the ordinary tests of the crate
//! `lookoutvision` feed it the committed corpus.

use lookoutvision::image::{Image, ImageFormat};

/// Looks at an image
///
/// It is of one format; it stays what it is with bytes after its end; and a decoder that takes it finds the same size.
pub(crate) fn check(bytes: &[u8]) {
    let found = [ImageFormat::Jpeg, ImageFormat::Png].map(|format| Image::inspect(bytes, format));
    let with_trailer = [bytes, b"\0trailer"].concat();
    let mut images = Vec::new();
    for image in found.into_iter().flatten() {
        assert_eq!(Image::inspect(&with_trailer, image.format), Ok(image));
        if image.format == ImageFormat::Png
            && let Ok(reader) = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()
        {
            assert_eq!(reader.info().size(), (image.width, image.height));
        }
        images.push(image);
    }
    assert!(images.len() < 2, "{images:?}");
}
