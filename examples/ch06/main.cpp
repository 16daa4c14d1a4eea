#include "examples/ch06/sections.hpp"

int main(int argc, char** argv) { return report::run_job(argc, argv, ch06::chapter()); }
