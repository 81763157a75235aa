//! Counters of the relay (BLIND-1): counts, sizes, codes and times, no names and no content.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wire::RefusalCode;

/// Upper ends of the buckets of durations, in milliseconds.
const BUCKETS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000];

/// All counters of one relay, over all its archives.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) group_failures: AtomicU64,
    pub(crate) object_bytes_in: AtomicU64,
    pub(crate) object_bytes_out: AtomicU64,
    pub(crate) objects: AtomicU64,
    pub(crate) cosignatures: AtomicU64,
    pub(crate) witness_failures: AtomicU64,
    pub(crate) stopped: AtomicU64,
    pub(crate) enrolments_asked: AtomicU64,
    pub(crate) enrolments_answered: AtomicU64,
    refusals: [AtomicU64; RefusalCode::ALL.len()],
    publish: Durations,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    sum_ms: AtomicU64,
}

impl Metrics {
    pub(crate) fn count(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, code: RefusalCode) {
        if let Some(counter) = self
            .refusals
            .get(usize::from(code.number().saturating_sub(1)))
        {
            Self::count(counter, 1);
        }
    }

    /// A group was published, so long after it was formed.
    pub(crate) fn published(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        for (end, bucket) in BUCKETS.iter().zip(&self.publish.buckets) {
            if ms <= *end {
                Self::count(bucket, 1);
            }
        }
        Self::count(&self.publish.count, 1);
        Self::count(&self.publish.sum_ms, ms);
    }

    /// All counters in the text format of Prometheus.
    pub(crate) fn text(&self, archives: &[(u64, bool)]) -> String {
        let mut text = String::new();
        let plain = [
            (
                "greffe_relay_requests_total",
                "counter",
                "Requests that came in.",
                &self.requests,
            ),
            (
                "greffe_relay_throttled_total",
                "counter",
                "Requests refused for a limit.",
                &self.throttled,
            ),
            (
                "greffe_relay_requests_in_flight",
                "gauge",
                "Requests that are worked on.",
                &self.in_flight,
            ),
            (
                "greffe_relay_entries_total",
                "counter",
                "Entries admitted.",
                &self.entries,
            ),
            (
                "greffe_relay_groups_total",
                "counter",
                "Groups published.",
                &self.groups,
            ),
            (
                "greffe_relay_group_failures_total",
                "counter",
                "Groups that failed and were healed.",
                &self.group_failures,
            ),
            (
                "greffe_relay_objects_total",
                "counter",
                "Objects kept.",
                &self.objects,
            ),
            (
                "greffe_relay_object_received_bytes_total",
                "counter",
                "Bytes of objects received.",
                &self.object_bytes_in,
            ),
            (
                "greffe_relay_object_sent_bytes_total",
                "counter",
                "Bytes of objects sent.",
                &self.object_bytes_out,
            ),
            (
                "greffe_relay_cosignatures_total",
                "counter",
                "Cosignatures received.",
                &self.cosignatures,
            ),
            (
                "greffe_relay_witness_failures_total",
                "counter",
                "Witnesses that did not cosign in time.",
                &self.witness_failures,
            ),
            (
                "greffe_relay_archives_stopped",
                "gauge",
                "Archives that stopped with an alarm.",
                &self.stopped,
            ),
            (
                "greffe_relay_enrolment_requests_total",
                "counter",
                "Enrolment requests taken.",
                &self.enrolments_asked,
            ),
            (
                "greffe_relay_enrolment_answers_total",
                "counter",
                "Enrolment requests answered.",
                &self.enrolments_answered,
            ),
        ];
        for (name, kind, help, counter) in plain {
            header(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {}", counter.load(Ordering::Relaxed));
        }
        header(
            &mut text,
            "greffe_relay_refusals_total",
            "counter",
            "Entries refused, by code.",
        );
        for (code, counter) in RefusalCode::ALL.iter().zip(&self.refusals) {
            let count = counter.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "greffe_relay_refusals_total{{code=\"{}\"}} {count}",
                code.number()
            );
        }
        header(
            &mut text,
            "greffe_relay_log_size",
            "gauge",
            "Leaves of the published logs, all archives together.",
        );
        let _ = writeln!(
            text,
            "greffe_relay_log_size {}",
            archives.iter().map(|(size, _)| size).sum::<u64>()
        );
        let name = "greffe_relay_publish_seconds";
        header(
            &mut text,
            name,
            "histogram",
            "From the forming of a group to its receipts.",
        );
        for (end, bucket) in BUCKETS.iter().zip(&self.publish.buckets) {
            let _ = writeln!(
                text,
                "{name}_bucket{{le=\"{}\"}} {}",
                seconds(*end),
                bucket.load(Ordering::Relaxed)
            );
        }
        let count = self.publish.count.load(Ordering::Relaxed);
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(
            text,
            "{name}_sum {}",
            seconds(self.publish.sum_ms.load(Ordering::Relaxed))
        );
        let _ = writeln!(text, "{name}_count {count}");
        text
    }
}

fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blind_1_the_text_has_counts_only() {
        let metrics = Metrics::default();
        metrics.refused(RefusalCode::Fork);
        metrics.published(Duration::from_millis(30));
        let text = metrics.text(&[(5, true), (7, false)]);
        assert!(text.contains("greffe_relay_refusals_total{code=\"12\"} 1\n"));
        assert!(text.contains("greffe_relay_log_size 12\n"));
        assert!(text.contains("greffe_relay_publish_seconds_bucket{le=\"0.050\"} 1\n"));
        assert!(text.contains("greffe_relay_publish_seconds_bucket{le=\"0.025\"} 0\n"));
        assert!(text.contains("greffe_relay_publish_seconds_sum 0.030\n"));
    }
}
