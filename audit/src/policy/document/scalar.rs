//! What YAML 1.1 takes a plain scalar for, as the API server's reader does.
//!
//! Promises: `yes`, `no`, `on`, `off`, `y` and `n` are booleans; integers may be octal (`017`), hexadecimal,
//! binary, and have `_`; what looks like a date stays text; `1:30` is text.

use super::{Key, KeyType, Value, float};

/// The tags with a meaning.
const PREFIX: &str = "tag:yaml.org,2002:";

/// A scalar's meaning, before it is known whether it is a key or a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// In decimal.
    Integer(String),
    /// An integer beyond 64 bits with a sign; a number, but no key.
    Huge(String),
    Float(f64),
    Text(String),
}

/// Resolves a scalar. `tag` is the full tag, empty when there is none; `plain` whether it is written without quotes.
pub(super) fn resolve(tag: &str, plain: bool, text: &str) -> Result<Scalar, String> {
    let wanted = tag.strip_prefix(PREFIX).unwrap_or(tag);
    match wanted {
        "" if plain => Ok(meaning(text)),
        "" | "!" | "str" => Ok(Scalar::Text(text.to_owned())),
        "binary" => binary(text),
        "bool" | "int" | "float" | "null" | "timestamp" => tagged(wanted, text),
        _ => Ok(Scalar::Text(text.to_owned())),
    }
}

fn tagged(wanted: &str, text: &str) -> Result<Scalar, String> {
    let found = meaning(text);
    let (fits, name) = match &found {
        Scalar::Null => (wanted == "null", "null"),
        Scalar::Bool(_) => (wanted == "bool", "bool"),
        Scalar::Integer(_) | Scalar::Huge(_) => (wanted == "int", "int"),
        Scalar::Float(_) => (wanted == "float", "float"),
        Scalar::Text(text) => (wanted == "timestamp" && is_date(text), "str"),
    };
    match found {
        _ if fits => Ok(found),
        Scalar::Integer(digits) if wanted == "float" => {
            Ok(digits.parse().map_or(Scalar::Text(digits), Scalar::Float))
        }
        _ => Err(format!("cannot decode !!{name} `{text}` as a !!{wanted}")),
    }
}

/// The meaning of a plain scalar without a tag.
fn meaning(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => leading_dot(text),
        Some(b'0'..=b'9') if is_date(text) => None,
        Some(b'0'..=b'9' | b'+' | b'-') => number(&text.replace('_', "")),
        _ => None,
    };
    number.unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

/// `.5`, also `.5_0`, which the server's own parser of floats refuses, so it is text.
fn leading_dot(text: &str) -> Option<Scalar> {
    is_float(text).then(|| finite(text)).flatten()
}

fn number(plain: &str) -> Option<Scalar> {
    integer(plain).or_else(|| is_float(plain).then(|| finite(plain)).flatten())
}

/// A float that 64 bits can hold; one beyond them stays text.
fn finite(text: &str) -> Option<Scalar> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Scalar::Float)
}

fn integer(plain: &str) -> Option<Scalar> {
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain),
    };
    let (radix, digits) = radix(digits);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    match u128::from_str_radix(digits, radix) {
        Ok(0) => Some(Scalar::Integer("0".to_owned())),
        Ok(size) if size <= i64::MAX as u128 + u128::from(negative) => {
            Some(Scalar::Integer(format!("{sign}{size}")))
        }
        Ok(size) => Some(Scalar::Huge(format!("{sign}{size}"))),
        // Beyond 128 bits only decimal digits can be kept as they are; any value will do for an unwanted number.
        Err(_) => Some(Scalar::Huge(format!("{sign}{}", digits.trim_start_matches('0')))),
    }
}

/// The base that a prefix names; a leading zero alone means octal.
fn radix(digits: &str) -> (u32, &str) {
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_holds
}

/// Whether text looks enough like a date to be kept as text: `2024-1-2`, or a date and a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
    if bytes.len() < 5 || digits(text) != 4 || bytes[4] != b'-' {
        return false;
    }
    // Anything of this form is no integer and no float, so whether it is a real date does not matter.
    true
}

fn binary(text: &str) -> Result<Scalar, String> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let wrong = || "!!binary value contains invalid base64 data".to_owned();
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let body = digits.strip_suffix(b"==").or_else(|| digits.strip_suffix(b"=")).unwrap_or(&digits);
    if !digits.len().is_multiple_of(4) || body.len() % 4 == 1 {
        return Err(wrong());
    }
    let mut bytes = Vec::new();
    for chunk in body.chunks(4) {
        let mut word = 0u32;
        for (place, byte) in chunk.iter().enumerate() {
            word |= u32::from(sextet(*byte).ok_or_else(wrong)?) << (18 - 6 * place);
        }
        bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Ok(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

impl Scalar {
    /// As a value of the document.
    pub(super) fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(truth) => Value::Bool(truth),
            Scalar::Integer(digits) | Scalar::Huge(digits) => Value::Number(digits),
            Scalar::Float(number) if number.is_finite() => Value::Number(float::as_json(number)),
            Scalar::Float(number) => return Err(format!("json: unsupported value: {}", not_finite(number))),
            Scalar::Text(text) => Value::Text(text),
        })
    }

    /// As a key of a map.
    pub(super) fn into_key(self) -> Result<Key, String> {
        let (text, plain_type) = match self {
            Scalar::Text(text) => (text, KeyType::Text),
            Scalar::Bool(truth) => (truth.to_string(), KeyType::Bool),
            Scalar::Integer(digits) => (digits, KeyType::Number),
            Scalar::Float(number) => (float::as_key(number), KeyType::Number),
            Scalar::Null => return Err("unsupported map key of type: null".to_owned()),
            Scalar::Huge(digits) => {
                return Err(format!("unsupported map key of type: uint64, key: {digits}"));
            }
        };
        Ok(Key { text, plain_type })
    }
}

fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

#[cfg(test)]
mod tests {
    use super::{Scalar, resolve};

    fn plain(text: &str) -> Scalar {
        resolve("", true, text).unwrap()
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for text in ["y", "Yes", "ON", "true"] {
            assert_eq!(plain(text), Scalar::Bool(true), "{text}");
        }
        for text in ["n", "No", "OFF", "False"] {
            assert_eq!(plain(text), Scalar::Bool(false), "{text}");
        }
        for text in ["yES", "oN", "tRUE", "yess"] {
            assert_eq!(plain(text), Scalar::Text(text.to_owned()));
        }
    }

    #[test]
    fn integers_have_bases_and_underscores() {
        for (text, digits) in [
            ("0", "0"),
            ("-0", "0"),
            ("017", "15"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("-0b11", "-3"),
            ("+1_000", "1000"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            assert_eq!(plain(text), Scalar::Integer(digits.to_owned()), "{text}");
        }
        assert_eq!(plain("9223372036854775808"), Scalar::Huge("9223372036854775808".to_owned()));
    }

    #[test]
    fn floats_are_numbers_and_nearly_floats_are_text() {
        for (text, number) in [("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("-1e3", -1000.0), ("089", 89.0)] {
            assert_eq!(plain(text), Scalar::Float(number), "{text}");
        }
        for text in
            ["1e", "1:30", "2024-01-01", "2024-1-2T3:4:5Z", "1.2.3", "-", "+", "0x", "1e999", "v1", "<<"]
        {
            assert_eq!(plain(text), Scalar::Text(text.to_owned()));
        }
    }

    #[test]
    fn quotes_make_text_and_tags_make_what_they_say() {
        assert_eq!(resolve("", false, "yes"), Ok(Scalar::Text("yes".to_owned())));
        assert_eq!(resolve("tag:yaml.org,2002:str", true, "1"), Ok(Scalar::Text("1".to_owned())));
        assert_eq!(resolve("tag:yaml.org,2002:int", false, "1"), Ok(Scalar::Integer("1".to_owned())));
        assert_eq!(resolve("tag:yaml.org,2002:float", true, "1"), Ok(Scalar::Float(1.0)));
        assert_eq!(resolve("tag:yaml.org,2002:binary", true, "aGk="), Ok(Scalar::Text("hi".to_owned())));
        assert_eq!(resolve("!foo", true, "yes"), Ok(Scalar::Text("yes".to_owned())));
        assert!(resolve("tag:yaml.org,2002:int", true, "x").unwrap_err().contains("as a !!int"));
        assert!(resolve("tag:yaml.org,2002:binary", true, "a").is_err());
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        assert!(plain(".nan").into_value().is_err());
        assert!(plain("~").into_key().is_err());
    }
}
