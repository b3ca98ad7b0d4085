#include <iostream>
#include <string>
#include <vector>

#include "kit/keys_tool.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return souk::run_keys_tool(words, std::cin, std::cout, std::cerr);
}
