//! How large things may be on the wire: named here once, used wherever a message is sent or received.

/// Longest line that passes, in bytes.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Longest decoded block: one line of the greatest length and its newline, or many short ones.
pub const MAX_BLOCK_BYTES: usize = MAX_LINE_BYTES + 1;

/// Longest message: a block that compression could not shrink, and the fields around it. tonic's own
/// default, 4 MiB, would refuse a long line for ever.
pub const MAX_MESSAGE_BYTES: usize = MAX_BLOCK_BYTES + (4 << 20);
