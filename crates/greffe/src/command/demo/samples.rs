//! Sample conversations in seven languages, as exports of WhatsApp and Telegram would be.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::failure::Failure;
use crate::home;

/// One export.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) language: &'static str,
    pub(crate) me: &'static str,
    pub(crate) zone: &'static str,
    /// Order of day and month; few messages leave it open.
    pub(crate) dates: &'static str,
}

const CHART: &[u8] = include_bytes!("../../../demo/chart.png");
const BLOTTER: &[u8] = include_bytes!("../../../demo/blotter.pdf");

/// Writes all exports into a folder.
pub(crate) fn write(folder: &Path) -> Result<Vec<Sample>, Failure> {
    home::private_folder(folder)?;
    let whatsapp = |name: &'static str, chat: &'static str, text: &str, files: &[(&str, &[u8])]| {
        let path = folder.join(name);
        let mut members = vec![(chat, text.as_bytes())];
        members.extend_from_slice(files);
        home::write_durably(&path, &zipped(&members)?)?;
        Ok::<_, Failure>(path)
    };
    let telegram = |name: &'static str, json: &str, files: &[(&str, &[u8])]| {
        let chat = folder.join(name);
        home::private_folder(&chat)?;
        home::write_durably(&chat.join("result.json"), json.as_bytes())?;
        for (file, bytes) in files {
            let path = chat.join(file);
            if let Some(parent) = path.parent() {
                home::private_folder(parent)?;
            }
            home::write_durably(&path, bytes)?;
        }
        Ok::<_, Failure>(chat.join("result.json"))
    };
    Ok(vec![
        Sample {
            name: "WhatsApp Chat - Rates desk.zip",
            path: whatsapp(
                "WhatsApp Chat - Rates desk.zip",
                "_chat.txt",
                include_str!("../../../demo/trading-desk.txt"),
                &[
                    ("00000008-PHOTO-2026-11-03-08-05-20.png", CHART),
                    ("00000015-blotter 3 November.pdf", BLOTTER),
                ],
            )?,
            language: "English",
            me: "Anna Keller",
            zone: "Europe/London",
            dates: "day-first",
        },
        Sample {
            name: "Discussion WhatsApp avec Cabinet.zip",
            path: whatsapp(
                "Discussion WhatsApp avec Cabinet.zip",
                "Discussion WhatsApp avec Cabinet.txt",
                include_str!("../../../demo/ministere.txt"),
                &[("IMG-20261104-WA0003.png", CHART)],
            )?,
            language: "français",
            me: "Claire Morel",
            zone: "Europe/Paris",
            dates: "day-first",
        },
        Sample {
            name: "WhatsApp-Chat mit Station 4b.zip",
            path: whatsapp(
                "WhatsApp-Chat mit Station 4b.zip",
                "WhatsApp-Chat mit Station 4b.txt",
                include_str!("../../../demo/klinik.txt"),
                &[("IMG-20261105-WA0001.png", CHART)],
            )?,
            language: "Deutsch",
            me: "Dr. Katrin Weber",
            zone: "Europe/Berlin",
            dates: "day-first",
        },
        Sample {
            name: "Wizara.txt",
            path: {
                let path = folder.join("Wizara.txt");
                home::write_durably(&path, include_bytes!("../../../demo/wizara.txt"))?;
                path
            },
            language: "العربية",
            me: "سارة الحداد",
            zone: "Asia/Riyadh",
            dates: "day-first",
        },
        Sample {
            name: "WhatsApp Chat - Xiangmu.zip",
            path: whatsapp(
                "WhatsApp Chat - Xiangmu.zip",
                "_chat.txt",
                include_str!("../../../demo/xiangmu.txt"),
                &[("00000004-PHOTO-2026-11-07-09-06-47.png", CHART)],
            )?,
            language: "中文",
            me: "李娜",
            zone: "Asia/Shanghai",
            dates: "year-first",
        },
        Sample {
            name: "mesa/result.json",
            path: telegram(
                "mesa",
                include_str!("../../../demo/mesa.json"),
                &[("photos/photo_1@09-11-2026_08-20-00.png", CHART)],
            )?,
            language: "español",
            me: "Lucía Fernández",
            zone: "Europe/Madrid",
            dates: "day-first",
        },
        Sample {
            name: "otdel/result.json",
            path: telegram("otdel", include_str!("../../../demo/otdel.json"), &[])?,
            language: "русский",
            me: "Ольга Петрова",
            zone: "Europe/Berlin",
            dates: "day-first",
        },
    ])
}

fn zipped(files: &[(&str, &[u8])]) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new("demo-failed")
            .with("what", "zip")
            .because(error)
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default())
            .map_err(|error| failed(&error))?;
        zip.write_all(bytes).map_err(|error| failed(&error))?;
    }
    zip.finish()
        .map(Cursor::into_inner)
        .map_err(|error| failed(&error))
}
