#!/usr/bin/env bash
# schemas includes nothing of ours; broker, kernel and bindings/cpp include schemas and never each
# other, except that the host library embeds the broker and the Lua engine through their public
# headers; bindings/c stands on bindings/cpp alone. Proven with the directories that CMake gives each target, so that it is the build itself
# that enforces the rule.
#
#   include_rule.sh SOURCE-DIRECTORY COMPILER TARGET=DIRECTORY:DIRECTORY...
set -euo pipefail

source=$1
compiler=$2
shift 2
declare -A directories
for argument in "$@"; do directories[${argument%%=*}]=${argument#*=}; done
failures=0

# sees TARGET HEADER: whether a source of TARGET can include HEADER.
sees() {
  local list flags=() directory
  IFS=: read -ra list <<<"${directories[$1]}"
  for directory in "${list[@]}"; do flags+=(-isystem "$directory"); done
  echo "#if !__has_include(\"$2\")
#error
#endif" | "$compiler" -std=c++20 -x c++ -E "${flags[@]}" - >/dev/null 2>&1
}

# must see|"not see" TARGET HEADER...
must() {
  local verb=$1 target=$2 header found
  shift 2
  for header in "$@"; do
    if sees "$target" "$header"; then found=see; else found="not see"; fi
    if [[ $found != "$verb" ]]; then
      echo "oast_$target must $verb $header"
      failures=$((failures + 1))
    fi
  done
}

headers_of() { (cd "$source/$1/include" && find . -name '*.hpp' -printf '%P\n'); }
mapfile -t broker < <(headers_of broker)
mapfile -t kernel < <(headers_of kernel)
mapfile -t host < <(headers_of bindings/cpp)
mapfile -t schemas < <(headers_of schemas)
mapfile -t transport < <(headers_of schemas/transport)

must "not see" schemas "${broker[@]}" "${kernel[@]}" "${host[@]}" "${transport[@]}"
must "not see" transport "${broker[@]}" "${kernel[@]}" "${host[@]}"
must "not see" broker "${kernel[@]}" "${host[@]}"
must "not see" kernel "${broker[@]}" "${host[@]}"
must "not see" lua "${broker[@]}" "${host[@]}"
for target in transport broker kernel lua cpp; do must see "$target" "${schemas[@]}"; done
for target in broker kernel cpp; do must see "$target" "${transport[@]}"; done
must see cpp "${broker[@]}" "oast/kernel/lua.hpp"
must see c "${host[@]}" "${schemas[@]}"
must "not see" c "${broker[@]}" "${kernel[@]}"
if [[ :${directories[cpp]}: =~ :$source/(broker|kernel)/(src|engines)[:/] ]]; then
  echo "oast_cpp must not see what lies deeper in broker/ and kernel/: ${directories[cpp]}"
  failures=$((failures + 1))
fi

if [[ ${broker[*]} != oast/broker/broker.hpp ]]; then
  echo "broker/include has more than the one header that the host library may see: ${broker[*]}"
  failures=$((failures + 1))
fi
# The way around include directories.
if (cd "$source" && grep -rnE '#include "([^"]*/)?\.\./' --include='*.[ch]pp' \
  schemas broker kernel bindings tools); then
  echo "an include climbs out of its folder"
  failures=$((failures + 1))
fi
exit $((failures > 0))
