// What the sanitizers need to know, in every program of a sanitized build: an environment variable
// would not reach kernels, which inherit none.

// libzmq is not compiled with ThreadSanitizer, which therefore does not see how its threads and
// ours synchronise through its mailboxes. Neither is libstdc++, with the counter of an exception.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so\nrace:libzmq.so\nmutex:libzmq.so\n"
         "race:std::__exception_ptr::exception_ptr::_M_release\n";
}

// libedit does not free two of its wide strings at the end of an editor; nothing of ours calls
// wcsdup.
extern "C" const char* __lsan_default_suppressions() { return "leak:wcsdup\n"; }
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
