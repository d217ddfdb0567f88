// Where a loaded library keeps the address of a function that it imports.
#pragma once

namespace oast::broker {

/// The word in the library that contains `within` through which it calls `function`; nullptr when
/// it imports none of that name. The word is of the library's own relocations (ELF gABI, "Dynamic
/// Section": DT_JMPREL, DT_RELA).
void** find_import(const void* within, const char* function);

/// Stores `target` there, also when the page is read-only after relocation (RELRO). False when the
/// page cannot be written.
bool write_import(void** slot, void* target);

}  // namespace oast::broker
