//! Floating point numbers as JSON and as map keys, written as the server's reader writes them.

/// A number as JSON writes it: no exponent between 1e-6 and 1e21.
pub(super) fn as_json(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{number}")
}

/// A number as a map key: with 32 bits of precision, and an exponent when that is shorter.
pub(super) fn as_key(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    let short = number as f32;
    let scientific = format!("{short:e}");
    let exponent: i32 =
        scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    if (-4..21).contains(&exponent) || short == 0.0 {
        return format!("{short}");
    }
    let digits = scientific.split_once('e').map_or("", |(digits, _)| digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::{as_json, as_key};

    #[test]
    fn numbers_are_written_as_the_server_writes_them() {
        assert_eq!(as_json(1.5), "1.5");
        assert_eq!(as_json(1e21), "1e+21");
        assert_eq!(as_json(1e-7), "1e-7");
        assert_eq!(as_json(3.0), "3");
        assert_eq!(as_key(1.5), "1.5");
        assert_eq!(as_key(1e30), "1e+30");
        assert_eq!(as_key(f64::NAN), ".nan");
    }
}
