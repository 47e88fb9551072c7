use proptest::prelude::*;

use super::*;
use crate::testing::{
    BMP, GRAY_JPEG, MASK_PNG, NORMAL_JPEG, NORMAL_PNG, SMALLEST_PNG, TOO_SMALL_PNG, png_of_chunks,
    png_of_size,
};

#[track_caller]
fn check(bytes: &[u8], declared: ImageFormat, expected: Result<(u32, u32), &str>) {
    let found = Image::inspect(bytes, declared);
    let found = found.map(|image| {
        assert_eq!(image.format, declared);
        (image.width, image.height)
    });
    assert_eq!(
        found.map_err(|error| error.to_string()),
        expected.map_err(str::to_owned)
    );
}

#[track_caller]
fn check_broken(bytes: &[u8], declared: ImageFormat, problem: &'static str) {
    assert_eq!(
        Image::inspect(bytes, declared),
        Err(ImageError::Broken(declared, problem))
    );
}

#[test]
fn real_images_have_their_format_and_size() {
    check(NORMAL_JPEG, ImageFormat::Jpeg, Ok((320, 240)));
    check(GRAY_JPEG, ImageFormat::Jpeg, Ok((640, 480)));
    check(NORMAL_PNG, ImageFormat::Png, Ok((320, 240)));
    check(MASK_PNG, ImageFormat::Png, Ok((320, 240)));
    check(SMALLEST_PNG, ImageFormat::Png, Ok((64, 64)));
}

#[test]
fn what_the_service_does_not_take_is_refused_with_a_text() {
    check(
        TOO_SMALL_PNG,
        ImageFormat::Png,
        Err("The image is 63 x 64 pixels. Width and height must be from 64 to 4096 pixels."),
    );
    check(
        BMP,
        ImageFormat::Png,
        Err("The image is neither a JPEG nor a PNG image."),
    );
    check(b"", ImageFormat::Png, Err("The image is empty."));
    check(
        NORMAL_JPEG,
        ImageFormat::Png,
        Err("The image is image/jpeg, but the content type is image/png."),
    );
    check(
        NORMAL_PNG,
        ImageFormat::Jpeg,
        Err("The image is image/png, but the content type is image/jpeg."),
    );
    check(
        &NORMAL_PNG[..100],
        ImageFormat::Png,
        Err("The image could not be decoded as image/png: it ends before its IEND chunk."),
    );
}

#[test]
fn sides_go_from_64_to_4096() {
    for (width, height, taken) in [
        (64, 64, true),
        (4096, 4096, true),
        (64, 4096, true),
        (63, 64, false),
        (64, 63, false),
        (4097, 64, false),
        (64, 4097, false),
        (u32::MAX, u32::MAX, false),
    ] {
        let found = Image::inspect(&png_of_size(width, height), ImageFormat::Png);
        assert_eq!(found.is_ok(), taken, "{width} x {height}: {found:?}");
        if !taken {
            assert_eq!(found, Err(ImageError::Size { width, height }));
        }
    }
}

#[test]
fn eight_mebibytes_are_the_most() {
    let mut image = png_of_size(64, 64);
    image.resize(8_388_608, 0);
    check(&image, ImageFormat::Png, Ok((64, 64)));
    image.push(0);
    check(
        &image,
        ImageFormat::Png,
        Err("The image has 8388609 bytes. The maximum is 8388608 bytes."),
    );
}

#[test]
fn an_image_that_was_cut_short_is_refused_wherever_it_was_cut() {
    for (image, format) in [
        (NORMAL_JPEG, ImageFormat::Jpeg),
        (NORMAL_PNG, ImageFormat::Png),
        (SMALLEST_PNG, ImageFormat::Png),
    ] {
        for length in 0..image.len() {
            let found = Image::inspect(&image[..length], format);
            assert!(found.is_err(), "{length} of {} bytes: {found:?}", image.len());
        }
    }
}

#[test]
fn bytes_after_the_image_do_no_harm() {
    for (image, format) in [(NORMAL_JPEG, ImageFormat::Jpeg), (NORMAL_PNG, ImageFormat::Png)] {
        for trailer in [
            &b"\0"[..],
            b"\xff",
            b"a trailer that some cameras write",
            NORMAL_PNG,
            NORMAL_JPEG,
        ] {
            check(&[image, trailer].concat(), format, Ok((320, 240)));
        }
    }
}

#[test]
fn content_types_are_compared_as_texts() {
    assert_eq!(
        ImageFormat::from_content_type("image/png"),
        Some(ImageFormat::Png)
    );
    assert_eq!(
        ImageFormat::from_content_type("image/jpeg"),
        Some(ImageFormat::Jpeg)
    );
    for text in [
        "image/jpg",
        "Image/PNG",
        "image/png; charset=binary",
        "image/*",
        " image/png",
        "",
    ] {
        assert_eq!(ImageFormat::from_content_type(text), None, "{text}");
    }
}

mod png_structure {
    use super::*;

    const RGB: &[u8] = &[0, 0, 1, 0, 0, 0, 0, 128, 8, 2, 0, 0, 0];
    const INDEXED: &[u8] = &[0, 0, 1, 0, 0, 0, 0, 128, 8, 3, 0, 0, 0];

    #[track_caller]
    fn refuses(chunks: &[(&[u8; 4], &[u8])], problem: &'static str) {
        check_broken(&png_of_chunks(chunks), ImageFormat::Png, problem);
    }

    #[track_caller]
    fn takes(chunks: &[(&[u8; 4], &[u8])]) {
        check(&png_of_chunks(chunks), ImageFormat::Png, Ok((256, 128)));
    }

    #[test]
    fn chunks_that_a_decoder_may_leave_out_are_left_out() {
        takes(&[
            (b"IHDR", RGB),
            (b"gAMA", b"1234"),
            (b"IDAT", b"x"),
            (b"IDAT", b""),
            (b"tEXt", b""),
            (b"IEND", b""),
        ]);
        // A suggested palette of a truecolour image.
        takes(&[
            (b"IHDR", RGB),
            (b"PLTE", b"123456"),
            (b"IDAT", b"x"),
            (b"IEND", b""),
        ]);
    }

    #[test]
    fn the_order_of_chunks_matters() {
        refuses(
            &[(b"IDAT", b"x"), (b"IHDR", RGB), (b"IEND", b"")],
            "its first chunk is not IHDR",
        );
        refuses(&[(b"IHDR", RGB), (b"IEND", b"")], "it has no IDAT chunk");
        refuses(
            &[(b"IHDR", RGB), (b"IDAT", b"x")],
            "it ends before its IEND chunk",
        );
        refuses(
            &[(b"IHDR", RGB), (b"IDAT", b"x"), (b"IEND", b"x")],
            "its IEND chunk is not empty",
        );
        refuses(
            &[
                (b"IHDR", RGB),
                (b"IDAT", b"x"),
                (b"tEXt", b""),
                (b"IDAT", b"x"),
                (b"IEND", b""),
            ],
            "its IDAT chunks are not in one piece",
        );
        refuses(
            &[(b"IHDR", RGB), (b"IHDR", RGB), (b"IDAT", b"x"), (b"IEND", b"")],
            "it has an unknown critical chunk",
        );
        refuses(
            &[(b"IHDR", RGB), (b"IDAT", b"x"), (b"PLTE", b"123"), (b"IEND", b"")],
            "its palette is broken or out of place",
        );
    }

    #[test]
    fn an_indexed_image_has_a_palette() {
        takes(&[
            (b"IHDR", INDEXED),
            (b"PLTE", b"123456"),
            (b"IDAT", b"x"),
            (b"IEND", b""),
        ]);
        refuses(
            &[(b"IHDR", INDEXED), (b"IDAT", b"x"), (b"IEND", b"")],
            "it has no palette",
        );
        for palette in [&b""[..], b"12", b"1234", &[0; 771]] {
            refuses(
                &[
                    (b"IHDR", INDEXED),
                    (b"PLTE", palette),
                    (b"IDAT", b"x"),
                    (b"IEND", b""),
                ],
                "its palette is broken or out of place",
            );
        }
    }

    #[test]
    fn a_header_has_known_values_and_its_checksum() {
        refuses(&[(b"IHDR", &RGB[..12])], "its IHDR chunk does not have 13 bytes");
        for (index, value) in [(8, 4), (9, 1), (9, 7), (10, 1), (11, 1), (12, 2)] {
            let mut header = RGB.to_vec();
            header[index] = value;
            refuses(
                &[(b"IHDR", &header)],
                "its IHDR chunk has values that the format does not know",
            );
        }
        refuses(&[(b"IHDR", &[0; 13])], "it has no pixels");

        let mut image = png_of_size(64, 64);
        image[19] ^= 1;
        check_broken(
            &image,
            ImageFormat::Png,
            "the checksum of its IHDR chunk is wrong",
        );
    }

    #[test]
    fn a_chunk_is_named_with_letters_and_not_longer_than_31_bits() {
        refuses(
            &[(b"IHDR", RGB), (b"ID T", b"")],
            "a chunk's name is not made of letters",
        );
        let mut image = png_of_size(64, 64);
        image[33..37].copy_from_slice(&[0x80, 0, 0, 0]);
        check_broken(
            &image,
            ImageFormat::Png,
            "a chunk is longer than the format allows",
        );
        image[33..37].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
        check_broken(&image, ImageFormat::Png, "it ends before its IEND chunk");
    }

    proptest! {
        #[test]
        fn what_is_taken_has_the_size_that_a_decoder_finds(
            index in 0..13_usize, value in any::<u8>(), palette in any::<bool>(),
        ) {
            let mut header = [0, 0, 1, 0, 0, 0, 0, 128, 8, 6, 0, 0, 0];
            header[index] = value;
            let with_palette: [(&[u8; 4], &[u8]); 4] =
                [(b"IHDR", &header), (b"PLTE", b"123456"), (b"IDAT", b"x"), (b"IEND", b"")];
            let without: [(&[u8; 4], &[u8]); 3] = [(b"IHDR", &header), (b"IDAT", b"x"), (b"IEND", b"")];
            let image = png_of_chunks(if palette { &with_palette } else { &without });
            if let Ok(found) = Image::inspect(&image, ImageFormat::Png) {
                let decoder = ::png::Decoder::new(std::io::Cursor::new(&image)).read_info();
                let reader = decoder.expect("what is taken can be opened");
                prop_assert_eq!(reader.info().size(), (found.width, found.height));
            }
        }
    }
}

mod jpeg_structure {
    use super::*;

    const QUANTIZATION: &[u8] = &[0xff, 0xdb, 0, 3, 0];
    const FRAME: &[u8] = &[0xff, 0xc0, 0, 11, 8, 0, 128, 1, 0, 1, 1, 0x11, 0];
    const SCAN: &[u8] = &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    const DATA: &[u8] = &[1, 2, 0xff, 0, 3];
    const END: &[u8] = &[0xff, 0xd9];

    fn jpeg(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xff, 0xd8], parts.concat().as_slice()].concat()
    }

    #[track_caller]
    fn refuses(parts: &[&[u8]], problem: &'static str) {
        check_broken(&jpeg(parts), ImageFormat::Jpeg, problem);
    }

    #[track_caller]
    fn takes(parts: &[&[u8]]) {
        check(&jpeg(parts), ImageFormat::Jpeg, Ok((256, 128)));
    }

    #[test]
    fn the_smallest_structure_is_frame_scan_and_end() {
        takes(&[QUANTIZATION, FRAME, SCAN, DATA, END]);
        takes(&[FRAME, SCAN, DATA, END]);
        // Fill bytes before a marker, and a marker without a segment.
        takes(&[
            &[0xff, 0xff, 0xff],
            QUANTIZATION,
            &[0xff, 1],
            FRAME,
            SCAN,
            DATA,
            &[0xff],
            END,
        ]);
        // Progressive: more than one scan.
        takes(&[FRAME, SCAN, DATA, SCAN, DATA, END]);
    }

    #[test]
    fn a_preview_inside_a_segment_is_not_the_image() {
        let preview = jpeg(&[
            &[0xff, 0xc0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0],
            SCAN,
            DATA,
            END,
        ]);
        let length = u16::try_from(preview.len() + 2).unwrap().to_be_bytes();
        let exif = [&[0xff, 0xe1], &length[..], &preview].concat();
        takes(&[&exif, FRAME, SCAN, DATA, END]);
        refuses(&[&exif, FRAME, SCAN, DATA], "it ends before its end marker");
    }

    #[test]
    fn three_processes_are_taken() {
        for marker in 0xc0..=0xcf {
            let mut frame = FRAME.to_vec();
            frame[1] = marker;
            match marker {
                0xc0..=0xc2 => takes(&[&frame, SCAN, DATA, END]),
                // Not frame headers: Huffman tables, an extension, arithmetic conditioning.
                0xc4 | 0xc8 | 0xcc => takes(&[&frame, FRAME, SCAN, DATA, END]),
                _ => refuses(
                    &[&frame, SCAN, DATA, END],
                    "it is neither baseline nor extended nor progressive",
                ),
            }
        }
    }

    #[test]
    fn the_order_of_markers_matters() {
        refuses(&[SCAN, DATA, END], "its scan comes before its frame header");
        refuses(&[FRAME, FRAME, SCAN, DATA, END], "it has two frame headers");
        refuses(&[FRAME, END], "it has no scan");
        refuses(&[FRAME, SCAN, END], "its scan is empty");
        refuses(&[FRAME, SCAN, DATA], "it ends before its end marker");
        for marker in [0x00, 0xd0, 0xd7, 0xd8] {
            refuses(&[&[0xff, marker], FRAME], "it has a marker out of place");
        }
        refuses(&[FRAME, &[0]], "a segment is not followed by a marker");
    }

    #[test]
    fn headers_fit_their_number_of_components() {
        let with = |index: usize, value: u8| {
            let mut frame = FRAME.to_vec();
            frame[index] = value;
            frame
        };
        refuses(&[&with(4, 12)], "it does not have eight bits a sample");
        refuses(
            &[&with(9, 3)],
            "its frame header does not fit its number of components",
        );
        refuses(
            &[&with(9, 2)],
            "its frame header does not fit its number of components",
        );
        refuses(&[&with(6, 0)], "it has no pixels");
        refuses(
            &[&[0xff, 0xc0, 0, 7, 8, 0, 1, 0, 1]],
            "its frame header is too short",
        );
        refuses(&[&[0xff, 0xdb, 0, 1]], "a segment is shorter than its own length");
        let mut scan = SCAN.to_vec();
        scan[4] = 2;
        refuses(
            &[FRAME, &scan, DATA, END],
            "its scan header does not fit its number of components",
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        start in prop_oneof![Just(&b"\x89PNG\r\n\x1a\n"[..]), Just(&b"\xff\xd8"[..]), Just(&b""[..])],
        rest in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xff), Just(0)], 0..200),
    ) {
        let bytes = [start, &rest].concat();
        let _ = Image::inspect(&bytes, ImageFormat::Png);
        let _ = Image::inspect(&bytes, ImageFormat::Jpeg);
    }

    #[test]
    fn no_damage_makes_it_panic(index in any::<prop::sample::Index>(), value in any::<u8>(), jpeg in any::<bool>()) {
        let mut image = if jpeg { NORMAL_JPEG } else { NORMAL_PNG }.to_vec();
        let index = index.index(if jpeg { 700 } else { 64 });
        image[index] = value;
        let _ = Image::inspect(&image, if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png });
    }
}
