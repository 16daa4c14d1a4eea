#pragma once
#include <thalweg/composite.hpp>
