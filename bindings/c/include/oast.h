/* The host library as a C library: starts kernels and evaluates code in them. C99.
 *
 *     oast_worker* w;
 *     oast_future* f;
 *     oast_value v;
 *     if (oast_worker_start("lua", NULL, &w) != OAST_OK) return complain(oast_error());
 *     if (oast_remote_eval_fetch(w, "1 + 1", &f, &v) == OAST_OK) {
 *       printf("%lld\n", (long long)v.nodes[0].integer);
 *       oast_future_free(f);
 *     }
 *     oast_worker_free(w);
 *
 * Values are arrays of nodes, see oast_value.h. The C++ library (oast/oast.hpp) is what stands
 * behind this one; both know the same brokers and kernels.
 *
 * Errors: functions return a status. After anything but OAST_OK, oast_error says more, and what the
 * function would have given through its pointers is not touched. NULL for a handle or for a pointer
 * that a function needs is OAST_INVALID.
 *
 * Threads: every function may be called on any thread, and many may use one handle, but not while
 * it is freed. Functions that block say so, and must not be called in a callback.
 *
 * Ownership: a handle (oast_worker, ...) is the caller's, to be freed once; freeing NULL does
 * nothing. Other things that a function hands out by pointer are valid until the same function is
 * called again on the same thread, unless it says otherwise. What the caller passes is read before
 * the function returns, except memory that was lent with a release callback.
 *
 * Options: structs begin with `size`, to be set to their sizeof; all else may be 0. A NULL instead
 * counts as all 0. So a program goes on working with a newer library.
 *
 * fork: a child must not call any function of this library, nor free anything of it.
 */
#ifndef OAST_H
#define OAST_H

#include "oast_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when functions or fields are added; the library's file name changes when one is removed. */
#define OAST_ABI 3
#define OAST_API __attribute__((visibility("default")))

typedef struct oast_broker oast_broker;   /* a connection to a broker, embedded or a daemon */
typedef struct oast_worker oast_worker;   /* a kernel as an object */
typedef struct oast_future oast_future;   /* an answer under way, or here */
typedef struct oast_channel oast_channel; /* a bounded queue of values that lives in a worker */
typedef struct oast_watch oast_watch;     /* news of kernels */
typedef struct oast_queue oast_queue;     /* numbers of what has happened */
typedef struct oast_log oast_log;         /* a reader of what a kernel has said */
typedef struct oast_hold oast_hold;       /* an output that is not dealt with yet */

/* The OAST_ABI that the library was built with. Does not block. */
OAST_API uint32_t oast_abi(void);

/* Why the last call on this thread that did not return OAST_OK did not; its texts are terminated.
 * Valid until the next such call on this thread. NULL when there was none. Does not block. */
OAST_API const oast_failure* oast_error(void);

/* "remote_exception", "kernel_died", ...; "ok". Does not block. */
OAST_API const char* oast_status_name(uint32_t status);

/* ---- Ctrl-C, for languages whose signal handlers run only between calls ---- */

/* Functions that wait for an answer on this thread call `interrupted` every 50 ms meanwhile; once
 * it gives another number than 0 they end at once: with OAST_INTERRUPTED those that give a status,
 * early those that free. NULL, as in the beginning: they wait to the end.
 *
 * What such a function had asked for: a start is taken back and leaves no kernel; what blocks for a
 * request or a channel (oast_fetch, oast_worker_channel, oast_complete, ...) cancels it; all else,
 * such as a stop, goes on unseen and may be asked again. A future is left alone. Does not block. */
OAST_API void oast_set_interrupt_check(int (*interrupted)(void));
/* 1 when a function of this thread ended so since this was called last. Does not block. */
OAST_API int oast_was_interrupted(void);

/* ---- Callbacks ---- */

/* Something that a request printed or showed, or took back. Valid during the callback. */
typedef struct oast_output {
  uint32_t stream; /* oast_stream */
  int32_t update;  /* of a display: 1 when it replaces what was shown under display_id */
  int32_t wait;    /* of a clear: 1 when only the next output shall clear */
  int32_t is_utf8; /* of stdout and stderr: 0 when `text` is bytes of another kind */
  oast_text text;  /* of stdout and stderr: what was written, byte for byte */
  const oast_mime_part* parts; /* of a display */
  size_t parts_count;
  const char* display_id; /* of a display: its name for later updates; may be "" */
  int32_t result;         /* of a display: 1 when it is the value that the request ended with */
} oast_output;

/* Takes output, in order. Called on the thread that receives, which may be any thread that waits
 * for an answer of the same broker: it must not block, nor take a lock that a waiting thread holds,
 * nor call a function that blocks. None runs after its worker was freed, nor after the function
 * that blocked for its request has returned.
 *
 * An output is dealt with when the callback has returned. A kernel may send 4 MiB that are not;
 * then the code that prints waits. */
typedef void (*oast_on_output)(void* context, const oast_output* output);

/* For callbacks that only queue output: the one that this thread's callback is called with is not
 * dealt with before this is released, which keeps that queue short. To be released once, on any
 * thread, NULL too. NULL outside of callbacks, for a worker in this process, and without memory. Do
 * not block. */
OAST_API oast_hold* oast_output_hold(void);
OAST_API void oast_hold_release(oast_hold* hold);

/* Answers code that asks for a line, or for bytes of its standard input: by oast_line_set or
 * oast_line_set_bytes, before it returns; otherwise the code sees end of input. Called on a thread
 * of its own; may block, also longer than the worker lives. */
typedef struct oast_line oast_line;
typedef void (*oast_on_input)(void* context, oast_text prompt, int password, oast_line* line);
/* How many bytes are asked for at most; 0: a line. Only in that callback, on its thread. */
OAST_API size_t oast_line_bytes(const oast_line* line);
/* `text`: a line without its newline, which code that reads bytes gets behind it; copied. Only in
 * that callback, on its thread. Does not block. */
OAST_API void oast_line_set(oast_line* line, oast_text text);
/* The bytes as they are, of which there is one at least; copied. The same. */
OAST_API void oast_line_set_bytes(oast_line* line, oast_text bytes);

/* What a worker or a request calls. Both functions get `context`. When neither will be called any
 * more, `release(context)` is, unless it is NULL; also when the function that was given this fails.
 */
typedef struct oast_callbacks {
  oast_on_output on_output;
  oast_on_input on_input;
  void* context;
  oast_release release;
} oast_callbacks;

/* ---- Kernels as their broker sees them ---- */

typedef enum oast_state {
  OAST_STARTING = 0,
  OAST_IDLE = 1,
  OAST_BUSY = 2,
  OAST_UNRESPONSIVE = 3,
  OAST_STOPPING = 4,
  OAST_DEAD = 5
} oast_state;

typedef struct oast_kernel_info {
  uint64_t id;
  const char* name;
  const char* spec;
  uint32_t state; /* oast_state */
  int32_t pid;
  uint64_t owner; /* peer id; 0: none */
  int32_t detached;
  uint32_t queued;       /* requests not begun, at the broker or in the kernel */
  uint64_t request;      /* that runs now; 0 when idle */
  uint64_t request_host; /* whose it is, a peer id: requests are numbered by each host */
  uint64_t request_ms;   /* how long it has run */
  uint64_t rss_bytes;
  uint64_t age_ms;
  double cpu_seconds;      /* user and system time */
  double heartbeat_ms;     /* round trip of the last heartbeat; -1: none yet */
  const oast_death* death; /* when the state is OAST_DEAD, else NULL */
  uint64_t held_by;        /* the host whose reading holds its output back; 0: nobody's does */
  uint64_t held_ms;        /* for how long */
  uint64_t unacknowledged_bytes; /* that it sent, and its hosts have not done with */
  uint64_t log_first;            /* the oldest record of its log; 0: there is none */
  uint64_t log_last;
  uint64_t log_bytes;
  const char* log_problem; /* why the log is not written to its disk; "": it can be */
  uint64_t successor;      /* the kernel that was started in its place; 0: none was */
  uint32_t restarts;       /* kernels that came before it */
} oast_kernel_info;

/* A recipe for starting kernels. */
typedef struct oast_spec_info {
  const char* name;
  const char* language;
  const char* display_name;
  const char* const* argv;
  size_t argv_count;
  const char* problem;         /* why it cannot start, as far as known; "": it seems that it can */
  const char* const* features; /* what its kernels can do: "complete", "native:pickle5" */
  size_t features_count;
} oast_spec_info;

/* ---- Brokers ---- */

typedef struct oast_variable {
  const char* name;
  const char* value;
} oast_variable;

/* A spec of an embedded broker. */
typedef struct oast_spec {
  const char* name;
  const char* language;     /* NULL: "" */
  const char* display_name; /* NULL: "" */
  const char* const* argv;  /* argv[0]: an absolute path, or found in PATH */
  size_t argv_count;
  const oast_variable* env; /* all the environment there is */
  size_t env_count;
  const char* cwd; /* NULL: "/" */
} oast_spec;

typedef struct oast_embedded_options {
  size_t size;
  const oast_spec* specs; /* added to the built-in ones, which they may replace */
  size_t specs_count;
  uint32_t heartbeat_ms;     /* 0: 1000 */
  uint32_t heartbeat_misses; /* 0: 5 */
  uint32_t start_timeout_ms; /* for kernels to register; 0: 30000 */
} oast_embedded_options;

/* A broker of its own, on a thread of this process. Blocks while it starts. Raises the process's
 * soft limit on descriptors (RLIMIT_NOFILE) to the hard one, at most to 131,072, as each kernel
 * takes five; kernels do not inherit it. OAST_OVERLOADED when fewer than 24 are left. */
OAST_API oast_status oast_broker_embedded(const oast_embedded_options* options,
                                          oast_broker** broker);
/* The embedded broker that all workers of the process share unless told otherwise: made when asked
 * for first, ended with its last handle. Blocks while it starts. */
OAST_API oast_status oast_broker_default(oast_broker** broker);

typedef struct oast_connect_options {
  size_t size;
  const char* name;    /* of this host, for people; NULL: "" */
  const char* token;   /* shown instead of that in the broker's directory; a kernel that is a host,
                          too, has got one */
  uint32_t timeout_ms; /* for the handshake; 0: 5000 */
  const char* session; /* a name by which this host can come back: when its connection is gone it
                          does so by itself, and a later process that names it has its kernels and
                          gets what was said since; whoever names it last has it. NULL: what it
                          started ends with its connection */
  uint64_t session_timeout_ms; /* how long its kernels and its answers wait for it; 0: a day */
} oast_connect_options;

/* The daemon that lives in a directory, or, given a name without a slash, in $XDG_RUNTIME_DIR/oast
 * or /tmp/oast-UID; NULL or "": "default". Blocks, at most options.timeout_ms. OAST_NOT_FOUND when
 * no broker lives there, OAST_PERMISSION_DENIED when the token or the session's secret cannot be
 * read or is refused, OAST_INVALID for the name of a session, OAST_INCOMPATIBLE, OAST_DISCONNECTED
 * when it does not answer. */
OAST_API oast_status oast_broker_connect(const char* directory_or_name,
                                         const oast_connect_options* options, oast_broker** broker);

/* Workers and watches made from it keep the connection; with the last of them it ends, and so do
 * the kernels that were started over it, unless detached, and an embedded broker. Blocks while it
 * does. */
OAST_API void oast_broker_free(oast_broker* broker);

/* Where it lives; valid as long as the handle. Does not block. */
OAST_API const char* oast_broker_directory(const oast_broker* broker);
/* 0 once the broker was found gone; then every function fails with OAST_DISCONNECTED. Does not
 * block. */
OAST_API int oast_broker_connected(const oast_broker* broker);
/* Our own peer id: the owner of the kernels we start. A session keeps it. Does not block. */
OAST_API uint64_t oast_broker_self(const oast_broker* broker);
/* It has a session that an earlier process began. Does not block. */
OAST_API int oast_broker_resumed(const oast_broker* broker);
/* Its session shall end with its connection, which then ends its kernels. Does not block. */
OAST_API void oast_broker_end_session(oast_broker* broker);

/* These block until the broker has answered.
 *
 * list: every kernel that lives, and those that died in the last minute. */
OAST_API oast_status oast_broker_list(oast_broker* broker, const oast_kernel_info** kernels,
                                      size_t* count);
/* By name, or by id when the text is a number; by id also one that died in the last minute.
 * OAST_NOT_FOUND. */
OAST_API oast_status oast_broker_find(oast_broker* broker, const char* name_or_id,
                                      const oast_kernel_info** kernel);
OAST_API oast_status oast_broker_specs(oast_broker* broker, const oast_spec_info** specs,
                                       size_t* count);

typedef enum oast_outcome {
  OAST_OUTCOME_INTERRUPTED = 0, /* it ran, and ended with OAST_INTERRUPTED */
  OAST_OUTCOME_CANCELLED = 1,   /* it was queued and will never run */
  OAST_OUTCOME_ALREADY_FINISHED = 2,
  OAST_OUTCOME_NOTHING_RUNNING = 3,
  OAST_OUTCOME_NOT_INTERRUPTIBLE = 4, /* it still runs at the deadline */
  OAST_OUTCOME_KILLED = 5 /* it still ran at the deadline, and escalation was asked for */
} oast_outcome;

typedef struct oast_interrupt_options {
  size_t size;
  uint32_t timeout_ms; /* then it counts as not interruptible; 0: 2000 */
  int32_t escalate;    /* 1: and is killed */
} oast_interrupt_options;

typedef struct oast_stop_options {
  size_t size;
  uint32_t exit_timeout_ms; /* asked to leave; then SIGTERM. 0: 15000 */
  uint32_t term_timeout_ms; /* then SIGKILL. 0: 15000 */
} oast_stop_options;

/* Interrupts one request of a kernel, or cancels it; `request` 0: whatever runs now; `host` 0: the
 * request is ours. Blocks until the outcome is known, at most options.timeout_ms and the way there
 * and back. `outcome` (oast_outcome) may be NULL. */
OAST_API oast_status oast_broker_interrupt(oast_broker* broker, uint64_t kernel, uint64_t request,
                                           uint64_t host, const oast_interrupt_options* options,
                                           uint32_t* outcome);
/* Block until the kernel is gone. `death`: how it ended; may be NULL. kill sends SIGKILL to the
 * whole process tree. */
OAST_API oast_status oast_broker_stop(oast_broker* broker, uint64_t kernel,
                                      const oast_stop_options* options, const oast_death** death);
OAST_API oast_status oast_broker_kill(oast_broker* broker, uint64_t kernel,
                                      const oast_death** death);
/* Sends a signal to the kernel process. Blocks for the broker's answer. */
OAST_API oast_status oast_broker_signal(oast_broker* broker, uint64_t kernel, int signal);

typedef enum oast_change { OAST_CHANGE_HEARTBEAT = 0, OAST_CHANGE_STATE = 1 } oast_change;
/* Called with every heartbeat and change of state (oast_change) of every kernel from now on, on a
 * thread of the watch. It may block, also in functions of this library. `kernel` is valid during
 * the call. */
typedef void (*oast_on_event)(void* context, uint32_t change, const oast_kernel_info* kernel);
/* Does not block. */
OAST_API oast_status oast_broker_watch(oast_broker* broker, oast_on_event on_event, void* context,
                                       oast_watch** watch);
/* Blocks until a running callback has returned, except when called by it. */
OAST_API void oast_watch_free(oast_watch* watch);

/* ---- Workers ---- */

typedef struct oast_start_options {
  size_t size;
  const char* name;         /* unique among living kernels; NULL: made up */
  const oast_variable* env; /* besides the spec's; nothing else is inherited */
  size_t env_count;
  const char* cwd;     /* absolute; NULL: the spec's, or "/" */
  const char* exename; /* for specs that take it: the program instead of theirs; NULL: theirs */
  const char* const* exeflags; /* and its flags */
  size_t exeflags_count;
  int32_t detach;           /* 1: the kernel goes on without us. For daemons */
  uint32_t timeout_ms;      /* to register; 0: the broker's default */
  oast_broker* broker;      /* NULL: oast_broker_default */
  oast_callbacks callbacks; /* of all requests that have none of their own */
} oast_start_options;

/* Starts a kernel of a spec (NULL: "lua") in a process of its own, and returns once it has
 * registered. Blocks. OAST_NOT_FOUND for the spec, OAST_KERNEL_DIED when it died before it
 * registered, OAST_TIMEOUT, OAST_INVALID for a taken name. */
OAST_API oast_status oast_worker_start(const char* spec, const oast_start_options* options,
                                       oast_worker** worker);
/* A worker of a kernel that runs already, of whatever host, by name, or by id when the text is a
 * number. It does not own the kernel. Blocks. OAST_NOT_FOUND, OAST_KERNEL_DIED. `callbacks` may be
 * NULL. */
OAST_API oast_status oast_worker_attach(oast_broker* broker, const char* name_or_id,
                                        const oast_callbacks* callbacks, oast_worker** worker);
/* A Lua engine on a thread of this process, for tests; nothing isolates it. It has no id, info or
 * death, and killing it is stopping it. Callbacks run on its thread, except on_input. Blocks.
 * `callbacks` may be NULL. */
OAST_API oast_status oast_worker_in_process(const oast_callbacks* callbacks, oast_worker** worker);
/* Stops the kernel that it started, whatever runs in it, unless that was detached or let go: asks
 * it to end, and makes it two seconds later. Blocks for three seconds at most, for a kernel in a
 * process of its own. */
OAST_API void oast_worker_free(oast_worker* worker);
/* Lets the kernel go: freeing the worker does not stop it. Does not block. */
OAST_API oast_status oast_worker_release(oast_worker* worker);

/* Valid as long as the worker; 0 and "" of one in this process. Do not block. */
OAST_API uint64_t oast_worker_id(const oast_worker* worker);
OAST_API const char* oast_worker_name(const oast_worker* worker);
/* What the broker knows of it now. Blocks. OAST_NOT_FOUND a minute after its death. */
OAST_API oast_status oast_worker_info(oast_worker* worker, const oast_kernel_info** kernel);
/* How it ended, NULL when that is not known here yet. Does not block. */
OAST_API oast_status oast_worker_death(oast_worker* worker, const oast_death** death);

/* 0 once it is dead, stopped or out of reach. Blocks for an answer of the broker. */
OAST_API int oast_isrunning(oast_worker* worker);
/* Interrupts whatever runs now, of whatever host; see oast_broker_interrupt. */
OAST_API oast_status oast_interrupt(oast_worker* worker, const oast_interrupt_options* options,
                                    uint32_t* outcome);
/* Block until it is gone: by the stop ladder; by SIGKILL to its whole process tree. May be called
 * again. */
OAST_API oast_status oast_stop(oast_worker* worker, const oast_stop_options* options);
OAST_API oast_status oast_kill(oast_worker* worker);

/* ---- For frontends. These block, and wait while the worker evaluates. ---- */

typedef struct oast_completions {
  const oast_text* matches;
  size_t count;
  size_t start; /* a match replaces bytes [start, end) of the code */
  size_t end;
} oast_completions;

/* What could stand at byte `cursor` of the code. */
OAST_API oast_status oast_complete(oast_worker* worker, oast_text code, size_t cursor,
                                   const oast_completions** completions);
/* What stands at the cursor, as text for a person; its data is NULL when nothing is known. `detail`
 * 0 or 1. */
OAST_API oast_status oast_inspect(oast_worker* worker, oast_text code, size_t cursor, int detail,
                                  oast_text* text);
/* `status`: oast_code_status; `indent` of the next line, when incomplete. */
OAST_API oast_status oast_is_complete(oast_worker* worker, oast_text code, uint32_t* status,
                                      oast_text* indent);

/* ---- Requests ---- */

typedef enum oast_what {
  OAST_EVAL = 0,
  OAST_CALL = 1,       /* text: a dotted path, "string.upper" */
  OAST_CALL_SOURCE = 2 /* text: the source of a function */
} oast_what;

/* What is asked of a worker. */
typedef struct oast_ask {
  size_t size;
  uint32_t what; /* oast_what */
  uint32_t want; /* oast_want */
  oast_text text;
  oast_text source_name; /* of eval: what tracebacks call it; empty: "eval" */
  oast_value args;       /* nodes of args_count values, one after the other */
  size_t args_count;
  uint32_t lane;
  int32_t blocking;         /* to oast_submit: the caller will wait for it right away */
  int64_t timeout_ms;       /* its deadline: then it is interrupted or cancelled; 0: never */
  oast_callbacks callbacks; /* what is NULL here is the worker's own */
  /* When not NULL, what `data` pointers of args refer to is lent, not copied, and must not change
   * until `release(release_context)` is called, once, also when the function fails. */
  oast_release release;
  void* release_context;
  int64_t
      kill_ms;  /* so long after timeout_ms the kernel is killed if the code still runs; 0: never */
  int32_t keep; /* 1: it goes on when this host leaves, and its records stay in the log */
} oast_ask;

/* Sends the request and gives its future, which fails with OAST_TIMEOUT after ask.timeout_ms (not
 * of a worker in this process); does not block. `future` may be NULL: then the answer is dropped,
 * and with OAST_WANT_NOTHING it must be. All output of the request comes before its future is
 * ready. OAST_INVALID when the args are no values or what is asked cannot be sent: too large, too
 * deeply nested. OAST_KERNEL_DIED and OAST_DISCONNECTED only with OAST_WANT_NOTHING: otherwise the
 * future says so. */
OAST_API oast_status oast_submit(oast_worker* worker, const oast_ask* ask, oast_future** future);
/* Sends it and blocks for its value. The future is ready and keeps the value; both pointers may be
 * NULL when it is not wanted. Fails as the request does; with OAST_TIMEOUT after ask.timeout_ms:
 * then the request still ends, once, as cancelled or interrupted, unseen. */
OAST_API oast_status oast_fetch(oast_worker* worker, const oast_ask* ask, oast_future** future,
                                oast_value* value);

/* ---- Futures ---- */

/* Waits until it is ready, at most `timeout_ms` (-1: for ever, 0: does not block): OAST_OK and its
 * value, which refers to memory of the future and is valid as long as that; the status of what it
 * failed with; OAST_TIMEOUT when it is not ready, see oast_future_ready. `value` may be NULL. */
OAST_API oast_status oast_future_get(oast_future* future, int64_t timeout_ms, oast_value* value);
/* Does not block. */
OAST_API int oast_future_ready(const oast_future* future);
/* The host that asked, a peer id, and the number that it gave the request: by them it can be
 * interrupted and found in the kernel's log, also by others. 0 and 0 of a worker in this process.
 * Does not block. */
OAST_API oast_status oast_future_key(const oast_future* future, uint64_t* host, uint64_t* request);
/* What it failed with, NULL when it did not or is not ready. Valid as long as the future. Does not
 * block. */
OAST_API const oast_failure* oast_future_failure(oast_future* future);
/* Asks for the request to be cancelled while queued or interrupted while running. Does not block:
 * the future becomes ready with OAST_INTERRUPTED, or with its value if that was quicker. */
OAST_API oast_status oast_future_cancel(oast_future* future);
/* Calls `on_ready(context)` once it is ready: now, on this thread, if it is already, else on the
 * thread that receives the answer, see oast_on_output, also after the future was freed. oast_queue
 * brings it to a thread of the caller's choice. Does not block. */
OAST_API oast_status oast_future_then(oast_future* future, void (*on_ready)(void* context),
                                      void* context);
/* Ends nothing: an open request goes on. Does not block. */
OAST_API void oast_future_free(oast_future* future);

/* ---- Queues: for event loops, and for languages that want no calls on foreign threads ---- */

/* Each tag in it says that a future is ready, or that lent memory is not needed any more:
 *
 *     oast_future_then(future, oast_queue_push, oast_queue_ticket(queue, 7));
 *
 * and then oast_queue_take gives 7, once. */
OAST_API oast_status oast_queue_new(oast_queue** queue);
/* Tickets that are still out keep the memory; their tags go nowhere. Does not block; no thread may
 * be in oast_queue_take. */
OAST_API void oast_queue_free(oast_queue* queue);
/* What oast_queue_push takes as its context, once. NULL when there is no memory or no queue. Does
 * not block. */
OAST_API void* oast_queue_ticket(oast_queue* queue, uint64_t tag);
/* Both an oast_release and an `on_ready`. Uses up the ticket; NULL does nothing. */
OAST_API void oast_queue_push(void* ticket);
/* Takes at most `capacity` tags, oldest first; waits for the first at most `timeout_ms` (-1: for
 * ever, 0: does not block). *count is 0 only then, and after oast_queue_close. One thread at a
 * time. */
OAST_API oast_status oast_queue_take(oast_queue* queue, int64_t timeout_ms, uint64_t* tags,
                                     size_t capacity, size_t* count);
/* Readable (POLLIN) as long as there is something to take. Do not read or close it. Valid as long
 * as the queue. Does not block. */
OAST_API int oast_queue_fd(const oast_queue* queue);
/* From now on oast_queue_take never waits. Does not block. */
OAST_API void oast_queue_close(oast_queue* queue);

/* ---- Logs: what a kernel has said to its hosts, read again ---- */

typedef struct oast_log_options {
  size_t size;
  uint64_t from;    /* number of the first record; 0: 1 */
  uint64_t host;    /* only what belongs to requests of this peer; 0: to those of all */
  uint64_t request; /* with `host`: only to this one, ending with its value or failure */
  int32_t follow;   /* 1: at the end, wait for more, until the kernel is dead */
} oast_log_options;

typedef enum oast_record_kind {
  OAST_RECORD_OUTPUT = 0,  /* output */
  OAST_RECORD_VALUE = 1,   /* see oast_log_value */
  OAST_RECORD_FAILURE = 2, /* failure */
  OAST_RECORD_INPUT = 3,   /* prompt, password, input_bytes */
  OAST_RECORD_GAP = 4,     /* records [number, gap_last] are gone, which were gap_bytes */
  OAST_RECORD_ENDED = 5    /* death, successor: the last of a kernel */
} oast_record_kind;

/* One thing that a kernel said. What its kind does not name is 0 or NULL. */
typedef struct oast_record {
  uint64_t number; /* each kernel's own, from 1 */
  uint64_t host; /* whom it was for, a peer id, and the number of the request; 0 of a gap, an end */
  uint64_t request;
  uint32_t kind; /* oast_record_kind */
  int32_t password;
  const oast_output* output;
  const oast_failure* failure;
  oast_text prompt;
  size_t input_bytes; /* not 0: not for a line but for so many bytes of its standard input */
  uint64_t gap_last;
  uint64_t gap_bytes;
  const oast_death* death;
  uint64_t successor; /* the kernel that was started in its place, 0: none */
} oast_record;

/* Starts to read the log of a kernel, also of one that is dead, as long as the broker keeps it;
 * that of a worker's. A reader holds no kernel back: what it does not read in time becomes a gap.
 * Do not block: that there is no such log is told by the first oast_log_next. */
OAST_API oast_status oast_log_open(oast_broker* broker, uint64_t kernel,
                                   const oast_log_options* options, oast_log** log);
OAST_API oast_status oast_worker_log(oast_worker* worker, const oast_log_options* options,
                                     oast_log** log);
/* Waits for the next record, at most `timeout_ms` (-1: for ever, 0: does not block); *record is
 * NULL at the end. The record is valid until the next call for the same log, of whatever outcome,
 * or its close. OAST_TIMEOUT: none yet; OAST_NOT_FOUND, OAST_DISCONNECTED. One thread at a time. */
OAST_API oast_status oast_log_next(oast_log* log, int64_t timeout_ms, const oast_record** record);
/* The value of the record that oast_log_next gave last, decoded now. The future is ready, keeps the
 * value and is the caller's; `value` may be NULL. OAST_INVALID when the record has none. Does not
 * block. */
OAST_API oast_status oast_log_value(oast_log* log, oast_future** future, oast_value* value);
/* Calls `on_ready(context)` once, as soon as oast_log_next would not block: now, on this thread, or
 * as oast_future_then does. An earlier one that was not called yet is called now; on closing, too.
 * Does not block. */
OAST_API oast_status oast_log_then(oast_log* log, void (*on_ready)(void* context), void* context);
/* The number at which another reader would go on. Does not block. */
OAST_API uint64_t oast_log_position(const oast_log* log);
/* No more records come: ends an oast_log_next of another thread, as the end does. May be called
 * again. Does not block. */
OAST_API void oast_log_stop(oast_log* log);
/* Stops and frees it. Does not block, unless it is the last that used its broker's connection. */
OAST_API void oast_log_close(oast_log* log);

/* ---- Channels ---- */

/* Evaluates `code`, whose value must be a channel. Blocks, at most `timeout_ms`; 0: for ever. The
 * channel ends with its worker, which it does not keep running; then its functions fail with
 * OAST_KERNEL_DIED. */
OAST_API oast_status oast_worker_channel(oast_worker* worker, oast_text code, int64_t timeout_ms,
                                         oast_channel** channel);
/* Frees the handle, and leaves the channel alone. Does not block. */
OAST_API void oast_channel_free(oast_channel* channel);
/* Its number in the worker. Does not block. */
OAST_API uint64_t oast_channel_id(const oast_channel* channel);

/* Each gives a future, and does not block. Cancelling that takes back a put or take that still
 * waits. OAST_NOT_FOUND when the channel is closed, and empty for a take. For `release` see
 * oast_ask. `future` may be NULL. */
OAST_API oast_status oast_channel_put_async(oast_channel* channel, oast_value value,
                                            oast_release release, void* release_context,
                                            oast_future** future);
OAST_API oast_status oast_channel_take_async(oast_channel* channel, oast_future** future);
/* Cancels a take of this channel whose value nobody will get: should it have one, or still get one,
 * that goes back to the front of the channel. Does not block. */
OAST_API oast_status oast_channel_abandon(oast_channel* channel, oast_future* take);
/* Block while the channel is full or empty, at most `timeout_ms` (-1: for ever). OAST_TIMEOUT:
 * nothing was put, or taken. A put then waits until its worker has said so; a take for a second,
 * after which it is abandoned. The future keeps the value taken. */
OAST_API oast_status oast_channel_put(oast_channel* channel, oast_value value, int64_t timeout_ms);
OAST_API oast_status oast_channel_take(oast_channel* channel, int64_t timeout_ms,
                                       oast_future** future, oast_value* value);
/* *ready: a take would not block. Blocks for the answer. OAST_NOT_FOUND when the channel is closed
 * and empty. */
OAST_API oast_status oast_channel_ready(oast_channel* channel, int* ready);
/* What it holds can still be taken. Blocks for the answer; may be called again. */
OAST_API oast_status oast_channel_close(oast_channel* channel);

/* ---- The names that oast has in every language. Code and paths are terminated. ---- */

static inline oast_ask oast_make_ask(oast_what what, oast_want want, const char* text) {
  oast_ask ask = {0};
  ask.size = sizeof ask;
  ask.what = (uint32_t)what;
  ask.want = (uint32_t)want;
  ask.text.data = text;
  while (text != NULL && text[ask.text.size] != '\0') ++ask.text.size;
  return ask;
}

static inline oast_ask oast_make_call(oast_want want, const char* function, oast_value args,
                                      size_t args_count) {
  oast_ask ask = oast_make_ask(OAST_CALL, want, function);
  ask.args = args;
  ask.args_count = args_count;
  return ask;
}

/* Evaluates; the value comes in the future. See oast_submit. */
static inline oast_status oast_remote_eval(oast_worker* worker, const char* code,
                                           oast_future** future) {
  const oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, code);
  return oast_submit(worker, &ask, future);
}
/* Blocks for the value. See oast_fetch. */
static inline oast_status oast_remote_eval_fetch(oast_worker* worker, const char* code,
                                                 oast_future** future, oast_value* value) {
  const oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, code);
  return oast_fetch(worker, &ask, future, value);
}
/* Blocks; the value stays where it is. */
static inline oast_status oast_remote_eval_wait(oast_worker* worker, const char* code) {
  const oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_DONE, code);
  return oast_fetch(worker, &ask, NULL, NULL);
}
/* Calls the function at a dotted path with args_count values. */
static inline oast_status oast_remote_call(oast_worker* worker, const char* function,
                                           oast_value args, size_t args_count,
                                           oast_future** future) {
  const oast_ask ask = oast_make_call(OAST_WANT_VALUE, function, args, args_count);
  return oast_submit(worker, &ask, future);
}
static inline oast_status oast_remote_call_fetch(oast_worker* worker, const char* function,
                                                 oast_value args, size_t args_count,
                                                 oast_future** future, oast_value* value) {
  const oast_ask ask = oast_make_call(OAST_WANT_VALUE, function, args, args_count);
  return oast_fetch(worker, &ask, future, value);
}
static inline oast_status oast_remote_call_wait(oast_worker* worker, const char* function,
                                                oast_value args, size_t args_count) {
  const oast_ask ask = oast_make_call(OAST_WANT_DONE, function, args, args_count);
  return oast_fetch(worker, &ask, NULL, NULL);
}
/* Evaluates without any answer, also when it fails. Does not block. */
static inline oast_status oast_remote_do(oast_worker* worker, const char* code) {
  const oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_NOTHING, code);
  return oast_submit(worker, &ask, NULL);
}

#ifdef __cplusplus
}
#endif

#endif
