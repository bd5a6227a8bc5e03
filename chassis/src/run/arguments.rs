//! The few arguments of a service's own binary.
//!
//! Promise: an argument that is not understood is refused, with the usage.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arguments {
    /// Run, or with `check` only say whether the configuration is good.
    Run { config: Option<PathBuf>, check: bool },
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
}

/// What the arguments, without the program's name, ask for; or what is wrong with them.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
    let mut arguments = arguments.into_iter();
    let (mut config, mut check) = (None, false);
    while let Some(argument) = arguments.next() {
        let value = argument.to_str().and_then(|argument| argument.strip_prefix("--config="));
        match (argument.to_str(), value) {
            (Some("--version" | "-V"), _) => return Ok(Arguments::Version),
            (Some("--help" | "-h"), _) => return Ok(Arguments::Help),
            (Some("--check"), _) => check = true,
            (Some("--config"), _) => config = Some(arguments.next().ok_or("--config needs a FILE")?.into()),
            (_, Some(value)) => config = Some(value.into()),
            _ => return Err(format!("unknown argument `{}`", argument.display())),
        }
    }
    Ok(Arguments::Run { config, check })
}

/// How the binary `service` is called.
pub(super) fn usage(service: &str) -> String {
    format!(
        "Usage: {service} [--config FILE] [--check]\n\n\
         --config FILE  the configuration; settings are overridden by AUDITRAIL_<SECTION>__<KEY>\n\
         --check        say whether the configuration is good, and end\n\
         --version      print the version\n\
         --help         print this\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_file_may_follow_the_flag_or_stand_in_it() {
        let wanted = Arguments::Run { config: Some(PathBuf::from("a.yaml")), check: true };
        assert_eq!(parsed(&["--config", "a.yaml", "--check"]), Ok(wanted.clone()));
        assert_eq!(parsed(&["--check", "--config=a.yaml"]), Ok(wanted));
        assert_eq!(parsed(&[]), Ok(Arguments::Run { config: None, check: false }));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(parsed(&["--confg"]), Err("unknown argument `--confg`".to_owned()));
        assert_eq!(parsed(&["--config"]), Err("--config needs a FILE".to_owned()));
        assert_eq!(parsed(&["--version"]), Ok(Arguments::Version));
        assert_eq!(parsed(&["-h"]), Ok(Arguments::Help));
    }
}
