/* A kernel of a toy language in plain C99 on the kernel SDK: what an engine in another language
 * does, command by command. See `commands` at the end. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oast_kernel.h"

#define KEPT 8

static oast_kernel* kernel;
static volatile sig_atomic_t signals;
static volatile int callbacks;
static uint64_t tags[KEPT]; /* of the requests that said `keep N` */

static void on_signal(int signal) {
  (void)signal;
  ++signals;
}
static void on_interrupt(void* context) { ++*(volatile int*)context; }
static int released;
static void on_release(void* context) {
  ++released;
  free(context);
}

static oast_text text_of(const char* text) {
  oast_text result = {text, strlen(text)};
  return result;
}

static void reply_text(oast_request* r, const char* data, size_t size) {
  oast_node node = {.kind = OAST_STRING, .data = data, .size = size};
  oast_value value = {&node, 1};
  oast_request_reply(r, value, NULL, NULL);
}
static void reply_int(oast_request* r, int64_t number) {
  oast_node node = {.kind = OAST_INT64, .integer = number};
  oast_value value = {&node, 1};
  oast_request_reply(r, value, NULL, NULL);
}
static void fail(oast_request* r, oast_status status, const char* why) {
  oast_text line = text_of("line 1");
  oast_failure failure = {.status = status,
                          .message = text_of(why),
                          .type = text_of("ToyError"),
                          .traceback = &line,
                          .traceback_count = 1};
  oast_request_fail(r, &failure);
}
/* Fails with what the last call said. */
static void fail_so(oast_request* r, oast_status status) { fail(r, status, oast_kernel_error()); }

/* ---- Commands: each answers `r`; `rest` is what follows the word, terminated. ---- */

static void upper(oast_request* r, char* rest) {
  for (char* c = rest; *c; ++c)
    if (*c >= 'a' && *c <= 'z') *c -= 32;
  reply_text(r, rest, strlen(rest));
}

static void print(oast_request* r, char* rest) {
  oast_kernel_output(kernel, 0, OAST_STDOUT, rest, strlen(rest));
  reply_int(r, 0);
}

/* Prints without end, from this thread, until it is told not to. */
static void flood(oast_request* r, char* rest) {
  oast_status status;
  (void)rest;
  do {
    status = oast_kernel_output(kernel, 0, OAST_STDOUT, "0123456789abcdef\n", 17);
  } while (status == OAST_OK);
  fail_so(r, status);
}
/* The same from another thread, as output of `tags[1]`; `ended` says that it was told not to. */
static volatile int ended;
static void* flood_on(void* unused) {
  while (oast_kernel_output(kernel, tags[1], OAST_STDOUT, "0123456789abcdef\n", 17) == OAST_OK)
    continue;
  ended = 1;
  return unused;
}
static pthread_t flooding;
static int is_flooding;
static void flood_in_thread(oast_request* r, char* rest) {
  (void)rest;
  tags[1] = oast_request_get(r)->tag;
  is_flooding = pthread_create(&flooding, NULL, flood_on, NULL) == 0;
  reply_int(r, 0);
}
static void flood_ended(oast_request* r, char* rest) {
  (void)rest;
  reply_int(r, ended);
}

static void keep(oast_request* r, char* rest) {
  tags[atoi(rest) % KEPT] = oast_request_get(r)->tag;
  reply_int(r, 0);
}

/* Prints for the request that said `keep 0`, long after its reply, and for itself around it. */
static void late(oast_request* r, char* rest) {
  oast_kernel_output(kernel, 0, OAST_STDOUT, "before", 6);
  oast_kernel_output(kernel, tags[0], OAST_STDERR, rest, strlen(rest));
  oast_kernel_output(kernel, oast_request_get(r)->tag, OAST_STDOUT, "after", 5);
  reply_int(r, 0);
}

static void show(oast_request* r, char* rest) {
  oast_mime_part parts[2] = {{"text/plain", 1, rest, strlen(rest)}, {"image/x", 0, "\0\1\2", 3}};
  oast_kernel_output(kernel, 0, OAST_STDOUT, "first ", 6);
  oast_status status = oast_kernel_display(kernel, 0, parts, 2, "name", 0);
  if (status == OAST_OK) status = oast_kernel_display(kernel, 0, parts, 1, "name", 1);
  if (status == OAST_OK) status = oast_kernel_clear_output(kernel, 0, 1);
  if (status != OAST_OK) {
    fail_so(r, status);
    return;
  }
  reply_int(r, oast_kernel_display(kernel, 0, parts, 1, NULL, 1)); /* an update of nothing */
}

static void ask(oast_request* r, char* rest) {
  oast_text line;
  const oast_status status = oast_kernel_input(kernel, text_of(rest), 0, &line);
  if (status != OAST_OK)
    fail_so(r, status);
  else
    reply_text(r, line.data, line.size);
}

/* Reads 2 bytes of standard input, then 1, which it replies. */
static void read_three(oast_request* r, char* rest) {
  oast_text bytes;
  oast_status status = oast_kernel_read_input(kernel, 2, &bytes);
  (void)rest;
  if (status == OAST_OK) status = oast_kernel_read_input(kernel, 1, &bytes);
  if (status != OAST_OK)
    fail_so(r, status);
  else
    reply_text(r, bytes.data, bytes.size);
}

/* Runs until it is interrupted, as a language would: signals end its system calls. Prints `rest`
   when it has begun. */
static void spin(oast_request* r, char* rest) {
  const int before = signals;
  if (*rest) oast_kernel_output(kernel, 0, OAST_STDOUT, rest, strlen(rest));
  while (!oast_kernel_interrupted(kernel)) {
    poll(NULL, 0, 20000);
  }
  fail(r, OAST_INTERRUPTED, signals > before ? "by a signal" : "without a signal");
}
static void counts(oast_request* r, char* rest) {
  (void)rest;
  reply_int(r, callbacks);
}

static void lend(oast_request* r, char* rest) {
  const size_t size = (size_t)atol(rest);
  int64_t shape[1] = {(int64_t)size};
  char* bytes = malloc(size);
  memset(bytes, 7, size);
  oast_node node = {.kind = OAST_TENSOR,
                    .dtype = OAST_DTYPE_UINT8,
                    .data = bytes,
                    .size = size,
                    .count = 1,
                    .shape = shape};
  oast_value value = {&node, 1};
  oast_request_reply(r, value, on_release, bytes);
}
/* How often memory that `lend` lent came back. */
static void returned(oast_request* r, char* rest) {
  (void)rest;
  reply_int(r, released);
}

/* A list of three that has one item, and what the library says of it. */
static void broken(oast_request* r, char* rest) {
  oast_node nodes[2] = {{.kind = OAST_LIST, .count = 3}, {.kind = OAST_NIL}};
  oast_value value = {nodes, 2};
  (void)rest;
  if (oast_request_reply(r, value, NULL, NULL) != OAST_INVALID) abort();
  if (oast_request_reply(r, value, NULL, NULL) != OAST_INVALID) abort(); /* twice */
}

static void channel(oast_request* r, char* rest) {
  reply_int(r, (int64_t)oast_kernel_channel(kernel, (size_t)atol(rest)));
}
static void take(oast_request* r, char* rest) {
  oast_value value;
  const oast_status status = oast_kernel_take(kernel, (uint64_t)atol(rest), &value);
  if (status != OAST_OK)
    fail_so(r, status);
  else
    oast_request_reply(r, value, NULL, NULL);
}

/* Another thread that takes from one channel and puts into the next until the first is closed. */
static void* pass_on(void* from) {
  const uint64_t channel_id = *(uint64_t*)from;
  oast_value value;
  free(from);
  while (oast_kernel_take(kernel, channel_id, &value) == OAST_OK)
    oast_kernel_put(kernel, channel_id + 1, value);
  oast_kernel_close_channel(kernel, channel_id + 1);
  return NULL;
}
static void thread(oast_request* r, char* rest) {
  uint64_t* from = malloc(sizeof *from);
  pthread_t made;
  *from = (uint64_t)atol(rest);
  pthread_create(&made, NULL, pass_on, from);
  pthread_detach(made);
  reply_int(r, 0);
}

/* Ends the process from another thread, after the reply. */
static void* leave(void* tag) {
  oast_kernel_output(kernel, *(uint64_t*)tag, OAST_STDOUT, "bye", 3);
  oast_kernel_exit(kernel, 5);
  return NULL;
}
static void exit_in_thread(oast_request* r, char* rest) {
  static uint64_t tag;
  pthread_t made;
  (void)rest;
  tag = oast_request_get(r)->tag;
  reply_int(r, 0);
  pthread_create(&made, NULL, leave, &tag);
  pthread_detach(made);
}

static void who(oast_request* r, char* rest) {
  char text[512];
  (void)rest;
  snprintf(text, sizeof text, "%llu %s %s [%s] [%s]", (unsigned long long)oast_kernel_id(kernel),
           oast_kernel_name(kernel), oast_kernel_spec(kernel), oast_kernel_broker_directory(kernel),
           oast_kernel_host_token(kernel));
  reply_text(r, text, strlen(text));
}

static const struct {
  const char* word;
  void (*run)(oast_request*, char*);
} commands[] = {{"upper", upper},       {"print", print},    {"keep", keep},
                {"late", late},         {"show", show},      {"ask", ask},
                {"spin", spin},         {"counts", counts},  {"lend", lend},
                {"returned", returned}, {"broken", broken},  {"channel", channel},
                {"take", take},         {"thread", thread},  {"exit", exit_in_thread},
                {"who", who},           {"flood", flood},    {"background", flood_in_thread},
                {"ended", flood_ended}, {"read", read_three}};

static void eval(oast_request* r, const oast_request_view* v) {
  char code[256] = {0};
  char* rest;
  if (v->args_count > 0) { /* the echo of what it was given */
    oast_request_reply(r, v->args, NULL, NULL);
    return;
  }
  memcpy(code, v->code.data, v->code.size < 255 ? v->code.size : 255);
  rest = strchr(code, ' ');
  if (rest != NULL) *rest++ = '\0';
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) {
    if (strcmp(code, commands[i].word) != 0) continue;
    commands[i].run(r, rest == NULL ? code + strlen(code) : rest);
    return;
  }
  fail(r, OAST_REMOTE_EXCEPTION, "no such word");
}

static void answer(oast_request* r) {
  static const oast_failure unimplemented = {.status = OAST_UNIMPLEMENTED};
  const oast_request_view* v = oast_request_get(r);
  oast_text matches[2] = {{"upper", 5}, {"up", 2}};
  switch (v->kind) {
    case OAST_REQUEST_EVAL:
      eval(r, v);
      return;
    case OAST_REQUEST_COMPLETE:
      oast_request_completions(r, matches, 2, 0, v->cursor);
      return;
    case OAST_REQUEST_INSPECT:
      oast_request_inspection(r, v->detail == 0 ? &v->code : NULL);
      return;
    case OAST_REQUEST_IS_COMPLETE:
      oast_request_completeness(r, OAST_CODE_INCOMPLETE, text_of("  "));
      return;
    default:
      oast_request_fail(r, &unimplemented);
  }
}

static void* answer_queries(void* unused) {
  oast_request* r;
  while (oast_kernel_next_query(kernel, -1, &r) == OAST_OK) answer(r);
  return unused;
}

/* Waits for the next request in poll(2), as an event loop does. */
static oast_status next_by_fd(oast_request** r) {
  struct pollfd ready = {oast_kernel_fd(kernel), POLLIN, 0};
  for (;;) {
    const oast_status status = oast_kernel_next(kernel, 0, r);
    if (status != OAST_TIMEOUT) return status;
    while (poll(&ready, 1, -1) < 0 && errno == EINTR) continue;
  }
}

static oast_status next(oast_request** r, int by_fd) {
  oast_status status;
  if (by_fd) return next_by_fd(r);
  do {
    status = oast_kernel_next(kernel, -1, r);
  } while (status == OAST_INTERRUPTED);
  return status;
}

/* $OAST_TEST_HOW, or argv[1], says how it serves: "fd" by descriptor, "queries" with a second
 * thread. */
int main(int argc, char** argv) {
  const char* how = getenv("OAST_TEST_HOW");
  struct sigaction action = {.sa_handler = on_signal};
  oast_kernel_options options = {.size = sizeof options,
                                 .interrupt_signal = SIGUSR2,
                                 .on_interrupt = on_interrupt,
                                 .context = (void*)&callbacks};
  oast_request* r;
  pthread_t queries;
  if (how == NULL) how = argc > 1 ? argv[1] : "";
  options.separate_queries = strstr(how, "queries") != NULL;
  sigaction(SIGUSR2, &action, NULL);
  if (oast_kernel_connect(&options, &kernel) != OAST_OK) {
    fprintf(stderr, "%s\n", oast_kernel_error());
    return 1;
  }
  if (options.separate_queries) pthread_create(&queries, NULL, answer_queries, NULL);
  while (next(&r, strstr(how, "fd") != NULL) == OAST_OK) answer(r);
  if (options.separate_queries) pthread_join(queries, NULL);
  if (is_flooding) pthread_join(flooding, NULL); /* which still uses the kernel */
  oast_kernel_close(kernel);
  return 0;
}
