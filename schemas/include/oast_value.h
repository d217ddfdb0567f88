/* Values, failures and the figures of kernels as plain C: what the kernel SDK (oast_kernel.h) and
 * the host library (oast.h) have in common. C99.
 *
 * A value is an array of nodes in pre-order: a list of two integers is three nodes, and so is a map
 * of one pair. Nothing in it needs a call to be read or built:
 *
 *     oast_node answer[3] = {{.kind = OAST_LIST, .count = 2},
 *                            {.kind = OAST_INT64, .integer = 6},
 *                            {.kind = OAST_INT64, .integer = 7}};
 *
 * Whoever switches on kinds must know two for lists: a list of bool, int64 or float64 alone comes
 * as OAST_PACKED when it is long, of 16 items or more today, and may be given as either.
 *
 * Who hands out a value owns everything its pointers refer to; each function says how long they
 * stay valid. Texts are UTF-8 and counted, so they may hold zero bytes; they are not terminated
 * unless the type is `const char*` and the comment says so.
 */
#ifndef OAST_VALUE_H
#define OAST_VALUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are those of the wire. */
typedef enum oast_kind {
  OAST_NIL = 0,
  OAST_BOOL = 1,    /* integer: 0 or 1 */
  OAST_INT64 = 2,   /* integer */
  OAST_FLOAT64 = 3, /* real */
  OAST_STRING = 4,  /* data, size: UTF-8 */
  OAST_BYTES = 5,   /* data, size */
  OAST_LIST = 6,    /* count items follow, in order */
  OAST_MAP = 7,     /* count pairs follow: key, value, key, value, ... */
  OAST_TENSOR = 8,  /* dtype; shape[count], each >= 0; data, size: row-major, little-endian */
  OAST_ERROR = 9,   /* failure: an error as a value */
  OAST_NATIVE = 10, /* one language's own serialization: format, terminated; data, size; count nodes
                       of  kind OAST_BYTES follow: out-of-band buffers of that format */
  OAST_PACKED = 11  /* a list as OAST_LIST is one, but no nodes follow: count items of dtype BOOL8
                       (0 is false), INT64 or FLOAT64; data, size: the items, little-endian */
} oast_kind;

/* Element types of a tensor. Bytes of one: 1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 8, 16. */
typedef enum oast_dtype {
  OAST_DTYPE_BOOL8 = 0,
  OAST_DTYPE_INT8 = 1,
  OAST_DTYPE_UINT8 = 2,
  OAST_DTYPE_INT16 = 3,
  OAST_DTYPE_UINT16 = 4,
  OAST_DTYPE_INT32 = 5,
  OAST_DTYPE_UINT32 = 6,
  OAST_DTYPE_INT64 = 7,
  OAST_DTYPE_UINT64 = 8,
  OAST_DTYPE_FLOAT16 = 9,
  OAST_DTYPE_FLOAT32 = 10,
  OAST_DTYPE_FLOAT64 = 11,
  OAST_DTYPE_COMPLEX64 = 12,
  OAST_DTYPE_COMPLEX128 = 13
} oast_dtype;

typedef struct oast_failure oast_failure;

/* 72 bytes on a 64-bit machine, without padding that a reader must know of. Fields that a kind does
 * not name are ignored. */
typedef struct oast_node {
  uint32_t kind;  /* oast_kind */
  uint32_t dtype; /* oast_dtype */
  int64_t integer;
  double real;
  const void* data;
  uint64_t size;  /* bytes at data */
  uint64_t count; /* items, pairs, dimensions or buffers */
  const int64_t* shape;
  const char* format;
  const oast_failure* failure;
} oast_node;

/* The most nodes are those of the most tables of a message, see PROTOCOL.md, Limits. */
typedef struct oast_value {
  const oast_node* nodes;
  size_t count; /* of nodes; 0 is nil */
} oast_value;

typedef struct oast_text {
  const char* data;
  size_t size;
} oast_text;

/* What the caller should do next. OAST_OK is no failure. Apart from it, numbers are those of the
 * wire plus one. */
typedef enum oast_status {
  OAST_OK = 0,
  OAST_REMOTE_EXCEPTION = 1,  /* the code raised: fix the code */
  OAST_INTERRUPTED = 2,       /* somebody asked for it, running or still queued */
  OAST_KERNEL_DIED = 3,       /* start another kernel; `death` says how this one died */
  OAST_TIMEOUT = 4,           /* a deadline passed */
  OAST_OVERLOADED = 5,        /* back off and try again */
  OAST_DISCONNECTED = 6,      /* the connection broke: retry */
  OAST_NOT_FOUND = 7,         /* no such kernel, spec, function or channel */
  OAST_PERMISSION_DENIED = 8, /* not proven, or not allowed */
  OAST_INVALID = 9,           /* a bug in the caller */
  OAST_UNIMPLEMENTED = 10,    /* this side does not know how */
  OAST_INCOMPATIBLE = 11      /* no version in common */
} oast_status;

typedef enum oast_death_cause {
  OAST_DEATH_EXITED = 0,           /* by itself, with exit_code */
  OAST_DEATH_SIGNALLED = 1,        /* by signal */
  OAST_DEATH_STOPPED = 2,          /* a stop or kill that somebody asked the broker for */
  OAST_DEATH_OWNER_GONE = 3,       /* its owner left or died */
  OAST_DEATH_LOST_HEARTBEAT = 4,   /* alive or not, it no longer answers */
  OAST_DEATH_NEVER_REGISTERED = 5, /* started, but did not say hello before the deadline */
  OAST_DEATH_SPAWN_FAILED = 6,     /* could not be started at all */
  OAST_DEATH_MEMORY_LIMIT = 7,
  OAST_DEATH_TIME_LIMIT = 8,
  OAST_DEATH_PROTOCOL_ERROR = 9 /* what it sent is no message, or not the one that was due */
} oast_death_cause;

/* How a kernel ended. */
typedef struct oast_death {
  uint32_t cause;        /* oast_death_cause */
  int32_t exit_code;     /* -1: ended by a signal, or unknown */
  int32_t signal;        /* 0: none */
  oast_text signal_name; /* "SIGKILL" */
  oast_text explanation; /* one sentence for a person */
  oast_text stderr_tail; /* the last lines it wrote to stderr, at most 4 KiB */
} oast_death;

struct oast_failure {
  uint32_t status;            /* oast_status, not OAST_OK */
  oast_text message;          /* one line */
  oast_text type;             /* the language's own name of the error; may be empty */
  const oast_text* traceback; /* traceback_count lines, innermost last */
  size_t traceback_count;
  const oast_death* death; /* for OAST_KERNEL_DIED, else NULL */
};

/* What becomes of the value of an eval or a call. */
typedef enum oast_want {
  OAST_WANT_VALUE = 0,
  OAST_WANT_DONE = 1,    /* nil is sent; the value stays in the kernel */
  OAST_WANT_NOTHING = 2, /* as DONE, and nothing is sent at all */
  OAST_WANT_CHANNEL = 3, /* it must be a channel: its number is sent, as int64 */
  OAST_WANT_SHOWN = 4,   /* as VALUE, for a person: what would be native may be displayed instead */
  /* For a notebook: unless it is nil it is displayed in all its forms, as OAST_DISPLAY_RESULT, and
   * nil is sent. Kernels that do not know it take it for VALUE. */
  OAST_WANT_DISPLAYED = 5
} oast_want;

typedef enum oast_stream {
  OAST_STDOUT = 0,
  OAST_STDERR = 1,
  OAST_DISPLAY = 2, /* not text but the parts of a display */
  OAST_CLEAR = 3    /* what the request has printed and shown so far goes away */
} oast_stream;

/* Whether a frontend should evaluate the code or ask for another line. */
typedef enum oast_code_status {
  OAST_CODE_COMPLETE = 0,
  OAST_CODE_INCOMPLETE = 1,
  OAST_CODE_INVALID = 2,
  OAST_CODE_UNKNOWN = 3
} oast_code_status;

/* One part of a display: `text`, or `bytes` when is_text is 0. */
typedef struct oast_mime_part {
  const char* mime; /* terminated: "text/html" */
  int is_text;
  const void* data;
  size_t size;
} oast_mime_part;

/* Called once, on any thread, when memory that was lent is not needed any more. It must not block
 * and must not call back into oast. */
typedef void (*oast_release)(void* context);

#ifdef __cplusplus
}
#endif

#endif
