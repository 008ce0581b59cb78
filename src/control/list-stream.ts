// Turns a long list into an HTTP body a few hundred entries at a time, so that a million blocks never hold up the
// daemon: between two pieces its other work gets a turn, and a client that reads slowly is waited for.
import { setImmediate } from "node:timers/promises";

/** "array": one JSON array, an entry a line. "lines": JSON Lines, for readers that parse as they go. */
export type ListForm = "array" | "lines";

export function streamList(
  items: Iterable<unknown>,
  form: ListForm,
  entriesPerTurn: number,
  /** Called once, when nothing more is read of the list: at its end, at an error, or when the client has gone. */
  ended: () => void = () => {},
): ReadableStream<Uint8Array> {
  const pieces = listPieces(items, form, entriesPerTurn);
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        await setImmediate();
        try {
          const { done, value } = pieces.next();
          if (!done) return controller.enqueue(encoder.encode(value));
        } catch (error) {
          ended();
          throw error;
        }
        ended();
        controller.close();
      },
      cancel() {
        pieces.return(undefined);
        ended();
      },
    },
    { highWaterMark: 0 },
  );
}

function* listPieces(items: Iterable<unknown>, form: ListForm, entriesPerTurn: number): Generator<string, undefined> {
  const array = form === "array";
  let piece = array ? "[" : "";
  let entries = 0;
  for (const item of items) {
    if (array) piece += entries === 0 ? "\n" : ",\n";
    piece += JSON.stringify(item);
    if (!array) piece += "\n";
    entries++;
    if (entries % entriesPerTurn !== 0) continue;
    yield piece;
    piece = "";
  }
  if (array) piece += entries === 0 ? "]\n" : "\n]\n";
  if (piece !== "") yield piece;
  return undefined;
}
