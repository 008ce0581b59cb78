// libnftables in process: one context, commands as text, answers as JSON or text. Commands reach this file only from
// table/, which builds them from parsed values.
import koffi from "koffi";
import * as K from "./constants.ts";
import { KernelError } from "./errors.ts";

export interface NftAnswer {
  readonly ok: boolean;
  readonly output: string;
  /** The text that nft would have printed to stderr. */
  readonly error: string;
}

export class Libnftables {
  readonly #functions: ReturnType<typeof bindFunctions>;
  /** undefined after close(). */
  #context: unknown;

  /** Throws KernelError when the library is missing. */
  constructor() {
    this.#functions = bindFunctions();
    const context: unknown = this.#functions.create(0);
    if (context === null) throw new KernelError("libnftables: cannot make a context", "");
    this.#functions.bufferOutput(context);
    this.#functions.bufferError(context);
    this.#context = context;
  }

  /** Runs the commands as one transaction. Text in, text out. */
  run(commands: string): NftAnswer {
    return this.#run(commands, 0);
  }

  /** Runs one list or get command and gives its JSON text. `terse` leaves out the elements of sets. */
  query(command: string, terse = false): NftAnswer {
    return this.#run(command, K.NFT_CTX_OUTPUT_JSON | (terse ? K.NFT_CTX_OUTPUT_TERSE : 0));
  }

  #run(commands: string, flags: number): NftAnswer {
    if (this.#context === undefined) throw new KernelError("libnftables: used after close()", "");
    this.#functions.setFlags(this.#context, flags);
    const code: number = this.#functions.run(this.#context, commands);
    const output: string = this.#functions.output(this.#context) ?? "";
    const error: string = this.#functions.error(this.#context) ?? "";
    return { ok: code === 0, output, error };
  }

  close(): void {
    if (this.#context === undefined) return;
    this.#functions.free(this.#context);
    this.#context = undefined;
  }
}

function bindFunctions() {
  const library = loadLibrary();
  return {
    create: library.func("void *nft_ctx_new(uint32_t flags)"),
    free: library.func("void nft_ctx_free(void *ctx)"),
    bufferOutput: library.func("int nft_ctx_buffer_output(void *ctx)"),
    bufferError: library.func("int nft_ctx_buffer_error(void *ctx)"),
    setFlags: library.func("void nft_ctx_output_set_flags(void *ctx, unsigned int flags)"),
    run: library.func("int nft_run_cmd_from_buffer(void *ctx, const char *commands)"),
    output: library.func("const char *nft_ctx_get_output_buffer(void *ctx)"),
    error: library.func("const char *nft_ctx_get_error_buffer(void *ctx)"),
  };
}

function loadLibrary() {
  try {
    return koffi.load("libnftables.so.1");
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new KernelError(`cannot load libnftables.so.1 (${detail})`, "", "install it: apt-get install nftables");
  }
}
