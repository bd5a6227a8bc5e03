//! What a process has used, as /proc tells: nothing is known on systems without it.

/// User and system time, in seconds; a clock tick is 10 ms on every Linux that we know.
#[must_use]
pub fn processor_seconds(process: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    (ticks > 0).then_some(ticks as f64 / 100.0)
}

/// Its greatest resident memory so far, in bytes.
#[must_use]
pub fn greatest_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Bytes that it read from files, whether the disk or a cache gave them.
#[must_use]
pub fn read_bytes(process: u32) -> Option<u64> {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

/// How often its threads were put to sleep and woken so far.
#[must_use]
pub fn switches(process: u32) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let of = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    Some(
        tasks
            .flatten()
            .filter_map(|task| of(std::fs::read_to_string(task.path().join("status")).ok()?))
            .sum(),
    )
}
