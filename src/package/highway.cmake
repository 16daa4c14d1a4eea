# Makes the target hwy::hwy. Highway before 1.1 comes without a CMake package.
if(NOT TARGET hwy::hwy)
  find_package(hwy CONFIG QUIET)
endif()
if(NOT TARGET hwy::hwy)
  find_path(HWY_INCLUDE hwy/highway.h REQUIRED)
  find_library(HWY_LIBRARY hwy REQUIRED)
  add_library(hwy::hwy UNKNOWN IMPORTED)
  set_target_properties(hwy::hwy PROPERTIES
    IMPORTED_LOCATION "${HWY_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${HWY_INCLUDE}")
endif()
