// The present troubles by topic, for `status`: a trouble stands until it is over.

export interface Troubles {
  /** Replaces what stood under the topic. */
  set(topic: string, message: string): void;
  clear(topic: string): void;
  current(): readonly string[];
}

export function createTroubles(): Troubles {
  const byTopic = new Map<string, string>();
  return {
    set(topic, message) {
      byTopic.set(topic, message);
    },
    clear(topic) {
      byTopic.delete(topic);
    },
    current: () => [...byTopic.values()],
  };
}

/** For a part that tells when it cannot do its work, and when it can again. */
export function troubleListener(topic: string, troubles: Troubles, say: (message: string) => void) {
  return {
    onTrouble(message: string) {
      troubles.set(topic, message);
      say(message);
    },
    onRecovered(message: string) {
      troubles.clear(topic);
      say(message);
    },
  };
}
