# How the programs of Souk are put together.

# souk_migrations(TARGET NAMESPACE): compiles migrations/NNNN_*.sql of the current folder into
# `souk::NAMESPACE::migrations` (header "migrations.hpp"), so that a program carries its schema.
function(souk_migrations target namespace)
  file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/migrations/*.sql")
  list(SORT files)
  set(body "")
  foreach(file IN LISTS files)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    get_filename_component(name "${file}" NAME_WE)
    string(REGEX MATCH "^0*([0-9]+)_" _ "${name}")
    file(READ "${file}" sql)
    string(APPEND body "    {${CMAKE_MATCH_1}, \"${name}\", R\"souk_sql(${sql})souk_sql\"},\n")
  endforeach()
  set(dir "${CMAKE_CURRENT_BINARY_DIR}/generated")
  file(CONFIGURE OUTPUT "${dir}/migrations.hpp" @ONLY CONTENT
"#pragma once
#include <span>
#include \"kit/postgres.hpp\"
namespace souk::${namespace} {
extern const std::span<const pg::migration> migrations;
}
")
  file(GENERATE OUTPUT "${dir}/migrations.cpp" CONTENT
"#include \"migrations.hpp\"
namespace souk::${namespace} {
static constexpr pg::migration all[] = {
${body}};
const std::span<const pg::migration> migrations{all};
}
")
  target_sources(${target} PRIVATE "${dir}/migrations.cpp")
  target_include_directories(${target} PUBLIC "${dir}")
endfunction()

# souk_service(order-service NAMESPACE order): the program from main.cpp, a library of everything
# else in the folder, and its tests: *_test.cpp are unit tests (no servers), *_itest.cpp integration
# tests (they start the servers they need).
function(souk_service name)
  cmake_parse_arguments(arg "" "NAMESPACE" "" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "*.cpp")
  list(FILTER sources EXCLUDE REGEX "(_test|_itest|/main)\\.cpp$")
  add_library(${name}-lib STATIC ${sources})
  target_link_libraries(${name}-lib PUBLIC souk-kit)
  target_include_directories(${name}-lib PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/migrations")
    souk_migrations(${name}-lib ${arg_NAMESPACE})
  endif()
  add_executable(${name} main.cpp)
  target_link_libraries(${name} PRIVATE ${name}-lib)
  souk_tests(${name} ${name}-lib)
endfunction()

# souk_tests(NAME LIBRARY): the tests of the current folder. They are not optimized (what they test is):
# compiling them so takes half the time, and they wait more than they compute. Under sanitizers they are:
# checks are dear enough.
function(souk_tests name library)
  if(NOT SOUK_TESTS)
    return()
  endif()
  set(how "")
  if(NOT SOUK_SANITIZE)
    set(how -O0)
  endif()
  file(GLOB unit CONFIGURE_DEPENDS "*_test.cpp")
  if(unit)
    add_executable(${name}-unit-tests ${unit})
    target_compile_options(${name}-unit-tests PRIVATE ${how})
    target_link_libraries(${name}-unit-tests PRIVATE ${library} GTest::gtest_main GTest::gmock rapidcheck)
    gtest_discover_tests(${name}-unit-tests TEST_PREFIX "${name}/" DISCOVERY_MODE PRE_TEST
                         PROPERTIES LABELS unit TIMEOUT 60)
  endif()
  file(GLOB integration CONFIGURE_DEPENDS "*_itest.cpp")
  if(integration)
    add_executable(${name}-integration-tests ${integration})
    target_compile_options(${name}-integration-tests PRIVATE ${how})
    target_link_libraries(${name}-integration-tests PRIVATE ${library} souk-testing GTest::gtest GTest::gmock)
    # One process for the whole file set: starting the servers costs more than the tests.
    add_test(NAME ${name}/integration COMMAND ${name}-integration-tests)
    set_tests_properties(${name}/integration PROPERTIES LABELS integration TIMEOUT 300)
  endif()
endfunction()
