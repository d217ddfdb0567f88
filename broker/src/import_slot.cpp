#include "import_slot.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace oast::broker {

namespace {

#if __ELF_NATIVE_CLASS == 64
std::size_t symbol_of(const ElfW(Rela) & entry) { return ELF64_R_SYM(entry.r_info); }
#else
std::size_t symbol_of(const ElfW(Rela) & entry) { return ELF32_R_SYM(entry.r_info); }
#endif

template <class T>
const T* at(ElfW(Addr) address) {
  return reinterpret_cast<const T*>(address);  // NOLINT: what the loader mapped there
}

/// What a dynamic section says of relocations; addresses as the loader left them, relocated.
struct Relocations {
  explicit Relocations(const ElfW(Dyn) * entry) {
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_SYMTAB) symbols = at<ElfW(Sym)>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_STRTAB) strings = at<char>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_JMPREL) plt = entry->d_un.d_ptr;
      if (entry->d_tag == DT_PLTRELSZ) plt_bytes = entry->d_un.d_val;
      if (entry->d_tag == DT_PLTREL && entry->d_un.d_val != DT_RELA) symbols = nullptr;
      if (entry->d_tag == DT_RELA) other = entry->d_un.d_ptr;
      if (entry->d_tag == DT_RELASZ) other_bytes = entry->d_un.d_val;
    }
  }

  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  ElfW(Addr) plt = 0;
  ElfW(Xword) plt_bytes = 0;
  ElfW(Addr) other = 0;
  ElfW(Xword) other_bytes = 0;
};

void** find_among(const Relocations& all, ElfW(Addr) table, ElfW(Xword) bytes, ElfW(Addr) base,
                  const char* function) {
  if (table == 0) return nullptr;
  const std::span entries(at<ElfW(Rela)>(table), bytes / sizeof(ElfW(Rela)));
  for (const auto& entry : entries) {
    // Every relocation against a function that is defined elsewhere makes a word its address.
    const auto symbol = symbol_of(entry);
    if (symbol == 0 || all.symbols[symbol].st_shndx != SHN_UNDEF) continue;
    if (std::strcmp(all.strings + all.symbols[symbol].st_name, function) == 0)
      return reinterpret_cast<void**>(base + entry.r_offset);  // NOLINT: as the loader does
  }
  return nullptr;
}

/// Whether the loader made the page read-only.
bool is_relro(const void* slot) {
  struct Search {
    ElfW(Addr) address;
    bool found = false;
  } search{reinterpret_cast<ElfW(Addr)>(slot)};  // NOLINT
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        for (const auto& header : std::span(info->dlpi_phdr, info->dlpi_phnum)) {
          const auto start = info->dlpi_addr + header.p_vaddr;
          if (header.p_type == PT_GNU_RELRO && wanted.address >= start &&
              wanted.address < start + header.p_memsz)
            wanted.found = true;
        }
        return wanted.found ? 1 : 0;
      },
      &search);
  return search.found;
}

}  // namespace

void** find_import(const void* within, const char* function) {
  Dl_info info{};
  link_map* map = nullptr;
  void** extra = reinterpret_cast<void**>(&map);  // NOLINT: as dladdr1(3) has it
  if (::dladdr1(within, &info, extra, RTLD_DL_LINKMAP) == 0 || map == nullptr) return nullptr;
  const Relocations all(map->l_ld);
  if (all.symbols == nullptr || all.strings == nullptr) return nullptr;
  if (void** slot = find_among(all, all.plt, all.plt_bytes, map->l_addr, function)) return slot;
  return find_among(all, all.other, all.other_bytes, map->l_addr, function);
}

bool write_import(void** slot, void* target) {
  const auto page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(slot);        // NOLINT
  auto* page = reinterpret_cast<void*>(address & ~(page_bytes - 1));  // NOLINT
  const bool relro = is_relro(slot);
  if (relro && ::mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  // Other threads may be calling through it.
  __atomic_store_n(slot, target, __ATOMIC_RELEASE);
  if (relro) ::mprotect(page, page_bytes, PROT_READ);
  return true;
}

}  // namespace oast::broker
