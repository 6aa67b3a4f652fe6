# What `cmake --install` adds to the programs, plugins and man pages that their own folders install:
# all that a plugin's author needs, and what an operator reads. Everything finds everything relative to
# itself, so that an installed tree can be moved.
include_guard()

set(TEMPLATES ${CMAKE_INSTALL_DATADIR}/peerpost/templates)
set(DOCUMENTS ${CMAKE_INSTALL_DOCDIR})

# Headers: the contracts as <peerpost/...>; what plugins share as <common/...>, in a folder of its own.
install(DIRECTORY core/include/peerpost DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY plugins/common DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/peerpost-plugin
  FILES_MATCHING PATTERN "*.h")

# The pure helpers, what substrates share, and rows for stores: each plugin takes its own copy.
foreach(pair pp_plugin_base=peerpost-plugin pp_substrate_common=peerpost-substrate pp_store_rows=peerpost-rows)
  string(REPLACE "=" ";" pair ${pair})
  list(GET pair 0 library)
  list(GET pair 1 name)
  set_target_properties(${library} PROPERTIES OUTPUT_NAME ${name})
  install(TARGETS ${library} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()

file(RELATIVE_PATH PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_TO_PREFIX ${PC_TO_PREFIX})
set(PC_SANITIZE "")
if(PEERPOST_SANITIZE)
  set(PC_SANITIZE -fsanitize=${PEERPOST_SANITIZE})
endif()
configure_file(cmake/peerpost-plugin.pc.in peerpost-plugin.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/peerpost-plugin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The templates, each with a Makefile of its own.
install(FILES tests/template/substrate_mesh.c tests/template/substrate/Makefile
  DESTINATION ${TEMPLATES}/substrate)
install(FILES plugins/store-mem/store_mem.c
  tests/template/store/Makefile DESTINATION ${TEMPLATES}/store)

# For people.
install(FILES README.md LICENSE DESTINATION ${DOCUMENTS})
install(DIRECTORY docs/ DESTINATION ${DOCUMENTS} FILES_MATCHING PATTERN "*.md")
install(FILES config/peerpostd.yaml config/peerpost.yaml DESTINATION ${DOCUMENTS}/examples)
