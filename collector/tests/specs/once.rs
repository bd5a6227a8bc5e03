//! Reading once: everything that is there, then the end.

use collector::OnceError;

use crate::next::{Next, busy};
use crate::world::{World, append, event, events, expected, gzip, zstd};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_there_arrives_oldest_sibling_first() {
    let world = World::new(Next::takes_all());
    for round in 0..4 {
        world.append(events(round * 10..round * 10 + 10));
        let rotated = world.rotate(round);
        match round {
            0 => gzip(&rotated),
            1 => zstd(&rotated),
            _ => {}
        }
    }
    world.append(events(40..50));
    let once = world.run_once().await.unwrap();
    assert!(once.half_lines.is_empty());
    assert_eq!(world.next.count(), 50);
    assert_eq!(world.next.text_of(&world.log()), expected(0..50));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 50, "the second time there is nothing new");
    world.append(events(50..51));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..51));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_its_newline_is_not_read_and_is_named() {
    let world = World::new(Next::takes_all());
    world.append(events(0..2));
    world.append(event(2));
    let once = world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..2));
    assert_eq!(once.half_lines.len(), 1);
    let text = once.half_lines[0].to_string();
    assert!(text.contains("audit.log") && text.contains("no newline"), "{text}");
    world.append("\n");
    assert!(world.run_once().await.unwrap().half_lines.is_empty());
    assert_eq!(world.next.text_of(&world.log()), expected(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_does_not_exist_is_an_error_before_anything_is_read() {
    let mut world = World::new(Next::takes_all());
    world.append(events(0..2));
    world.config.logs.push(chassis::datadog::LogsEntry::audit_log(world.path("nowhere.log")));
    let error = world.run_once().await.unwrap_err();
    assert!(matches!(&error, OnceError::Missing(paths) if paths.len() == 1), "{error}");
    assert!(error.to_string().contains("nowhere.log"));
    assert_eq!(world.next.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_what_has_no_receipt_for_the_next_start() {
    let world = World::new(Next::answers(busy));
    world.append(events(0..20));
    let collector = world.open().await;
    let stop = chassis::Stop::new();
    let (asked, refusing) = (stop.clone(), stop.clone());
    world.next.answers_now(move |_| {
        refusing.request();
        Err(proto::Refusal::Busy { why: "never".into() })
    });
    let error = collector.run_once(asked).await.unwrap_err();
    assert!(matches!(error, OnceError::Stopped { queued: 20 }), "{error}");
    tokio::task::spawn_blocking(move || drop(collector)).await.unwrap();
    world.next.answers_now(|_| Ok(()));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..20));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_is_read_at_once() {
    let world = World::new(Next::takes_all());
    world.append("");
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_nowhere_beside_the_log_holds_up_nothing() {
    let world = World::new(Next::takes_all());
    std::os::unix::fs::symlink("nowhere", world.rotated(1)).unwrap();
    world.append(events(0..10));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 10);
    world.append(events(10..20));
    world.rotate(2);
    world.append(events(20..30));
    world.catch_up(30).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_sibling_that_is_cut_off_is_no_success() {
    for (keep, least) in [(0.5, 11), (0.0, 0)] {
        let world = World::new(Next::takes_all());
        world.append(events(0..2000));
        let old = world.rotate(1);
        gzip(&old);
        let packed = world.path("audit-2026-11-23T06-10-01.938.log.gz");
        let whole = std::fs::read(&packed).unwrap();
        std::fs::write(&packed, &whole[..(whole.len() as f64 * keep) as usize + 12]).unwrap();
        append(&world.log(), events(2000..2010));
        let error = world.run_once().await.unwrap_err();
        assert!(error.to_string().contains(&format!("{} is cut off", packed.display())), "{error}");
        assert!(world.next.count() >= least, "what can be read is");
        world.run_once().await.unwrap_err();
        std::fs::write(&packed, &whole).unwrap();
        world.run_once().await.unwrap();
        assert_eq!(world.next.count(), 2010);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_is_no_success_though_something_empty_may_become_it() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    world.append(events(10..20));
    std::fs::rename(world.rotate(1), world.queue_dir().join("aside")).unwrap();
    std::fs::write(world.path("audit-2026-11-23T06-10-09.938.log.gz"), "").unwrap();
    world.append(events(20..30));
    let error = world.run_once().await.unwrap_err();
    assert!(matches!(&error, OnceError::Unread(_)), "{error}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_at_the_start_leaves_nothing_out() {
    for round in 0..10 {
        let world = World::new(Next::takes_all());
        world.append(events(0..5));
        std::fs::rename(world.log(), world.path("audit.log.1")).unwrap();
        world.append(events(5..10));
        let names = [1, 2].map(|number| world.path(&format!("audit.log.{number}")));
        let rotating = std::thread::spawn(move || {
            for turn in 0..2000 {
                std::fs::rename(&names[turn % 2], &names[(turn + 1) % 2]).unwrap();
            }
        });
        world.run_once().await.unwrap();
        rotating.join().unwrap();
        assert_eq!(world.next.text_of(&world.log()), expected(0..10), "{round}");
    }
}
