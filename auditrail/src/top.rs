//! `top`: rates, lag and spools of the services, live.
//!
//! Promises: the terminal is as it was when it ends, however it ends; where there is no terminal, that is said and
//! nothing is drawn; a service that does not answer is named.

mod frame;

use std::io::{IsTerminal, Write, stdin, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, queue, style, terminal};

use crate::cli::Status;
use crate::exit::Failure;
use crate::shippers::Where;
use crate::{say, status};
use frame::{Frame, Look};

/// `auditrail top`.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    /// How often the services are asked.
    #[arg(long, value_name = "TIME", default_value = "2s")]
    interval: chassis::Span,
    #[command(flatten)]
    place: Where,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Pause,
    Draw,
}

/// Until `q`.
///
/// # Errors
/// When there is no terminal, or it cannot be drawn on.
pub(crate) fn top(arguments: &Top) -> Result<ExitCode, Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        let why = "top draws on a terminal, and this is none: `status --watch` and `status --watch --json` go anywhere";
        return Err(Failure::usage(anyhow!(why)));
    }
    let Where { address, config, data, credentials } = arguments.place.clone();
    let asking = Status { json: false, watch: false, address, config, data, credentials };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let calling = status::caller(&asking)?;
    let places = status::addresses(&asking, calling.scheme())?;
    let screen = Screen::open()?;
    let shown = live(arguments.interval.duration().max(Duration::from_millis(200)), || {
        let found = runtime.block_on(status::ask_all(&calling, &places));
        Look { at: Instant::now(), services: found.services, silent: found.silent }
    });
    drop(screen);
    say::unless_enough(shown)?;
    Ok(ExitCode::SUCCESS)
}

/// Draws what `look` finds, again and again, until somebody wants an end.
fn live(interval: Duration, mut look: impl FnMut() -> Look) -> anyhow::Result<()> {
    let mut frame = Frame::new(look());
    loop {
        draw(&frame)?;
        let next = Instant::now() + interval;
        while Instant::now() < next {
            match wish(next.saturating_duration_since(Instant::now()))? {
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Pause) => frame.paused = !frame.paused,
                Some(Wish::Draw) => {}
                None => continue,
            }
            draw(&frame)?;
        }
        if !frame.paused {
            frame.take(look());
        }
    }
}

/// What is asked for within this time.
fn wish(within: Duration) -> anyhow::Result<Option<Wish>> {
    if !event::poll(within)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        Event::Resize(..) => Some(Wish::Draw),
        _ => None,
    })
}

fn of_key(key: KeyEvent) -> Option<Wish> {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        KeyCode::Char('p') | KeyCode::Char(' ') => Some(Wish::Pause),
        _ => None,
    }
}

fn draw(frame: &Frame) -> anyhow::Result<()> {
    let (width, height) = terminal::size()?;
    let mut out = stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for (row, line) in frame.lines(width.into(), height.into()).iter().enumerate() {
        let row = u16::try_from(row).unwrap_or(height);
        queue!(
            out,
            cursor::MoveTo(0, row),
            style::Print(line),
            terminal::Clear(terminal::ClearType::UntilNewLine)
        )?;
    }
    queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
    Ok(out.flush()?)
}

/// A terminal of our own, given back at the end.
struct Screen;

impl Screen {
    fn open() -> anyhow::Result<Screen> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        queue!(stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = queue!(stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = stdout().flush();
        let _ = terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_ends_and_p_pauses() {
        let of = |code, modifiers| of_key(KeyEvent::new(code, modifiers));
        assert_eq!(of(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Quit));
        assert_eq!(of(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
        assert_eq!(of(KeyCode::Char('p'), KeyModifiers::NONE), Some(Wish::Pause));
        assert_eq!(of(KeyCode::Char('c'), KeyModifiers::NONE), None);
    }
}
