//! Numbers and how they are told.

/// The value that so many percent are not above. 0 of nothing.
pub(crate) fn percentile(samples: &mut [f64], percent: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    let index = (last as f64 * percent / 100.0).round() as usize;
    samples.get(index).copied().unwrap_or(0.0)
}

/// The results of several runs of one measure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(pub(crate) Vec<f64>);

impl Runs {
    pub(crate) fn median(&self) -> f64 {
        percentile(&mut self.0.clone(), 50.0)
    }

    pub(crate) fn least(&self) -> f64 {
        percentile(&mut self.0.clone(), 0.0)
    }

    pub(crate) fn most(&self) -> f64 {
        percentile(&mut self.0.clone(), 100.0)
    }
}

/// With as many digits as are worth reading.
pub(crate) fn show(value: f64) -> String {
    if value >= 100.0 {
        let digits = format!("{:.0}", value);
        let mut shown = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                shown.push(',');
            }
            shown.push(digit);
        }
        shown
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_to_be_read() {
        assert_eq!(show(1_234_567.8), "1,234,568");
        assert_eq!((show(123.4), show(12.34), show(1.234)), ("123".into(), "12.3".into(), "1.23".into()));
    }

    #[test]
    fn percentiles_are_of_the_samples() {
        let mut samples: Vec<f64> = (0..101).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut samples, 99.0), 99.0);
        assert_eq!(percentile(&mut [], 50.0), 0.0);
    }
}
