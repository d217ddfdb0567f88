/* The kernel SDK: everything but the language of a kernel process, as a C library. C99.
 *
 * A kernel is a program that the broker starts with launch details on stdin. Its thread that calls
 * oast_kernel_connect is the engine's thread: it takes requests one at a time and answers each
 * once.
 *
 *     oast_kernel* k;
 *     if (oast_kernel_connect(NULL, &k) != OAST_OK) return 1;
 *     oast_request* r;
 *     while (oast_kernel_next(k, -1, &r) == OAST_OK) {
 *       const oast_request_view* v = oast_request_get(r);
 *       if (v->kind == OAST_REQUEST_EVAL) { ... oast_request_reply(r, value, NULL, NULL); }
 *       else oast_request_fail(r, &unimplemented);
 *     }
 *     oast_kernel_close(k);
 *
 * The library answers heartbeats, takes interrupts, keeps channels, captures what is written to
 * descriptors 1 and 2, reports usage, and ends the process when its broker is gone, all on threads
 * of its own that the engine cannot block.
 *
 * Functions return a status; after anything but OAST_OK, oast_kernel_error gives the reason. No
 * function may be called in a signal handler unless it says so. "Engine's thread" means: only
 * there.
 */
#ifndef OAST_KERNEL_H
#define OAST_KERNEL_H

#include "oast_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when functions or fields are added; the library's file name changes when one is removed. */
#define OAST_KERNEL_ABI 2
#define OAST_KERNEL_API __attribute__((visibility("default")))

typedef struct oast_kernel oast_kernel;
typedef struct oast_request oast_request;

/* The OAST_KERNEL_ABI that the library was built with. Thread-safe, does not block. */
OAST_KERNEL_API uint32_t oast_kernel_abi(void);

/* Why the last call on this thread did not return OAST_OK; one line, terminated, valid until the
 * next call on this thread. Does not block. */
OAST_KERNEL_API const char* oast_kernel_error(void);

typedef struct oast_kernel_options {
  size_t size; /* sizeof(oast_kernel_options): fields beyond it count as 0 */
  /* Sent to the engine's thread, again and again, while an interrupted request runs; its handler is
   * the engine's own (SIGINT suits most languages). A call that it interrupts fails with EINTR. 0:
   * no signal is sent. */
  int interrupt_signal;
  /* Called on a thread of the library when a running request is interrupted, once for each; may be
   * NULL. It must not block. That request may just have ended: oast_kernel_interrupted tells. */
  void (*on_interrupt)(void* context);
  void* context;
  /* 1: Complete, Inspect and IsComplete are not given to oast_kernel_next but to
   * oast_kernel_next_query, for a second thread that answers them while the engine works. */
  int separate_queries;
  /* 1: Evals and Calls of lanes other than 0 are not refused but given to
   * oast_kernel_next_of_lanes, for an engine that runs several requests at the same time. */
  int separate_lanes;
} oast_kernel_options;

/* Reads the launch details from stdin, connects and registers. Blocks, at most 30 s. Takes over
 * descriptors 0 (it becomes /dev/null), 1 and 2 (captured: they become output). Once in a process,
 * before other threads start. `options` may be NULL. The kernel is the caller's, to be closed. */
OAST_KERNEL_API oast_status oast_kernel_connect(const oast_kernel_options* options,
                                                oast_kernel** kernel);
/* Sends what is buffered and ends the connection. Requests that are still open fail. Engine's
 * thread; NULL does nothing. */
OAST_KERNEL_API void oast_kernel_close(oast_kernel* kernel);
/* The same, and ends the process with `code` without running anything else of it. Any thread. */
OAST_KERNEL_API void oast_kernel_exit(oast_kernel* kernel, int code);

/* Who this is: the kernel's id, name and spec. Valid as long as the kernel. Any thread. */
OAST_KERNEL_API uint64_t oast_kernel_id(const oast_kernel* kernel);
OAST_KERNEL_API const char* oast_kernel_name(const oast_kernel* kernel);
OAST_KERNEL_API const char* oast_kernel_spec(const oast_kernel* kernel);
/* What a host library in this process needs to be a host of the same broker, whose kernels this
 * kernel owns: the broker's directory and a secret. "" when the broker does not allow it. Any
 * thread. */
OAST_KERNEL_API const char* oast_kernel_broker_directory(const oast_kernel* kernel);
OAST_KERNEL_API const char* oast_kernel_host_token(const oast_kernel* kernel);

/* ---- Requests ---- */

typedef enum oast_request_kind {
  OAST_REQUEST_EVAL = 0,
  OAST_REQUEST_CALL = 1,
  OAST_REQUEST_COMPLETE = 2,
  OAST_REQUEST_INSPECT = 3,
  OAST_REQUEST_IS_COMPLETE = 4
} oast_request_kind;

/* A request. All pointers are valid until it is answered. */
typedef struct oast_request_view {
  uint32_t kind;  /* oast_request_kind */
  uint32_t want;  /* oast_want */
  uint64_t tag;   /* names it in output functions; not 0, never given again */
  oast_text code; /* of eval, complete, inspect, is_complete; for a call the source of a function */
  oast_text function;    /* of a call: a dotted path; empty when the source is given */
  oast_text source_name; /* of eval: what tracebacks call it; may be empty */
  oast_value
      args; /* nodes of args_count values, one after the other; not copied from the message */
  size_t args_count;
  uint32_t lane;
  uint32_t cursor; /* of complete and inspect: bytes */
  uint32_t detail; /* of inspect: 0 or 1 */
} oast_request_view;

/* Waits for the next request: OAST_OK; OAST_TIMEOUT after `timeout_ms` (-1: never, 0: does not
 * block); OAST_INTERRUPTED when a signal handler ran on this thread meanwhile; OAST_DISCONNECTED
 * when the kernel shall end. The request must be answered before the next call. Engine's thread. */
OAST_KERNEL_API oast_status oast_kernel_next(oast_kernel* kernel, int timeout_ms,
                                             oast_request** request);
/* As oast_kernel_next, for Complete, Inspect and IsComplete, on one other thread; see
 * oast_kernel_options.separate_queries. */
OAST_KERNEL_API oast_status oast_kernel_next_query(oast_kernel* kernel, int timeout_ms,
                                                   oast_request** request);
/* The next request of a lane other than 0, as soon as the one before it in its lane is answered; on
 * one other thread, at any time; see oast_kernel_options.separate_lanes. Each is answered on any
 * thread, while others are open; all are to be answered before oast_kernel_close. OAST_INTERRUPTED
 * when one of those that are open was interrupted: oast_request_interrupted tells which. */
OAST_KERNEL_API oast_status oast_kernel_next_of_lanes(oast_kernel* kernel, int timeout_ms,
                                                      oast_request** request);
/* From now on the calling thread runs this request of a lane other than 0, until it is answered: an
 * interrupt of it ends what the thread waits for in this library. Does not block. */
OAST_KERNEL_API void oast_request_run_here(oast_request* request);
/* How often the request was interrupted. Any thread, also in a signal handler; does not block. Not
 * after its answer. */
OAST_KERNEL_API int oast_request_interrupted(const oast_request* request);
/* A descriptor that is readable (POLLIN) as long as oast_kernel_next would not block, so that an
 * event loop can own the wait. From its first call on, requests take one thread more to arrive. Do
 * not read or close it. Valid as long as the kernel. Engine's thread. */
OAST_KERNEL_API int oast_kernel_fd(oast_kernel* kernel);

/* Does not block. Same thread as the other functions of the request. */
OAST_KERNEL_API const oast_request_view* oast_request_get(const oast_request* request);

/* Keeps what the arguments' nodes point to valid beyond the request's answer, until
 * oast_memory_release: for an engine whose code may hold on to a tensor that it was given. Engine's
 * thread; does not block and copies nothing. NULL when there is no memory left. */
typedef struct oast_memory oast_memory;
OAST_KERNEL_API oast_memory* oast_request_retain(oast_request* request);
/* Once for each retain; NULL does nothing. Any thread, also after oast_kernel_close; does not
 * block.
 */
OAST_KERNEL_API void oast_memory_release(oast_memory* memory);

/* Each of these answers the request, once, after all its output, and frees it whatever it returns.
 * They block while the hosts do not keep up, unless the request is interrupted or the kernel shall
 * end; to a query (oast_kernel_next_query) they do not.
 *
 * reply: OAST_INVALID, and the request fails with that, when the nodes are no one value. With a
 * `release`, what `data` pointers refer to is lent and not copied, until `release(context)` is
 * called; the nodes themselves, shapes and texts are read before the function returns. */
OAST_KERNEL_API oast_status oast_request_reply(oast_request* request, oast_value value,
                                               oast_release release, void* context);
OAST_KERNEL_API oast_status oast_request_fail(oast_request* request, const oast_failure* failure);
/* To complete: each match replaces bytes [start, end) of the code. */
OAST_KERNEL_API oast_status oast_request_completions(oast_request* request,
                                                     const oast_text* matches, size_t count,
                                                     uint32_t start, uint32_t end);
/* To inspect: NULL when nothing is known. */
OAST_KERNEL_API oast_status oast_request_inspection(oast_request* request, const oast_text* text);
/* To is_complete. */
OAST_KERNEL_API oast_status oast_request_completeness(oast_request* request,
                                                      oast_code_status status, oast_text indent);

/* How often the running request (that of oast_kernel_next) was interrupted, 0 again once it is
 * answered. Any thread, also in a signal handler; does not block. */
OAST_KERNEL_API int oast_kernel_interrupted(const oast_kernel* kernel);
/* For languages whose code may catch an interrupt and go on: `count` of the running request's
 * interrupts have been raised in its code. Only a further one is then signalled, ends what waits in
 * this library and makes it return OAST_INTERRUPTED; else the first does so until the request is
 * answered. 0: all are to be raised again. On the engine's thread, also in a signal handler; does
 * not block. */
OAST_KERNEL_API void oast_kernel_interrupts_raised(oast_kernel* kernel, int count);
/* The same of a request of another lane. On the thread that runs it, or while that does not run. */
OAST_KERNEL_API void oast_request_interrupts_raised(oast_request* request, int count);

/* ---- Output and input ---- */

/* Output of the request `tag`, also after its reply; 0: of the running one, or the last. A tag
 * older than the last 65536 requests counts as 0. In the order of the calls; what was written to
 * descriptors 1 and 2 before comes before it. Any bytes, which arrive as they are. Buffered for a
 * moment. Any thread.
 *
 * Blocks while the hosts do not keep up. OAST_INTERRUPTED when the running request is interrupted
 * meanwhile or was before, on the engine's thread and, for its own request, on one that
 * oast_request_run_here was called on; on others when the kernel shall end. Of at most
 * 16 KiB nothing was output then, of more maybe a part. The engine's thread gets it once when the
 * kernel shall end, and is not held up afterwards. */
OAST_KERNEL_API oast_status oast_kernel_output(oast_kernel* kernel, uint64_t tag,
                                               oast_stream stream, const char* text, size_t size);
/* Of oast_kernel_display. */
enum {
  OAST_DISPLAY_UPDATE = 1, /* it replaces what was shown under display_id */
  OAST_DISPLAY_RESULT = 2  /* it is the value that the request ends with: OAST_WANT_DISPLAYED */
};
/* Shows one thing in several forms. `display_id` (terminated) names it for later; NULL or "": none.
 * `flags`: of OAST_DISPLAY_*, or 0. Copies. Blocks as oast_kernel_output. Any thread. */
OAST_KERNEL_API oast_status oast_kernel_display(oast_kernel* kernel, uint64_t tag,
                                                const oast_mime_part* parts, size_t count,
                                                const char* display_id, int flags);
/* Takes away what the request has shown so far; with `wait`, when the next output comes. Blocks as
 * oast_kernel_output. Any thread. */
OAST_KERNEL_API oast_status oast_kernel_clear_output(oast_kernel* kernel, uint64_t tag, int wait);
/* Sends what is buffered, and takes in what was written to descriptors 1 and 2. Blocks as
 * oast_kernel_output. Any thread. */
OAST_KERNEL_API oast_status oast_kernel_flush(oast_kernel* kernel);

/* Asks the host of the running request for a line, without its newline. Blocks. OAST_NOT_FOUND at
 * end of input, OAST_INTERRUPTED. The line is valid until the next call on the engine's thread,
 * which alone may call this. */
OAST_KERNEL_API oast_status oast_kernel_input(oast_kernel* kernel, oast_text prompt, int password,
                                              oast_text* line);

/* The next bytes of the running request's standard input, as soon as there are any, at most `most`.
 * Blocks. OAST_NOT_FOUND at its end, OAST_INTERRUPTED. What the request leaves unread is lost. The
 * bytes are valid until the next call on the engine's thread, which alone may call this. */
OAST_KERNEL_API oast_status oast_kernel_read_input(oast_kernel* kernel, size_t most,
                                                   oast_text* bytes);

/* ---- Channels: bounded queues that live here, for hosts and for the engine ---- */

/* Capacity 0 counts as 1. Any thread, does not block. */
OAST_KERNEL_API uint64_t oast_kernel_channel(oast_kernel* kernel, size_t capacity);
/* Block while the channel is full or empty; OAST_NOT_FOUND when it is closed (and empty) or
 * unknown; OAST_INTERRUPTED when the running request (the thread's own, if it runs one) was
 * interrupted. What `data` pointers refer to is copied. The value taken is valid until the next
 * take on this thread. Any thread. */
OAST_KERNEL_API oast_status oast_kernel_put(oast_kernel* kernel, uint64_t channel,
                                            oast_value value);
OAST_KERNEL_API oast_status oast_kernel_take(oast_kernel* kernel, uint64_t channel,
                                             oast_value* value);
/* *ready: a take would not block. Any thread, does not block. */
OAST_KERNEL_API oast_status oast_kernel_ready(oast_kernel* kernel, uint64_t channel, int* ready);
/* What it holds can still be taken. May be called again. Any thread, does not block. */
OAST_KERNEL_API oast_status oast_kernel_close_channel(oast_kernel* kernel, uint64_t channel);

#ifdef __cplusplus
}
#endif

#endif
