# What other projects see of an installed oast: the target oast::oast by find_package(oast), oast.pc
# by pkg-config, and the Python package. All find their files relative to themselves, so that a
# prefix may move.

include(CMakePackageConfigHelpers)

# The host library under the name that people use.
add_library(oast_oast INTERFACE)
add_library(oast::oast ALIAS oast_oast)
set_target_properties(oast_oast PROPERTIES EXPORT_NAME oast)
target_link_libraries(oast_oast INTERFACE oast_cpp)
install(TARGETS oast_oast EXPORT oastTargets)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/oast)
install(EXPORT oastTargets NAMESPACE oast:: DESTINATION ${package_dir})
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/oastConfig.cmake.in ${PROJECT_BINARY_DIR}/oastConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/oastConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/oastConfig.cmake ${PROJECT_BINARY_DIR}/oastConfigVersion.cmake
  DESTINATION ${package_dir})

file(RELATIVE_PATH pkgconfig_to_prefix
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pkgconfig_to_prefix "${pkgconfig_to_prefix}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/oast.pc.in ${PROJECT_BINARY_DIR}/oast.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/oast.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The Python package, beside that of the Python kernel, which finds it there: a kernel is a host too.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/bindings/python/oast
  DESTINATION ${CMAKE_INSTALL_DATADIR}/oast/python
  FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE PATTERN "_codec" EXCLUDE)
# In the source tree both have a link to the codec, as which it would be installed; installed, each
# has a copy.
foreach(place oast/_codec oast_kernel/codec)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/schemas/python/codec/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/oast/python/${place}
    FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
endforeach()
