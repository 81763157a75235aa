//! Reading WhatsApp exports: from bytes to author and text of each message. The foreign parsers on
//! the same file are measured by `docs/benchmarks.md`'s commands.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

use std::hint::black_box;

use canonical::Milliseconds;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imports::whatsapp::{Blocks, survey};
use testkit::chats::{FORMS, TrueChat, whatsapp_export};

const NOW: Milliseconds = Milliseconds::new(1_795_600_000_000);
const EVENTS: u64 = 50_000;

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whatsapp");
    for form in FORMS {
        let mut file = Vec::new();
        whatsapp_export(TrueChat::new(form, 11, EVENTS), &mut file).unwrap();
        let found = survey(file.as_slice(), NOW).unwrap().unwrap();
        group.throughput(Throughput::Elements(found.messages));
        group.bench_with_input(
            BenchmarkId::new("parse", form.name),
            &file,
            |bencher, file| {
                bencher.iter(|| {
                    let form = survey(file.as_slice(), NOW).unwrap().unwrap().form;
                    let mut blocks = Blocks::new(file.as_slice(), Some(form));
                    let mut bytes = 0;
                    while let Some(block) = blocks.next_block().unwrap() {
                        let (author, text) = block.author_and_text();
                        bytes += author.map_or(0, <[u8]>::len) + text.len();
                    }
                    black_box(bytes)
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
