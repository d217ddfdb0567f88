// Ending functions that block from within: for hosts whose signal handlers run only between calls.
#pragma once

namespace oast {

/// Functions of this library that wait for an answer on this thread call `check` every 50 ms
/// meanwhile; once it gives true they throw Error(interrupted) at once. nullptr, as in the
/// beginning: they wait to the end. Does not block.
///
/// What such a function had asked for: a start is taken back and leaves no kernel; what blocks for
/// a request (remote_eval_fetch, worker_channel, complete, ...) cancels it; all else, such as a
/// stop, goes on unseen and may be asked again. A future is left alone.
void set_interrupt_check(bool (*check)());

}  // namespace oast
