# Reads every #include of host/ and fails on one that points upward or sideways.
# Layers from the bottom; a folder may include itself and what stands before it,
# but not what stands on the same line.
set(LAYERS
  "base"
  "array"
  "format|lang"
  "linalg"
  "emit"
  "fold"
  "io"
  "device"
  "matrix"
  "plan"
  "stream"
  "session")
# Inside device/: these do not know each other, and device.h does not know them.
set(failures 0)
set(checked 0)

function(layer_of folder out)
  set(level 0)
  foreach(layer IN LISTS LAYERS)
    if(folder MATCHES "^(${layer})$")
      set(${out} ${level} PARENT_SCOPE)
      return()
    endif()
    math(EXPR level "${level} + 1")
  endforeach()
  set(${out} -1 PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files RELATIVE ${SOURCE}/host ${SOURCE}/host/*.c ${SOURCE}/host/*.h)
foreach(file IN LISTS files)
  string(REGEX REPLACE "/.*" "" from ${file})
  file(STRINGS ${SOURCE}/host/${file} includes REGEX "^[ \t]*#[ \t]*include[ \t]*\"")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^[^\"]*\"([^\"]*)\".*" "\\1" path "${line}")
    math(EXPR checked "${checked} + 1")
    set(ok TRUE)
    if(from STREQUAL "cli")
      # The command line sees its own headers and <gpuproc/...> only.
      if(path MATCHES "/" OR NOT EXISTS ${SOURCE}/host/cli/${path})
        set(ok FALSE)
      endif()
    elseif(NOT path MATCHES "/")
      set(ok FALSE) # headers are named from host/, so that a reader sees the layer
    else()
      string(REGEX REPLACE "/.*" "" to ${path})
      layer_of(${from} from_level)
      layer_of(${to} to_level)
      if(to_level LESS 0 OR from_level LESS 0)
        set(ok FALSE)
      elseif(NOT to STREQUAL from AND NOT to_level LESS from_level)
        set(ok FALSE)
      endif()
      if(file MATCHES "^device/(cpu|opencl)/")
        set(own ${CMAKE_MATCH_1})
        if(path MATCHES "^device/([a-z]+)/" AND NOT CMAKE_MATCH_1 STREQUAL own)
          set(ok FALSE)
        endif()
      endif()
      if(file STREQUAL "device/device.h" AND path MATCHES "^device/")
        set(ok FALSE)
      endif()
    endif()
    if(NOT ok)
      message("host/${file}: includes \"${path}\", which is not below it")
      math(EXPR failures "${failures} + 1")
    endif()
  endforeach()
endforeach()
if(failures GREATER 0)
  message(FATAL_ERROR "${failures} includes point upward or sideways")
endif()
if(checked LESS 50)
  message(FATAL_ERROR "only ${checked} includes found: the test does not see the tree")
endif()
message("${checked} includes, all downward")
