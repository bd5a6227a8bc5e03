//! The page that asks for the token.
//!
//! Promise: where it leads to comes back as text only.

use std::fmt::Write;

use crate::escape::Escaped;

use super::page;

/// The form; `to` is where to go on, `wrong` is whether another token was tried.
pub(crate) fn form(to: &str, wrong: bool) -> String {
    page("/login", "Sign in", |page| {
        page.write_str("<section class=\"login\"><h2>Sign in</h2>")?;
        if wrong {
            page.write_str("<p class=\"bad\">That is not the token.</p>")?;
        }
        write!(
            page,
            "<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"to\" value=\"{}\">\
             <label>token <input type=\"password\" name=\"token\" autocomplete=\"current-password\" autofocus required>\
             </label> <button>sign in</button></form><p class=\"soft\">It is in the file that <code>insight.token_file\
             </code> names. Until the browser is closed, a cookie stands for it.</p></section>",
            Escaped(to)
        )
    })
}

/// For who is in already.
pub(crate) fn signed_in() -> String {
    page("/login", "Signed in", |page| {
        page.write_str(
            "<section class=\"login\"><h2>Signed in</h2><form method=\"post\" action=\"/logout\"><button>sign out</button>\
             </form></section>",
        )
    })
}
