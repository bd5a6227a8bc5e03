//! Defects around offsets that are counted wrongly.

use tests::dice::Dice;

use super::World;

/// DataDog/datadog-agent#6306: blank lines were not counted, so that offsets were too small.
#[tokio::test(flavor = "multi_thread")]
async fn blank_lines_count_in_offsets() {
    let mut world = World::new(4).await;
    world.collector.start();
    for _ in 0..3 {
        for blank in [&b"\n"[..], b"\r\n", b" \t\n", b"\n"] {
            world.server.write_raw(blank);
            world.wrote_another();
        }
        world.write(20);
        let source = world.settled().await;
        let size = std::fs::metadata(world.path("audit.log")).unwrap().len();
        assert_eq!((source.files[0].offset, source.last), (size, world.last));
        world.restart();
    }
    world.settled().await;
    world.assert_each_once();
}

/// DataDog/datadog-agent#41247: an offset was one byte short, so that a restart began within a line.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_exact_whatever_lines_are_like() {
    let mut world = World::new(4).await;
    world.collector.start();
    let mut dice = Dice::new(41247);
    for _ in 0..6 {
        for _ in 0..40 {
            mixed(&mut world, &mut dice);
        }
        let whole = std::fs::metadata(world.path("audit.log")).unwrap().len();
        let next = world.lines.line(world.last + 1);
        let half = dice.below(next.len() as u64 + 1) as usize;
        world.server.write_raw(&next[..half]);
        let source = world.settled().await;
        assert_eq!((source.files[0].offset, source.last), (whole, world.last));
        world.restart();
        world.server.write_raw(&[&next[half..], b"\n"].concat());
        world.last += 1;
    }
    world.settled().await;
    world.assert_each_once();
}

/// A line of some kind.
fn mixed(world: &mut World, dice: &mut Dice) {
    match dice.below(8) {
        0 => world.server.write(b"\xff\xfe no event \x00\x00"),
        1 => world.server.write_raw(b"\r\n"),
        2 => world.server.write(b"{\"kind\":\"Event\",}"),
        3 => {
            let line = world.lines.line(world.last + 1);
            world.server.write_raw(&[&line[..], b"\r\n"].concat());
            world.last += 1;
            return;
        }
        4 => {
            let line = world.lines.line(world.last + 1);
            let nuls = vec![0; dice.below(40) as usize];
            world.server.write(&[&nuls[..], &line[..]].concat());
            world.last += 1;
            return;
        }
        5 => world.server.write(&vec![b'y'; (3 << 20) + dice.below(4) as usize - 1]),
        _ => return world.write(1),
    }
    world.wrote_another();
}
