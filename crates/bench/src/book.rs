//! What was measured, of whom.

use crate::figures::Runs;

/// Lanline, as its cells are named.
pub(crate) const LANLINE: &str = "Lanline";

/// One thing that is measured.
pub(crate) struct Measure {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) higher_is_better: bool,
    /// What Lanline is to reach, and what it would like to.
    pub(crate) goal: Option<(f64, f64)>,
    /// Whether it stands in the picture.
    pub(crate) pictured: bool,
    pub(crate) cells: Vec<Cell>,
}

/// Of one program.
pub(crate) struct Cell {
    pub(crate) subject: String,
    pub(crate) runs: Runs,
    /// Processor time of the server for one of the unit, in microseconds, where that means something.
    pub(crate) cpu_us: Runs,
    /// Whether it did not come to an end.
    pub(crate) failed: bool,
}

/// Everything that is measured, in the order of the table.
pub(crate) struct Book {
    pub(crate) measures: Vec<Measure>,
    /// What is called 1,000 clients, and a million entries, in titles.
    large: usize,
    behind: usize,
}

const RATE: &str = "messages/s";
const FAST: &str = "deliveries/s";

impl Book {
    pub(crate) fn new(large: usize, behind: usize) -> Self {
        let measure = |title, unit, higher_is_better, goal, pictured| Measure {
            title,
            unit,
            higher_is_better,
            goal,
            pictured,
            cells: Vec::new(),
        };
        let measures = vec![
            measure(INGEST_1_ONE, RATE, true, None, false),
            measure(INGEST_1, RATE, true, None, false),
            measure(INGEST_1_GROUPS, RATE, true, None, false),
            measure(INGEST_100[0], RATE, true, None, false),
            measure(INGEST_100[1], RATE, true, Some((15_000.0, 40_000.0)), true),
            measure(INGEST_100[2], RATE, true, None, false),
            measure(INGEST_100_GROUPS[0], RATE, true, None, false),
            measure(INGEST_100_GROUPS[1], RATE, true, None, true),
            measure(INGEST_100_GROUPS[2], RATE, true, None, false),
            measure(LATENCY_P50, "ms", false, None, true),
            measure(LATENCY_P99, "ms", false, None, false),
            measure(FAN_OUT[0], FAST, true, None, false),
            measure(FAN_OUT[1], FAST, true, Some((200_000.0, 500_000.0)), true),
            measure(FAN_OUT[2], FAST, true, None, false),
            measure(FAN_OUT_GROUPS, FAST, true, None, false),
            measure(FAN_OUT_1000, FAST, true, None, false),
            measure(LAST_P50, "ms", false, None, false),
            measure(LAST_P99, "ms", false, Some((25.0, 10.0)), true),
            measure(IDLE, "per GiB", true, Some((25_000.0, 45_000.0)), true),
            measure(CATCH_UP, "entries/s", true, Some((25_000.0, 50_000.0)), false),
            measure(CATCH_UP_GROUPS, "entries/s", true, Some((200_000.0, 400_000.0)), false),
            measure(SERVE_UP, "entries/s", true, None, false),
            measure(SERVE_UP_GROUPS, "entries/s", true, None, false),
            measure(BEHIND, "s", false, None, false),
            measure(BEHIND_QUIET_P99, "ms", false, None, false),
            measure(BEHIND_P99, "ms", false, None, false),
            measure(BACK, "s", false, Some((5.0, 2.0)), false),
        ];
        Self { measures, large, behind }
    }

    /// A measure's title, with the numbers of this run.
    pub(crate) fn title(&self, measure: &Measure) -> String {
        let shown = |number: usize| crate::figures::show(number as f64);
        if measure.title.contains("1,000,000") {
            return measure.title.replace("1,000,000", &shown(self.behind));
        }
        measure.title.replace("1,000", &shown(self.large))
    }

    fn cell(&mut self, title: &str, subject: &str) -> Option<&mut Cell> {
        let measure = self.measures.iter_mut().find(|measure| measure.title == title)?;
        let index = measure.cells.iter().position(|cell| cell.subject == subject).unwrap_or_else(|| {
            let (runs, cpu_us) = Default::default();
            measure.cells.push(Cell { subject: subject.to_owned(), runs, cpu_us, failed: false });
            measure.cells.len() - 1
        });
        measure.cells.get_mut(index)
    }

    /// Notes a run.
    pub(crate) fn note(&mut self, title: &str, subject: &str, value: f64, cpu_us: Option<f64>) {
        let cost = cpu_us.map(|cpu| format!(", {} µs of the server's processor each", crate::figures::show(cpu)));
        eprintln!("bench: {subject}: {title}: {}{}", crate::figures::show(value), cost.unwrap_or_default());
        if let Some(cell) = self.cell(title, subject) {
            cell.runs.0.push(value);
            cell.cpu_us.0.extend(cpu_us);
        }
    }

    /// Notes that something did not come to an end.
    pub(crate) fn fail(&mut self, title: &str, subject: &str, error: &anyhow::Error) {
        eprintln!("bench: {subject}: {title}: FAILED: {error:#}");
        if let Some(cell) = self.cell(title, subject) {
            cell.failed = true;
        }
    }
}

pub(crate) const INGEST_1_ONE: &str = "Kept and answered, 1 client, one message in flight, 256 B";
pub(crate) const INGEST_1: &str = "Kept and answered, 1 client, 256 B";
pub(crate) const INGEST_1_GROUPS: &str = "Kept and answered, 1 client, 256 B, 64 a signature";
pub(crate) const INGEST_100: [&str; 3] = [
    "Kept and answered, 100 clients, 64 B",
    "Kept and answered, 100 clients, 256 B",
    "Kept and answered, 100 clients, 4 KiB",
];
pub(crate) const INGEST_100_GROUPS: [&str; 3] = [
    "Kept and answered, 100 clients, 64 B, 64 a signature",
    "Kept and answered, 100 clients, 256 B, 64 a signature",
    "Kept and answered, 100 clients, 4 KiB, 64 a signature",
];
pub(crate) const LATENCY_P50: &str = "From one client to another, 256 B, p50";
pub(crate) const LATENCY_P99: &str = "From one client to another, 256 B, p99";
pub(crate) const FAN_OUT: [&str; 3] = [
    "Delivered to 200 clients of one room, 64 B",
    "Delivered to 200 clients of one room, 256 B",
    "Delivered to 200 clients of one room, 4 KiB",
];
pub(crate) const FAN_OUT_GROUPS: &str = "Delivered to 200 clients of one room, 256 B, 64 a signature";
pub(crate) const FAN_OUT_1000: &str = "Delivered to 1,000 clients of one room, 256 B";
pub(crate) const LAST_P50: &str = "From one client to the last of 1,000, 256 B, p50";
pub(crate) const LAST_P99: &str = "From one client to the last of 1,000, 256 B, p99";
pub(crate) const IDLE: &str = "Idle connections";
pub(crate) const CATCH_UP: &str = "A device that joins late, until it holds all";
pub(crate) const CATCH_UP_GROUPS: &str = "A device that joins late, until it holds all, 64 a signature";
pub(crate) const SERVE_UP: &str = "Sent to a client that was away";
pub(crate) const SERVE_UP_GROUPS: &str = "Sent to a client that was away, 64 a signature";
pub(crate) const BACK: &str = "1,000 clients back and caught up after the server was killed";
pub(crate) const BEHIND: &str = "A device joins 1,000,000 entries behind, until it holds all";
pub(crate) const BEHIND_QUIET_P99: &str = "From one client to another in that room before, 256 B, p99";
pub(crate) const BEHIND_P99: &str = "From one client to another meanwhile, 256 B, p99";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tell_the_numbers_of_the_run() {
        let book = Book::new(200, 100_000);
        let titles: Vec<String> = book.measures.iter().map(|measure| book.title(measure)).collect();
        assert!(titles.contains(&"Delivered to 200 clients of one room, 256 B".to_owned()));
        assert!(titles.contains(&"A device joins 100,000 entries behind, until it holds all".to_owned()));
        assert!(titles.iter().all(|title| !title.contains("1,000")));
    }
}
