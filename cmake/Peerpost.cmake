# How every folder of Peerpost is built: flags, libraries, plugins, programs, tests.
include_guard()
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CUNIT REQUIRED IMPORTED_TARGET cunit)
find_library(EV_LIBRARY ev REQUIRED)
find_library(LMDB_LIBRARY lmdb REQUIRED)
find_library(UNISTRING_LIBRARY unistring REQUIRED)

option(PEERPOST_CRASH_POINTS "Build in crash points (PP_CRASH=name:n) and mutants for tests" ON)
set(PEERPOST_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(PEERPOST_PLUGIN_DIR ${CMAKE_BINARY_DIR}/plugins)

add_library(peerpost_flags INTERFACE)
target_compile_features(peerpost_flags INTERFACE c_std_11)
target_compile_definitions(peerpost_flags INTERFACE _GNU_SOURCE
  $<$<BOOL:${PEERPOST_CRASH_POINTS}>:PEERPOST_CRASH_POINTS>)
target_compile_options(peerpost_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wvla -Werror -fno-common -fstack-protector-strong -fstack-clash-protection
  $<$<C_COMPILER_ID:GNU>:-fcf-protection -ftrivial-auto-var-init=zero>
  $<$<C_COMPILER_ID:Clang>:-ftrivial-auto-var-init=pattern -Wno-gnu-zero-variadic-macro-arguments>
  $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
target_include_directories(peerpost_flags INTERFACE ${CMAKE_SOURCE_DIR}/core/include)
target_link_options(peerpost_flags INTERFACE -Wl,--as-needed -Wl,-z,relro,-z,now,-z,noexecstack)
if(PEERPOST_SANITIZE)
  # gcc's sanitizers hide value ranges from its own warnings: these three then cry wolf.
  target_compile_options(peerpost_flags INTERFACE
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation -Wno-maybe-uninitialized -Wno-stringop-overflow>
    -fsanitize=${PEERPOST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(peerpost_flags INTERFACE -fsanitize=${PEERPOST_SANITIZE})
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# A library of the core or the user agent: objects plus an archive, includes rooted at core/ and ua/.
function(peerpost_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/core ${CMAKE_SOURCE_DIR}/ua)
  target_link_libraries(${name} PUBLIC peerpost_flags ${A_LIBS})
endfunction()

# All plugins, all installed programs: for builds without the tests.
add_custom_target(plugins)
add_custom_target(programs)

# A plugin's shared object build/<preset>/plugins/<name>.so, and <name>_objects for its unit tests.
# It sees the public headers, the pure helpers and what it names in LIBS; nothing else.
function(peerpost_add_plugin name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name}_objects OBJECT ${A_SOURCES})
  target_compile_options(${name}_objects PRIVATE -fvisibility=hidden)
  target_link_libraries(${name}_objects PUBLIC peerpost_flags pp_plugin_base ${A_LIBS})
  add_library(${name} MODULE $<TARGET_OBJECTS:${name}_objects>)
  target_link_libraries(${name} PRIVATE peerpost_flags pp_plugin_base ${A_LIBS})
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
  if(NOT PEERPOST_SANITIZE OR CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${PEERPOST_PLUGIN_DIR})
  add_dependencies(plugins ${name})
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/peerpost)
endfunction()

# A program build/<preset>/bin/<name>.
function(peerpost_program name)
  cmake_parse_arguments(A "NOINSTALL" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/core ${CMAKE_SOURCE_DIR}/ua)
  target_link_libraries(${name} PRIVATE peerpost_flags ${A_LIBS})
  target_link_options(${name} PRIVATE -pie)
  if(NOT A_NOINSTALL)
    add_dependencies(programs ${name})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# A CUnit program as a ctest test. LABELS: unit (default), conformance, system, long ...
function(peerpost_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LIBS;LABELS;ARGS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE
    ${CMAKE_SOURCE_DIR}/core ${CMAKE_SOURCE_DIR}/ua ${CMAKE_SOURCE_DIR}/tests/harness
    ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE peerpost_flags ${A_LIBS} PkgConfig::CUNIT)
  add_test(NAME ${name} COMMAND ${name} ${A_ARGS})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT}
    ENVIRONMENT "PEERPOST_PLUGINS=${PEERPOST_PLUGIN_DIR};PEERPOST_BIN=${CMAKE_BINARY_DIR}/bin;PEERPOST_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()

# A script as a ctest test, with the same environment.
function(peerpost_script_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "COMMAND;LABELS" ${ARGN})
  add_test(NAME ${name} COMMAND ${A_COMMAND} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT}
    ENVIRONMENT "PEERPOST_PLUGINS=${PEERPOST_PLUGIN_DIR};PEERPOST_BIN=${CMAKE_BINARY_DIR}/bin;PEERPOST_SOURCE=${CMAKE_SOURCE_DIR};PEERPOST_BUILD=${CMAKE_BINARY_DIR}")
endfunction()

# A fuzz target: SOURCES hold LLVMFuzzerTestOneInput. With clang and PEERPOST_FUZZ=ON a libFuzzer
# program; else (and in every test run) a replay of tests/fuzz/corpus/<CORPUS> with a fixed number of
# seeded mutations of each file.
option(PEERPOST_FUZZ "Build fuzz targets against libFuzzer (clang)" OFF)
if(PEERPOST_FUZZ)
  # Every library counts what it covers, or the fuzzer is blind in it.
  target_compile_options(peerpost_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
function(peerpost_fuzz name)
  cmake_parse_arguments(A "" "CORPUS" "SOURCES;LIBS" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${A_CORPUS})
  if(PEERPOST_FUZZ)
    peerpost_program(${name} NOINSTALL SOURCES ${A_SOURCES} LIBS ${A_LIBS})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    peerpost_program(${name} NOINSTALL SOURCES ${A_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c
      LIBS ${A_LIBS})
    add_test(NAME ${name}_replay COMMAND ${name} ${corpus})
    set_tests_properties(${name}_replay PROPERTIES LABELS unit TIMEOUT 120)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
