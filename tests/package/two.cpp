#include <iostream>
#include <oast/oast.hpp>

int main() {
  oast::Worker worker{"lua"};
  std::cout << worker.remote_eval_fetch<int>("1 + 1") << '\n';
}
