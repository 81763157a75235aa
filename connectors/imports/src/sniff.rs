//! What a file is, by its first bytes and by its name.

/// Bytes at the beginning of a file that [`media_type`] looks at.
pub(crate) const SNIFFED: usize = 64;

/// The media type that the first bytes show.
pub(crate) fn media_type(head: &[u8]) -> Option<&'static str> {
    let brand = head.get(8..12).unwrap_or_default();
    Some(match head {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => "image/bmp",
        [b'R', b'I', b'F', b'F', ..] if brand == b"WEBP" => "image/webp",
        [b'R', b'I', b'F', b'F', ..] if brand == b"WAVE" => "audio/wav",
        [b'R', b'I', b'F', b'F', ..] if brand == b"AVI " => "video/x-msvideo",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => match brand {
            b"heic" | b"heix" | b"mif1" => "image/heic",
            b"avif" => "image/avif",
            b"M4A " => "audio/mp4",
            b"qt  " => "video/quicktime",
            [b'3', b'g', ..] => "video/3gpp",
            _ => "video/mp4",
        },
        [b'O', b'g', b'g', b'S', ..] if head.windows(8).any(|w| w == b"OpusHead") => "audio/opus",
        [b'O', b'g', b'g', b'S', ..] => "application/ogg",
        [b'I', b'D', b'3', ..] | [0xff, 0xfb | 0xf3 | 0xf2, ..] => "audio/mpeg",
        [0xff, 0xf1 | 0xf9, ..] => "audio/aac",
        [b'#', b'!', b'A', b'M', b'R', ..] => "audio/amr",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/webm",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'P', b'K', 3, 4, ..] => "application/zip",
        [0x1f, 0x8b, ..] => "application/gzip",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "application/x-ole-storage",
        [b'{', b'\\', b'r', b't', b'f', ..] => "application/rtf",
        _ if head.starts_with(b"BEGIN:VCARD") => "text/vcard",
        _ => return None,
    })
}

/// The form of content that a file's name shows: the kinds of `record.md`'s media.
pub(crate) fn form_of(name: &str) -> &'static str {
    let upper = name.to_ascii_uppercase();
    let has = |part: &str| upper.starts_with(part) || upper.contains(&format!("-{part}"));
    if has("PTT-") || has("PTT") && upper.ends_with(".OPUS") {
        return "voice";
    }
    let extension = upper.rsplit('.').next().unwrap_or_default();
    match extension {
        "OPUS" => "voice",
        "WEBP" if has("STK-") || has("STICKER-") => "sticker",
        "MP4" if has("GIF-") => "animation",
        "JPG" | "JPEG" | "PNG" | "WEBP" | "HEIC" | "GIF" | "BMP" | "AVIF" => "image",
        "MP4" | "MOV" | "3GP" | "WEBM" | "AVI" | "MKV" => "video",
        "M4A" | "MP3" | "AAC" | "AMR" | "OGG" | "WAV" | "OGA" => "audio",
        "VCF" => "card",
        _ => "file",
    }
}
