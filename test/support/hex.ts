// Bytes as tests write them down: hexadecimal text, as tcpdump prints it, white space ignored.

export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal bytes: ${text}`);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}
