//! The stylesheet and the script of the console, which are in the binary.
//!
//! Promise: the name of each changes with its content, so that browsers may keep them for ever and never show an old
//! one.

use std::fmt::Write;

/// Something to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
    end: &'static str,
}

/// How pages look.
pub(crate) const STYLE: Asset =
    Asset { content_type: "text/css; charset=utf-8", text: include_str!("page/style.css"), end: "css" };

/// What pages do beyond links and forms; they work without.
pub(crate) const SCRIPT: Asset = Asset {
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("page/console.js"),
    end: "js",
};

impl Asset {
    /// `console.3f2a….css`, below `/static/`.
    pub(crate) fn name(&self) -> String {
        let hash = self.text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut name = String::new();
        let _ = write!(name, "console.{hash:016x}.{}", self.end);
        name
    }
}

/// The asset with this name.
pub(crate) fn named(name: &str) -> Option<Asset> {
    [STYLE, SCRIPT].into_iter().find(|asset| asset.name() == name)
}
