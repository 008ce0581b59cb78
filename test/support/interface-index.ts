// The number of a network interface, for programs that send frames.
import koffi from "koffi";

const nameToIndex = koffi.load("libc.so.6").func("uint32_t if_nametoindex(const char *name)");

export function interfaceIndex(name: string): number {
  const index: number = nameToIndex(name);
  if (index === 0) throw new Error(`no network interface ${name}`);
  return index;
}
