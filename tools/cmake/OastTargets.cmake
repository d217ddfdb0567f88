# How every target of oast is built. Libraries see only what they link, so a folder can include
# another's headers only where its CMakeLists.txt says so.

add_library(oast_options INTERFACE)
target_compile_options(oast_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  -Wno-missing-field-initializers  # designated initializers leave members out on purpose
  -Werror)
if(OAST_SANITIZE)
  target_compile_options(oast_options INTERFACE
    -fsanitize=${OAST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # it warns of its own library there
  target_link_options(oast_options INTERFACE -fsanitize=${OAST_SANITIZE})
  target_sources(oast_options INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_CURRENT_LIST_DIR}/sanitizer_defaults.cpp>)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

# oast_library(NAME SOURCES... ) makes the static library oast_NAME, alias oast::NAME, with the
# public headers under include/.
function(oast_library name)
  add_library(oast_${name} STATIC ${ARGN})
  add_library(oast::${name} ALIAS oast_${name})
  set_target_properties(oast_${name} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(oast_${name} PRIVATE $<BUILD_INTERFACE:oast_options>)
  target_compile_features(oast_${name} PUBLIC cxx_std_20)
  target_include_directories(oast_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS oast_${name} EXPORT oastTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
endfunction()

# oast_program(NAME DESTINATION SOURCES...) makes and installs the program NAME.
function(oast_program name destination)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE oast_options)
  install(TARGETS ${name} RUNTIME DESTINATION ${destination})
endfunction()

# oast_tests(PROGRAM LABEL TEST...) makes of the files TEST.cpp one doctest program, which is compiled and
# linked once, and a ctest test of each file. Link what it needs afterwards.
function(oast_tests program label)
  list(TRANSFORM ARGN APPEND .cpp OUTPUT_VARIABLE sources)
  add_executable(${program} ${sources})
  target_link_libraries(${program} PRIVATE oast_options oast_test_kit)
  foreach(name ${ARGN})
    add_test(NAME ${name} COMMAND ${program} --source-file=*/${name}.cpp)
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600
      FAIL_REGULAR_EXPRESSION "test cases: *0 ")  # a file that matches nothing
  endforeach()
endfunction()

# oast_test(NAME LABEL SOURCES...) makes the doctest program NAME and one ctest test of it.
# LABEL: unit, integration, fault or conformance. Link what it needs afterwards.
function(oast_test name label)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE oast_options oast_test_kit)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600)
endfunction()
