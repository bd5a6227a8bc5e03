//! Globs over text that is no path.
//!
//! Promise: `*` stands for any text, `/` included, and `?` for one character; matching takes linear time.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Several globs, compiled into one.
#[derive(Debug, Clone)]
pub(super) struct Globs(GlobSet);

impl Globs {
    /// Compiles the globs; the error names the one that is wrong.
    pub(super) fn compile(globs: &[String]) -> Result<Globs, String> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(
                GlobBuilder::new(glob).literal_separator(false).build().map_err(|error| error.to_string())?,
            );
        }
        set.build().map(Globs).map_err(|error| error.to_string())
    }

    pub(super) fn match_any(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Globs;

    #[test]
    fn a_star_covers_slashes_too() {
        let globs = Globs::compile(&["kubectl/*".to_owned(), "*bot?".to_owned()]).unwrap();
        assert!(globs.match_any("kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0"));
        assert!(globs.match_any("robots"));
        assert!(!globs.match_any("curl/8"));
        assert!(Globs::compile(&["[".to_owned()]).is_err());
    }
}
