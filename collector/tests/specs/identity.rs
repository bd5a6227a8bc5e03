//! Which file is which: by name in the file system, by its first bytes, and by those before the reading position.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::next::Next;
use crate::world::{World, append, event, events, expected, gzip};

/// A first line that is longer than the prefix that is hashed.
fn header() -> String {
    format!("{{\"kind\":\"Event\",\"padding\":\"{}\"}}\n", "p".repeat(6000))
}

/// logrotate with `copytruncate`: numbers go up, the log is copied and cut to nothing.
fn copytruncate(world: &World, keep: u32) {
    let numbered = |number: u32| world.path(&format!("audit.log.{number}"));
    for number in (1..keep).rev() {
        let _ = std::fs::rename(numbered(number), numbered(number + 1));
    }
    std::fs::copy(world.log(), numbered(1)).unwrap();
    truncate(&world.log());
}

fn truncate(path: &Path) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_equal_beginnings_are_told_apart() {
    let world = World::new(Next::takes_all());
    world.append(header() + &events(0..10));
    let running = world.run().await;
    world.next.until_count(11).await;
    let first = world.rotate(1);
    world.append(header() + &events(10..30));
    world.next.until_count(32).await;
    running.stop().await;
    let second = world.rotate(2);
    std::fs::remove_file(first).unwrap();
    gzip(&second);
    world.append(header() + &events(30..35));
    let status = world.catch_up(38).await;
    assert_eq!(world.next.count(), 38, "nothing is read twice");
    assert_eq!(numbered(&world), expected(0..35));
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_anew_under_the_same_inode_is_read_from_its_start() {
    let world = World::new(Next::takes_all());
    world.append(header() + &events(0..10));
    world.catch_up(11).await;
    // as an inode that is given again: same name in the file system, same beginning, larger, other content
    std::fs::write(world.log(), header() + &events(100..130)).unwrap();
    world.catch_up(42).await;
    assert_eq!(numbered(&world), expected((0..10).chain(100..130)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_that_grew_beyond_the_old_position_is_read_from_its_start() {
    let world = World::new(Next::takes_all());
    world.append(header() + &events(0..5));
    let running = world.run().await;
    world.next.until_count(6).await;
    let longer = header() + &events(50..90);
    // at once, so that no look falls between
    let file = OpenOptions::new().write(true).truncate(true).open(world.log()).unwrap();
    std::io::Write::write_all(&mut &file, longer.as_bytes()).unwrap();
    world.next.until_count(47).await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(numbered(&world), expected((0..5).chain(50..90)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_copytruncate_copied_away_is_read_from_the_copy_and_once() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    for round in 1..5_u32 {
        world.append(events(round * 10..round * 10 + 10));
        copytruncate(&world, 9); // perhaps before these lines were read
        world.next.until_count(u64::from(round) * 10 + 10).await;
    }
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..50));
    assert_eq!(world.next.count(), 50);
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_were_made_while_the_collector_was_down_are_found_by_their_content() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    world.append(events(10..20));
    copytruncate(&world, 9);
    world.append(events(20..30));
    copytruncate(&world, 9);
    gzip(&world.path("audit.log.2"));
    world.append(events(30..40));
    let status = world.catch_up(40).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..40));
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_under_a_strange_name_is_found_by_its_content_too() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    world.append(events(10..20));
    std::fs::copy(world.log(), world.path("before-the-incident")).unwrap();
    truncate(&world.log());
    world.append(events(20..30));
    let status = world.catch_up(30).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..30));
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_has_less_than_was_read_is_not_read_again() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    let mut read = 10;
    for round in 1..4 {
        std::fs::copy(world.log(), world.path("audit.log.1")).unwrap();
        // written between the copy and the truncation: only who follows the log has it
        world.append(events(round * 10..round * 10 + 5));
        read += 5;
        world.next.until_count(read).await;
        truncate(&world.log());
        if round == 2 {
            gzip(&world.path("audit.log.1"));
        }
        world.append(events(round * 10 + 5..round * 10 + 10));
        read += 5;
        world.next.until_count(read).await;
        let _ = std::fs::rename(world.path("audit.log.1"), world.path(&format!("audit.log.{}", 9 - round)));
        let _ = std::fs::rename(world.path("audit.log.1.gz"), world.path("audit.log.7.gz"));
    }
    running.stop().await;
    let running = world.run().await;
    world.append(event(40) + "\n");
    world.next.until_count(41).await;
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..41));
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_beside_the_file_that_it_was_made_of_is_not_read() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    std::fs::copy(world.log(), world.path("audit.log.1")).unwrap(); // the truncation does not come
    world.append(events(10..20));
    world.next.until_count(20).await;
    running.stop().await;
    let running = world.run().await;
    world.append(events(20..21));
    world.next.until_count(21).await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.count(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_of_a_writer_that_keeps_its_offset_are_counted_each_time_and_lose_nothing() {
    let world = World::new(Next::takes_all());
    let file = File::create(world.log()).unwrap(); // not in append mode: it goes on at its own offset
    let write = |text: String| std::io::Write::write_all(&mut &file, text.as_bytes()).unwrap();
    let running = world.run().await;
    let mut hole = 0;
    for round in 0..4_u32 {
        write(events(round * 10..round * 10 + 10));
        world.next.until_count(u64::from(round) * 10 + 10).await;
        running.until("all read", |status| status.sources[0].lag_bytes == 0).await;
        if round < 3 {
            hole += std::fs::metadata(world.log()).unwrap().len();
            copytruncate(&world, 9);
        }
    }
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..40));
    let nul = status.sources[0].filtered.iter().find(|filtered| filtered.name == "nul").unwrap();
    assert_eq!(nul.count.unwrap().bytes, hole);
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logrotates_numbers_are_caught_up_in_their_order() {
    let world = World::new(Next::takes_all());
    for (number, first) in [(10, 0), (9, 10), (2, 20), (1, 30)] {
        append(&world.path(&format!("audit.log.{number}")), events(first..first + 10));
    }
    gzip(&world.path("audit.log.10"));
    gzip(&world.path("audit.log.2"));
    world.append(events(40..50));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..50));
    assert_eq!(world.next.count(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_after_it_was_gone_is_not_read_again() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    let old = world.rotate(1);
    world.append(events(10..20));
    world.next.until_count(20).await;
    let kept = std::fs::read(&old).unwrap();
    std::fs::remove_file(&old).unwrap();
    running.until("it is gone", |status| status.sources[0].files.len() == 1).await;
    std::fs::write(&old, kept).unwrap(); // restored: another inode, the same content
    running.until("it is back", |status| status.sources[0].files.len() == 2).await;
    world.append(events(20..21));
    world.next.until_count(21).await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.count(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_file_in_the_making_is_waited_for_when_the_plain_one_is_gone() {
    let world = World::new(Next::takes_all());
    world.append(header() + &events(0..200));
    world.catch_up(201).await;
    let old = world.rotate(1);
    append(&old, events(200..210));
    gzip(&old);
    let packed = world.path("audit-2026-11-23T06-10-01.938.log.gz");
    let whole = std::fs::read(&packed).unwrap();
    std::fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
    world.append(events(210..211));
    let running = world.run().await;
    world.next.until_count(202).await;
    std::fs::write(&packed, &whole).unwrap();
    world.next.until_count(212).await;
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.count(), 212);
    assert_eq!(status.problems, [""; 0]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_path_through_links_is_followed_when_the_link_is_turned() {
    let mut world = World::new(Next::takes_all());
    for name in ["..one", "..two"] {
        std::fs::create_dir(world.path(name)).unwrap();
    }
    let (one, two) = (world.path("..one").join("audit.log"), world.path("..two").join("audit.log"));
    append(&one, events(0..5));
    let link = world.path("..data");
    std::os::unix::fs::symlink("..one", &link).unwrap();
    world.config.logs = vec![chassis::datadog::LogsEntry::audit_log(link.join("audit.log"))];
    let running = world.run().await;
    world.next.until_count(5).await;
    append(&two, events(5..10));
    std::os::unix::fs::symlink("..two", world.path("..turned")).unwrap();
    std::fs::rename(world.path("..turned"), &link).unwrap();
    world.next.until_count(10).await;
    append(&two, event(10) + "\n");
    world.next.until_count(11).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&link.join("audit.log")), expected(0..11));
}

/// The texts that arrived, without headers.
fn numbered(world: &World) -> Vec<String> {
    let texts = world.next.text_of(&world.log());
    texts.into_iter().filter(|text| !text.contains("padding")).collect()
}
