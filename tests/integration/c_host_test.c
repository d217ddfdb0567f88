/* bindings/c, as a C program uses it, with real brokers and kernels. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oast.h"

#define CHECK(condition) check(condition, #condition, __LINE__)
#define OK(call) ok(call, #call, __LINE__)

enum { kGenerousMs = 20000 };

static void check(int fact, const char* text, int line) {
  if (fact) return;
  fprintf(stderr, "line %d: not true: %s\n", line, text);
  exit(1);
}

static void ok(oast_status status, const char* text, int line) {
  if (status == OAST_OK) return;
  fprintf(stderr, "line %d: %s: %s: %s\n", line, text, oast_status_name((uint32_t)status),
          oast_error()->message.data);
  exit(1);
}

static oast_text text(const char* s) {
  oast_text result;
  result.data = s;
  result.size = strlen(s);
  return result;
}

static int64_t eval_integer(oast_worker* w, const char* code) {
  oast_future* future;
  oast_value value;
  int64_t result;
  OK(oast_remote_eval_fetch(w, code, &future, &value));
  CHECK(value.count == 1 && value.nodes[0].kind == OAST_INT64);
  result = value.nodes[0].integer;
  oast_future_free(future);
  return result;
}

static void an_eval_gives_its_value(oast_worker* w) {
  oast_future* future;
  oast_value value;
  CHECK(eval_integer(w, "return 1 + 1") == 2);
  OK(oast_remote_eval(w, "return {1, 'two', {three = 3.5}}", &future));
  OK(oast_future_get(future, kGenerousMs, &value));
  CHECK(oast_future_ready(future) && oast_future_failure(future) == NULL);
  CHECK(value.count == 6 && value.nodes[0].kind == OAST_LIST && value.nodes[0].count == 3);
  CHECK(value.nodes[1].integer == 1 && value.nodes[2].kind == OAST_STRING);
  CHECK(value.nodes[3].kind == OAST_MAP && value.nodes[3].count == 1);
  CHECK(value.nodes[5].real == 3.5);
  oast_future_free(future);
  OK(oast_remote_eval(w, "local t = {} for i = 1, 1000 do t[i] = i end return t", &future));
  OK(oast_future_get(future, kGenerousMs, &value));
  CHECK(value.count == 1 && value.nodes[0].kind == OAST_PACKED && value.nodes[0].count == 1000);
  CHECK(value.nodes[0].dtype == OAST_DTYPE_INT64 && value.nodes[0].size == 8000);
  CHECK(((const int64_t*)value.nodes[0].data)[999] == 1000);
  oast_future_free(future);
  OK(oast_remote_eval_wait(w, "kept = 41"));
  OK(oast_remote_do(w, "kept = kept + 1"));
  CHECK(eval_integer(w, "return kept") == 42);
}

static void a_call_takes_several_values(oast_worker* w) {
  oast_node nodes[2];
  oast_value args;
  oast_value value;
  oast_future* future;
  memset(nodes, 0, sizeof nodes);
  nodes[0].kind = OAST_STRING;
  nodes[0].data = "oast";
  nodes[0].size = 4;
  nodes[1].kind = OAST_INT64;
  nodes[1].integer = 2;
  args.nodes = nodes;
  args.count = 2;
  OK(oast_remote_call_fetch(w, "string.rep", args, 2, &future, &value));
  CHECK(value.nodes[0].size == 8 && memcmp(value.nodes[0].data, "oastoast", 8) == 0);
  oast_future_free(future);
  CHECK(oast_remote_call_wait(w, "string.nothing", args, 2) == OAST_NOT_FOUND);
  CHECK(oast_remote_call_wait(w, "string.rep", args, 3) == OAST_INVALID);
}

static void an_error_says_what_and_where(oast_worker* w) {
  oast_future* future;
  const oast_failure* failure;
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, "local x = nil\nreturn x.y");
  CHECK(oast_remote_eval_wait(w, "error('boom')") == OAST_REMOTE_EXCEPTION);
  CHECK(strstr(oast_error()->message.data, "boom") != NULL);
  ask.source_name = text("cell 7");
  OK(oast_submit(w, &ask, &future));
  CHECK(oast_future_get(future, kGenerousMs, NULL) == OAST_REMOTE_EXCEPTION);
  failure = oast_future_failure(future);
  CHECK(failure->status == OAST_REMOTE_EXCEPTION && failure->traceback_count > 0);
  CHECK(strstr(failure->message.data, "cell 7:2") != NULL);
  oast_future_free(future);
}

static void note_release(void* context) { ++*(int*)context; }

static void lent_memory_is_released_and_results_are_not_copied(oast_worker* w) {
  enum { kCount = 100000 };
  const int64_t shape = kCount;
  double* numbers = malloc(kCount * sizeof *numbers);
  oast_node node;
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, "return ...");
  oast_queue* queue;
  oast_future* future;
  oast_value value;
  uint64_t tag = 0;
  size_t count = 0;
  int i;
  CHECK(numbers != NULL);
  for (i = 0; i < kCount; ++i) numbers[i] = i;
  memset(&node, 0, sizeof node);
  node.kind = OAST_TENSOR;
  node.dtype = OAST_DTYPE_FLOAT64;
  node.shape = &shape;
  node.count = 1;
  node.data = numbers;
  node.size = kCount * sizeof *numbers;
  ask.args.nodes = &node;
  ask.args.count = 1;
  ask.args_count = 1;
  OK(oast_queue_new(&queue));
  ask.release = oast_queue_push;
  ask.release_context = oast_queue_ticket(queue, 7);
  OK(oast_fetch(w, &ask, &future, &value));
  OK(oast_queue_take(queue, kGenerousMs, &tag, 1, &count));
  CHECK(count == 1 && tag == 7);
  memset(numbers, 0, kCount * sizeof *numbers);
  free(numbers);
  CHECK(value.nodes[0].kind == OAST_TENSOR && value.nodes[0].shape[0] == kCount);
  CHECK(((const double*)value.nodes[0].data)[kCount - 1] == kCount - 1);
  oast_future_free(future);
  oast_queue_free(queue);
}

static void what_fails_releases_too(oast_worker* w) {
  int released = 0;
  int forgotten = 0;
  oast_node list;
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, "return ...");
  memset(&list, 0, sizeof list);
  list.kind = OAST_LIST;
  list.count = 3; /* which are not there */
  ask.args.nodes = &list;
  ask.args.count = 1;
  ask.args_count = 1;
  ask.release = note_release;
  ask.release_context = &released;
  ask.callbacks.release = note_release;
  ask.callbacks.context = &forgotten;
  CHECK(oast_submit(w, &ask, NULL) == OAST_INVALID);
  CHECK(strstr(oast_error()->message.data, "a list has more items") != NULL);
  CHECK(released == 1 && forgotten == 1);
}

static void a_timeout_cancels(oast_worker* w) {
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, "while true do end");
  ask.timeout_ms = 50;
  CHECK(oast_fetch(w, &ask, NULL, NULL) == OAST_TIMEOUT);
  CHECK(eval_integer(w, "return 5") == 5);
}

static void a_future_can_be_cancelled(oast_worker* w) {
  oast_future* future;
  OK(oast_remote_eval(w, "while true do end", &future));
  CHECK(oast_future_get(future, 0, NULL) == OAST_TIMEOUT && !oast_future_ready(future));
  OK(oast_future_cancel(future));
  CHECK(oast_future_get(future, kGenerousMs, NULL) == OAST_INTERRUPTED);
  oast_future_free(future);
}

static void a_queue_tells_an_event_loop_what_is_ready(oast_worker* w) {
  oast_queue* queue;
  oast_future* futures[10];
  uint64_t tags[10];
  size_t count;
  uint64_t i;
  uint64_t next = 0;
  struct pollfd item;
  OK(oast_queue_new(&queue));
  for (i = 0; i < 10; ++i) {
    OK(oast_remote_eval(w, "return 0", &futures[i]));
    OK(oast_future_then(futures[i], oast_queue_push, oast_queue_ticket(queue, i)));
  }
  item.fd = oast_queue_fd(queue);
  item.events = POLLIN;
  while (next < 10) {
    CHECK(poll(&item, 1, kGenerousMs) == 1);
    OK(oast_queue_take(queue, 0, tags, 10, &count));
    for (i = 0; i < count; ++i) CHECK(tags[i] == next++);
  }
  CHECK(poll(&item, 1, 0) == 0);
  oast_queue_close(queue);
  OK(oast_queue_take(queue, -1, tags, 10, &count));
  CHECK(count == 0);
  for (i = 0; i < 10; ++i) oast_future_free(futures[i]);
  oast_queue_free(queue);
}

typedef struct transcript {
  char out[256];
  char prompt[64];
  int released;
} transcript;

static void on_output(void* context, const oast_output* output) {
  transcript* t = context;
  CHECK(output->stream == OAST_STDOUT && output->parts_count == 0);
  CHECK(strlen(t->out) + output->text.size < sizeof t->out);
  strncat(t->out, output->text.data, output->text.size);
}

static void on_input(void* context, oast_text prompt, int password, oast_line* line) {
  transcript* t = context;
  CHECK(!password && prompt.size < sizeof t->prompt);
  strncat(t->prompt, prompt.data, prompt.size);
  oast_line_set(line, text("a line"));
}

static void forget(void* context) { ++((transcript*)context)->released; }

static void output_and_input_reach_the_callbacks(oast_worker* w) {
  transcript t;
  oast_value value;
  oast_future* future;
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_VALUE, "print('hello') return io.read()");
  memset(&t, 0, sizeof t);
  ask.callbacks.on_output = on_output;
  ask.callbacks.on_input = on_input;
  ask.callbacks.context = &t;
  OK(oast_fetch(w, &ask, &future, &value));
  CHECK(strcmp(t.out, "hello\n") == 0);
  CHECK(value.nodes[0].size == 6 && memcmp(value.nodes[0].data, "a line", 6) == 0);
  oast_future_free(future);
}

static void hold_back(void* context, const oast_output* output) {
  oast_hold** hold = context;
  CHECK(!output->is_utf8 && output->text.size == 2 && memcmp(output->text.data, "a\xff", 2) == 0);
  *hold = oast_output_hold();
}

static void output_is_bytes_and_can_be_held(oast_worker* w) {
  oast_hold* hold = NULL;
  oast_ask ask = oast_make_ask(OAST_EVAL, OAST_WANT_DONE, "io.write('a\xff')");
  ask.callbacks.on_output = hold_back;
  ask.callbacks.context = &hold;
  OK(oast_fetch(w, &ask, NULL, NULL));
  CHECK(hold != NULL);
  oast_hold_release(hold);
  oast_hold_release(NULL);
  CHECK(oast_output_hold() == NULL);
}

static void count(void* context) { ++*(int*)context; }

static void a_log_is_read_again(oast_worker* w) {
  oast_future* future;
  oast_log* log;
  const oast_record* record;
  oast_value value;
  oast_log_options options;
  int told = 0;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  OK(oast_remote_eval(w, "print('logged') return 42", &future));
  OK(oast_future_get(future, kGenerousMs, NULL));
  OK(oast_future_key(future, &options.host, &options.request));
  CHECK(options.host != 0 && options.request != 0);
  oast_future_free(future);
  OK(oast_worker_log(w, &options, &log));
  OK(oast_log_next(log, kGenerousMs, &record));
  CHECK(record->kind == OAST_RECORD_OUTPUT && record->request == options.request);
  CHECK(record->output->text.size == 7 && memcmp(record->output->text.data, "logged\n", 7) == 0);
  CHECK(oast_log_value(log, &future, &value) == OAST_INVALID);
  OK(oast_log_next(log, kGenerousMs, &record));
  CHECK(record->kind == OAST_RECORD_VALUE && record->output == NULL);
  CHECK(oast_log_position(log) == record->number + 1);
  OK(oast_log_value(log, &future, &value));
  OK(oast_log_next(log, kGenerousMs, &record));
  CHECK(record == NULL);
  OK(oast_log_then(log, count, &told));
  CHECK(told == 1);
  oast_log_close(log);
  CHECK(value.nodes[0].kind == OAST_INT64 && value.nodes[0].integer == 42);
  oast_future_free(future);
}

static void a_channel_goes_both_ways(oast_worker* w) {
  oast_channel* channel;
  oast_future* future;
  oast_node node;
  oast_value one;
  oast_value value;
  int ready = -1;
  memset(&node, 0, sizeof node);
  node.kind = OAST_INT64;
  node.integer = 11;
  one.nodes = &node;
  one.count = 1;
  OK(oast_worker_channel(w, text("c = oast.channel(1) return c"), kGenerousMs, &channel));
  CHECK(oast_channel_id(channel) != 0);
  OK(oast_channel_put(channel, one, kGenerousMs));
  CHECK(oast_channel_put(channel, one, 20) == OAST_TIMEOUT);
  OK(oast_channel_ready(channel, &ready));
  CHECK(ready == 1);
  CHECK(eval_integer(w, "return c:take()") == 11);
  CHECK(oast_channel_take(channel, 20, &future, &value) == OAST_TIMEOUT);
  OK(oast_channel_take_async(channel, &future));
  OK(oast_remote_do(w, "c:put(12)"));
  OK(oast_future_get(future, kGenerousMs, &value));
  CHECK(value.nodes[0].integer == 12);
  oast_future_free(future);
  OK(oast_channel_close(channel));
  CHECK(oast_channel_take(channel, -1, &future, &value) == OAST_NOT_FOUND);
  oast_channel_free(channel);
}

static void frontends_are_helped(oast_worker* w) {
  const oast_completions* completions;
  oast_text found;
  oast_text indent;
  uint32_t status = 99;
  OK(oast_complete(w, text("string.for"), 10, &completions));
  CHECK(completions->count == 1 && completions->start <= 7 && completions->end == 10);
  OK(oast_is_complete(w, text("for i = 1, 2 do"), &status, &indent));
  CHECK(status == OAST_CODE_INCOMPLETE);
  OK(oast_inspect(w, text("string.format"), 13, 0, &found));
  CHECK(found.data != NULL);
  OK(oast_inspect(w, text("nothing_here"), 4, 0, &found));
  CHECK(found.data == NULL);
}

static void* evaluate_for_ever(void* worker) {
  return (void*)(intptr_t)oast_remote_eval_wait(worker, "running = true while true do end");
}

static void a_blocked_thread_can_be_interrupted(oast_worker* w) {
  pthread_t thread;
  void* result;
  uint32_t outcome = OAST_OUTCOME_NOTHING_RUNNING;
  CHECK(pthread_create(&thread, NULL, evaluate_for_ever, w) == 0);
  while (outcome == OAST_OUTCOME_NOTHING_RUNNING) OK(oast_interrupt(w, NULL, &outcome));
  CHECK(outcome == OAST_OUTCOME_INTERRUPTED);
  CHECK(pthread_join(thread, &result) == 0);
  CHECK((intptr_t)result == OAST_INTERRUPTED);
}

static void a_death_is_explained(void) {
  oast_start_options options;
  oast_worker* w;
  const oast_death* death;
  const oast_kernel_info* info;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "doomed";
  OK(oast_worker_start("lua", &options, &w));
  CHECK(strcmp(oast_worker_name(w), "doomed") == 0 && oast_isrunning(w));
  OK(oast_worker_info(w, &info));
  CHECK(info->id == oast_worker_id(w) && info->pid > 0 && info->death == NULL);
  OK(oast_worker_death(w, &death));
  CHECK(death == NULL);
  CHECK(oast_remote_eval_wait(w, "io.stderr:write('last words\\n') os.exit(3)") ==
        OAST_KERNEL_DIED);
  CHECK(oast_error()->death->exit_code == 3);
  CHECK(strstr(oast_error()->death->stderr_tail.data, "last words") != NULL);
  OK(oast_worker_death(w, &death));
  CHECK(death->exit_code == 3 && !oast_isrunning(w));
  oast_worker_free(w);
}

typedef struct sightings {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int dead;
} sightings;

static void on_event(void* context, uint32_t change, const oast_kernel_info* kernel) {
  sightings* s = context;
  pthread_mutex_lock(&s->mutex);
  if (change == OAST_CHANGE_STATE && kernel->state == OAST_DEAD &&
      strcmp(kernel->name, "watched") == 0)
    s->dead = kernel->death != NULL && kernel->death->signal == 9;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->mutex);
}

static void a_broker_lists_watches_and_ends_kernels(void) {
  const char* const argv[] = {"/nowhere/kernel"};
  oast_spec spec;
  oast_embedded_options embedded;
  oast_start_options options;
  oast_broker* broker;
  oast_worker* owner;
  oast_worker* w;
  oast_watch* watch;
  const oast_spec_info* specs;
  const oast_kernel_info* kernels;
  const oast_death* death;
  size_t count;
  size_t i;
  int found = 0;
  sightings seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  memset(&spec, 0, sizeof spec);
  spec.name = "broken";
  spec.argv = argv;
  spec.argv_count = 1;
  memset(&embedded, 0, sizeof embedded);
  embedded.size = sizeof embedded;
  embedded.specs = &spec;
  embedded.specs_count = 1;
  OK(oast_broker_embedded(&embedded, &broker));
  CHECK(oast_broker_connected(broker) && oast_broker_self(broker) != 0);
  CHECK(oast_broker_directory(broker)[0] == '/');
  OK(oast_broker_specs(broker, &specs, &count));
  for (i = 0; i < count; ++i)
    if (strcmp(specs[i].name, "broken") == 0) found = specs[i].problem[0] != '\0';
  CHECK(found);

  OK(oast_broker_watch(broker, on_event, &seen, &watch));
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "watched";
  options.broker = broker;
  OK(oast_worker_start("lua", &options, &owner));
  CHECK(oast_worker_start("lua", &options, &w) == OAST_INVALID); /* the name is taken */
  OK(oast_worker_attach(broker, "watched", NULL, &w));
  CHECK(eval_integer(w, "return 3") == 3);
  OK(oast_broker_list(broker, &kernels, &count));
  CHECK(count == 1 && kernels[0].id == oast_worker_id(w));
  CHECK(kernels[0].owner == oast_broker_self(broker));
  OK(oast_broker_kill(broker, kernels[0].id, &death));
  CHECK(death->signal == 9);
  CHECK(oast_remote_eval_wait(w, "return 3") == OAST_KERNEL_DIED);
  pthread_mutex_lock(&seen.mutex);
  while (!seen.dead) pthread_cond_wait(&seen.changed, &seen.mutex);
  pthread_mutex_unlock(&seen.mutex);
  oast_watch_free(watch);
  oast_worker_free(w);
  oast_worker_free(owner);
  oast_broker_free(broker);
}

static int yes(void) { return 1; }

static void an_interrupt_check_ends_what_blocks(oast_worker* w) {
  const oast_ask endless = oast_make_ask(OAST_EVAL, OAST_WANT_DONE, "while true do end");
  const oast_completions* completions;
  oast_channel* channel;
  oast_future* future;
  CHECK(!oast_was_interrupted());
  OK(oast_submit(w, &endless, &future));
  oast_set_interrupt_check(yes);
  CHECK(oast_future_get(future, -1, NULL) == OAST_INTERRUPTED);
  CHECK(!oast_future_ready(future));
  CHECK(oast_was_interrupted() && !oast_was_interrupted());
  CHECK(oast_complete(w, text("x"), 1, &completions) == OAST_INTERRUPTED);
  OK(oast_future_cancel(future));
  oast_future_free(future);
  CHECK(oast_fetch(w, &endless, NULL, NULL) == OAST_INTERRUPTED);
  CHECK(oast_worker_channel(w, text("while true do end"), 0, &channel) == OAST_INTERRUPTED);
  oast_set_interrupt_check(NULL);
  CHECK(oast_was_interrupted());
  OK(oast_worker_channel(w, text("return oast.channel(1)"), kGenerousMs, &channel));
  oast_set_interrupt_check(yes);
  CHECK(oast_channel_take(channel, -1, &future, NULL) == OAST_INTERRUPTED);
  oast_set_interrupt_check(NULL);
  CHECK(oast_was_interrupted());
  oast_channel_free(channel);
}

static void a_worker_in_this_process_does_the_same(void) {
  oast_worker* w;
  const oast_kernel_info* info;
  OK(oast_worker_in_process(NULL, &w));
  CHECK(eval_integer(w, "return 6 * 7") == 42);
  CHECK(oast_worker_info(w, &info) == OAST_INVALID);
  OK(oast_kill(w));
  CHECK(!oast_isrunning(w));
  oast_worker_free(w);
}

static void bad_arguments_are_refused(void) {
  oast_worker* w;
  oast_start_options unset;
  memset(&unset, 0, sizeof unset);
  CHECK(oast_worker_start("lua", &unset, &w) == OAST_INVALID);
  CHECK(strstr(oast_error()->message.data, "sizeof") != NULL);
  CHECK(oast_worker_start("no-such-spec", NULL, &w) == OAST_NOT_FOUND);
  CHECK(oast_remote_eval_wait(NULL, "return 1") == OAST_INVALID);
  CHECK(oast_future_get(NULL, 0, NULL) == OAST_INVALID);
  CHECK(oast_worker_start("lua", NULL, NULL) == OAST_INVALID);
  oast_worker_free(NULL);
  oast_future_free(NULL);
  oast_queue_push(NULL);
}

int main(void) {
  transcript t;
  oast_start_options options;
  oast_worker* w;
  CHECK(oast_abi() == OAST_ABI);
  CHECK(oast_error() == NULL);
  memset(&t, 0, sizeof t);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.callbacks.context = &t;
  options.callbacks.on_output = on_output;
  options.callbacks.release = forget;
  OK(oast_worker_start("lua", &options, &w));
  an_eval_gives_its_value(w);
  an_interrupt_check_ends_what_blocks(w);
  a_call_takes_several_values(w);
  an_error_says_what_and_where(w);
  lent_memory_is_released_and_results_are_not_copied(w);
  what_fails_releases_too(w);
  a_timeout_cancels(w);
  a_future_can_be_cancelled(w);
  a_queue_tells_an_event_loop_what_is_ready(w);
  output_and_input_reach_the_callbacks(w);
  output_is_bytes_and_can_be_held(w);
  a_log_is_read_again(w);
  a_channel_goes_both_ways(w);
  frontends_are_helped(w);
  a_blocked_thread_can_be_interrupted(w);
  OK(oast_remote_eval_wait(w, "print('of the worker')"));
  CHECK(strcmp(t.out, "logged\nof the worker\n") == 0);
  OK(oast_stop(w, NULL));
  CHECK(t.released == 0);
  oast_worker_free(w);
  CHECK(t.released == 1);
  a_death_is_explained();
  a_broker_lists_watches_and_ends_kernels();
  a_worker_in_this_process_does_the_same();
  bad_arguments_are_refused();
  return 0;
}
