#!/usr/bin/env bash
# Installs oast into a scratch prefix and builds a program outside the tree against it, once by
# find_package and once by pkg-config; then the same with the README's own program, and with that of
# bindings/c. All must run, with the programs of the prefix and not those of the build tree.
#
#   package_test.sh SOURCE-DIRECTORY BUILD-DIRECTORY COMPILER
set -euo pipefail

source=$1
build=$2
compiler=$3

scratch=$(mktemp -d "${TMPDIR:-/tmp}/oast-package.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
# No daemon of somebody else's is used.
mkdir "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run

fail() {
  echo "package: $*" >&2
  exit 1
}

# expect WANTED COMMAND...: the command prints exactly that.
expect() {
  local wanted=$1 got
  shift
  got=$(OAST_LIBEXEC=$prefix/libexec/oast timeout 60 "$@") || fail "$* failed"
  [[ $got == "$wanted" ]] || fail "$* printed '$got', not '$wanted'"
}

# by_cmake DIRECTORY: builds the project there into DIRECTORY/build.
by_cmake() {
  {
    cmake -S "$1" -B "$1/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
      -DCMAKE_CXX_COMPILER="$compiler" &&
      cmake --build "$1/build"
  } >"$1/log" 2>&1 || { cat "$1/log" && fail "the project in $1 does not build"; }
}

# by_pkg_config SOURCE PROGRAM
by_pkg_config() {
  local flags
  read -ra flags < <(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs oast)
  "$compiler" -std=c++20 "$1" -o "$2" "${flags[@]}"
}

cmake --install "$build" --prefix "$prefix" >"$scratch/log" 2>&1 || { cat "$scratch/log" && exit 1; }
for file in bin/oast libexec/oast/oast-{launch,broker,kernel-lua} include/oast/oast.hpp \
  include/oast.h include/oast_value.h lib/liboast.so lib/liboast.so.1 lib/pkgconfig/oast{,-c}.pc \
  lib/cmake/oast/oast{Config,ConfigVersion,Targets}.cmake; do
  [[ -e $prefix/$file ]] || fail "$file is not installed"
done
if grep -rlF -e "$source" -e "$build" "$prefix/lib/cmake" "$prefix/lib/pkgconfig" "$prefix/include"; then
  fail "these files name the build tree"
fi

mkdir "$scratch/two" "$scratch/readme"
cp "$source"/tests/package/{CMakeLists.txt,two.cpp} "$scratch/two"
by_cmake "$scratch/two"
expect 2 "$scratch/two/build/two"
by_pkg_config "$scratch/two/two.cpp" "$scratch/two/by-pkg-config"
expect 2 "$scratch/two/by-pkg-config"

# block KIND [FILE]: that block of a README. The top one has a program, the project that builds it,
# and what it prints.
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{//!p}" "$source/${2:-README.md}"; }
block cpp >"$scratch/readme/first.cpp"
block cmake >"$scratch/readme/CMakeLists.txt"
by_cmake "$scratch/readme"
expect "$(block 'text first')" "$scratch/readme/build/first"

# The C library, with which a program needs nothing else of oast at run time but its programs.
block c bindings/c/README.md >"$scratch/first.c"
read -ra flags < <(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs oast-c)
cc -std=c99 -Wall -Wextra -pedantic -Werror "$scratch/first.c" -o "$scratch/first" "${flags[@]}"
LD_LIBRARY_PATH=$prefix/lib expect 42 "$scratch/first"
if nm -D --defined-only "$prefix/lib/liboast.so" | grep -v ' oast_'; then
  fail "liboast.so shows more than its own functions"
fi

# And Python on it, which finds it in its own prefix, and with it the programs.
python=(env -u OAST_LIBRARY -u OAST_KERNEL_LIBRARY PYTHONPATH="$prefix/share/oast/python" python3)
expect "$prefix/libexec/oast/oast-kernel-lua" "${python[@]}" -c '
import os, oast
with oast.Worker("lua") as w:
    print(os.readlink("/proc/%d/exe" % w.info().pid))'

# A Python kernel is a host on the same broker, whatever PYTHONPATH and flags it is given.
for options in '{}' '{"env": {"PYTHONPATH": "/nowhere"}}' '{"exeflags": ["-I"]}'; do
  expect "$prefix/share/oast/python/oast/__init__.py $prefix/lib inner outer" "${python[@]}" -c '
import json, sys, oast
with oast.Worker("python", name="outer", **json.loads(sys.argv[1])) as w:
    w.remote_eval_wait("import oast; inner = oast.Worker(\"lua\", name=\"inner\")")
    where = w.remote_eval_fetch("""
import os
maps = open("/proc/self/maps").read().split()
[oast.__file__, *{os.path.dirname(path) for path in maps if "/liboast.so" in path}]""")
    print(*where, *sorted(kernel.name for kernel in w.broker.list()))' "$options"
done

expect 2 "$prefix/bin/oast" eval '1 + 1'
